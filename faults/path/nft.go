package path

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
)

// Dropped counts packets that the fault dropped, by direction as the host sees it.
type Dropped struct {
	Sent     uint64 // from the host to the server
	Received uint64 // from the server to the host
}

const (
	counterSent     = "sent"
	counterReceived = "received"
)

// ruleset is the text of one nft transaction that adds the table.
func ruleset(table string, server netip.AddrPort) string {
	family := "ip"
	if server.Addr().Is6() {
		family = "ip6"
	}
	return fmt.Sprintf(`add table inet %[1]s
add counter inet %[1]s %[2]s
add counter inet %[1]s %[3]s
add chain inet %[1]s out { type filter hook output priority -300 ; policy accept ; }
add chain inet %[1]s in { type filter hook input priority -300 ; policy accept ; }
add rule inet %[1]s out %[4]s daddr %[5]s tcp dport %[6]d counter name "%[2]s" drop
add rule inet %[1]s in %[4]s saddr %[5]s tcp sport %[6]d counter name "%[3]s" drop
`, table, counterSent, counterReceived, family, server.Addr(), server.Port())
}

// nft runs one transaction.
func (f *Fault) nft(ctx context.Context, commands string) error {
	_, err := f.o.Runner.Run(ctx, "nft", commands)
	if err != nil {
		return fmt.Errorf("nft in the network namespace of %s: %w (it needs the program nft and CAP_NET_ADMIN)", f.o.Host, err)
	}
	return nil
}

// nftList is the part of `nft -j` that is read here.
type nftList struct {
	Objects []struct {
		Table   *struct{ Name string }
		Counter *struct {
			Table, Name string
			Packets     uint64
		}
	} `json:"nftables"`
}

func (f *Fault) list(ctx context.Context, what ...string) (nftList, error) {
	var l nftList
	out, err := f.o.Runner.Run(ctx, append([]string{"nft", "-j", "list"}, what...)...)
	if err != nil {
		return l, fmt.Errorf("nft in the network namespace of %s: %w (it needs the program nft and CAP_NET_ADMIN)", f.o.Host, err)
	}
	if err := json.Unmarshal([]byte(out), &l); err != nil {
		return l, fmt.Errorf("nft in the network namespace of %s: list %v: not JSON: %w", f.o.Host, what, err)
	}
	return l, nil
}

// tables returns the names of all tables of family inet.
func (f *Fault) tables(ctx context.Context) ([]string, error) {
	l, err := f.list(ctx, "tables", "inet")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, o := range l.Objects {
		if o.Table != nil {
			names = append(names, o.Table.Name)
		}
	}
	return names, nil
}

// counters reads both counters of the fault's table.
func (f *Fault) counters(ctx context.Context) (Dropped, error) {
	l, err := f.list(ctx, "counters", "table", "inet", f.table)
	if err != nil {
		return Dropped{}, err
	}
	var d Dropped
	found := 0
	for _, o := range l.Objects {
		if o.Counter == nil || o.Counter.Table != f.table {
			continue
		}
		switch o.Counter.Name {
		case counterSent:
			d.Sent = o.Counter.Packets
			found++
		case counterReceived:
			d.Received = o.Counter.Packets
			found++
		}
	}
	if found != 2 {
		return d, fmt.Errorf("table %s: found %d of its 2 counters: somebody changed it", f.table, found)
	}
	return d, nil
}
