// Package path takes the path from one host to one server away: nftables rules in that host's network namespace drop every
// packet between the host and the server's address and port, in both directions. The server and the other hosts notice
// nothing, and open connections hang without an error.
package path

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"time"

	"github.com/holdfast-ha/holdfast/faults/wire"
)

// Runner runs a program in the network namespace of the host that loses its path, and returns its output. A program that
// exits with a code other than 0 is an error that carries what it wrote to standard error.
type Runner interface {
	Run(ctx context.Context, argv ...string) (stdout string, err error)
}

// Options of a lost path.
type Options struct {
	// Host is the word of the scenario (for=host2): letters, digits, dash.
	Host string
	// Server is the address and port that become unreachable.
	Server netip.AddrPort
	// Runner runs nft in the host's network namespace; the host needs CAP_NET_ADMIN there.
	Runner Runner
	// Probe asks the server from the host's network namespace whether it answers, with a deadline.
	Probe wire.Prober
}

// retryEvery is the pause between two questions to a server whose path was restored a moment ago.
const retryEvery = 100 * time.Millisecond

// Fault is a lost path. It implements lifecycle.Fault.
type Fault struct {
	o       Options
	table   string   // name of the nftables table, unique to this fault
	dropped *Dropped // counts at the last proof; nil before
	healing bool     // Heal was tried
	early   bool     // it was proven, and was gone before anybody healed it
}

// New returns the fault that the options describe, or an error that names the option that is wrong.
func New(o Options) (*Fault, error) {
	switch {
	case !regexp.MustCompile(`^[A-Za-z0-9-]{1,32}$`).MatchString(o.Host):
		return nil, fmt.Errorf("drop path: for=%s: want a host name of letters, digits and dashes", o.Host)
	case !o.Server.IsValid() || o.Server.Port() == 0:
		return nil, fmt.Errorf("drop path: server %s: want an IP address and a port", o.Server)
	case o.Runner == nil:
		return nil, errors.New("drop path: no runner given")
	case o.Probe == nil:
		return nil, errors.New("drop path: no probe given: the fault could not be proven")
	}
	var b [4]byte
	_, _ = rand.Read(b[:])
	o.Server = netip.AddrPortFrom(o.Server.Addr().Unmap(), o.Server.Port())
	return &Fault{o: o, table: "holdfast_drop_" + hex.EncodeToString(b[:])}, nil
}

// String prints the scenario's words: "drop path for=host2".
func (f *Fault) String() string { return "drop path for=" + f.o.Host }

// Table is the name of the fault's nftables table (family inet).
func (f *Fault) Table() string { return f.table }

// Setup checks that nft works in the host's namespace and that the server answers from there now.
func (f *Fault) Setup(ctx context.Context) error {
	if _, err := f.tables(ctx); err != nil {
		return err
	}
	if _, err := f.o.Probe.Probe(ctx); err != nil {
		return fmt.Errorf("%s does not reach %s even before its path is dropped: %w", f.o.Host, f.o.Server, err)
	}
	return nil
}

// Inject adds the table, in one transaction.
func (f *Fault) Inject(ctx context.Context) error {
	return f.nft(ctx, ruleset(f.table, f.o.Server))
}

// Prove wants an own request from the host's namespace unanswered until its deadline, and packets counted as dropped.
func (f *Fault) Prove(ctx context.Context) (string, error) {
	took, err := f.o.Probe.Probe(ctx)
	switch {
	case err == nil:
		return "", fmt.Errorf("not in effect: %s answered %s after %s", f.o.Server, f.o.Host, took)
	case !errors.Is(err, wire.ErrSilent):
		return "", fmt.Errorf("not proven: an own request failed, but not by silence: %w", err)
	}
	d, cerr := f.counters(ctx)
	if cerr != nil {
		return "", cerr
	}
	if d.Sent+d.Received == 0 {
		return "", fmt.Errorf("not proven: an own request had no answer, but table %s has dropped no packet", f.table)
	}
	f.dropped = &d
	return fmt.Sprintf("table %s dropped %d packets to and %d packets from %s, and an own request from %s had no answer for %s",
		f.table, d.Sent, d.Received, f.o.Server, f.o.Host, took.Round(time.Millisecond)), nil
}

// Dropped returns the packets that were counted as dropped at the last proof, and false before it.
func (f *Fault) Dropped() (Dropped, bool) {
	if f.dropped == nil {
		return Dropped{}, false
	}
	return *f.dropped, true
}

// Heal removes the table. It succeeds when there is none; where the fault was proven before, somebody else removed it, and
// ProveGone reports that.
func (f *Fault) Heal(ctx context.Context) error {
	if f.dropped != nil && !f.healing {
		tables, err := f.tables(ctx)
		if err != nil {
			return err
		}
		f.early = !slices.Contains(tables, f.table)
	}
	f.healing = true
	// `add` makes the `delete` succeed where the table is gone already; both are one transaction.
	return f.nft(ctx, fmt.Sprintf("add table inet %[1]s; delete table inet %[1]s", f.table))
}

// ProveGone wants the table gone and an own request from the host's namespace answered. Tries end with the context. A table
// that was gone before it was healed is an error.
func (f *Fault) ProveGone(ctx context.Context) (string, error) {
	if f.early {
		return "", fmt.Errorf("table %s was gone before it was healed: the fault was not in effect all the time", f.table)
	}
	tables, err := f.tables(ctx)
	if err != nil {
		return "", err
	}
	if slices.Contains(tables, f.table) {
		return "", fmt.Errorf("table %s is still there", f.table)
	}
	for try := 1; ; try++ {
		took, err := f.o.Probe.Probe(ctx)
		if err == nil {
			return fmt.Sprintf("table %s is gone and an own request from %s was answered after %s (try %d)", f.table, f.o.Host, took.Round(time.Microsecond), try), nil
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("table %s is gone, but %d own requests from %s had no answer: %w", f.table, try, f.o.Host, err)
		case <-time.After(retryEvery):
		}
	}
}

// Cleanup removes the table if Heal never did.
func (f *Fault) Cleanup(ctx context.Context) error { return f.Heal(ctx) }
