package path

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-ha/holdfast/faults/lifecycle"
	"github.com/holdfast-ha/holdfast/faults/wire"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(playRole(role, os.Args[1:]))
	}
	goleak.VerifyTestMain(m)
}

var _ lifecycle.Fault = (*Fault)(nil)

// fakeHost is a host whose nft is a few lines of Go, and a server behind it.
type fakeHost struct {
	tables      map[string]bool
	packets     int
	ineffective bool // the rules are there and nothing is dropped
	refuses     bool
	noNft       bool
	log         []string
}

func (h *fakeHost) Run(_ context.Context, argv ...string) (string, error) {
	h.log = append(h.log, strings.Join(argv, " "))
	if h.noNft {
		return "", errors.New("exec: nft: not found")
	}
	switch text := strings.Join(argv[1:], " "); {
	case strings.HasPrefix(text, "-j list tables"):
		out := `{"nftables":[{"metainfo":{"version":"1.0.6"}}`
		for name := range h.tables {
			out += fmt.Sprintf(`,{"table":{"family":"inet","name":"%s","handle":1}}`, name)
		}
		return out + "]}", nil
	case strings.HasPrefix(text, "-j list counters table inet "):
		name := argv[len(argv)-1]
		return fmt.Sprintf(`{"nftables":[{"metainfo":{}},{"counter":{"family":"inet","name":"received","table":"%[1]s","handle":2,"packets":0,"bytes":0}},
			{"counter":{"family":"inet","name":"sent","table":"%[1]s","handle":3,"packets":%[2]d,"bytes":60}}]}`, name, h.packets), nil
	case strings.Contains(text, "delete table"):
		delete(h.tables, strings.Fields(text)[3][:len("holdfast_drop_00000000")])
	default:
		h.tables[strings.Fields(text)[3]] = true
	}
	return "", nil
}

func (h *fakeHost) Probe(context.Context) (time.Duration, error) {
	switch {
	case h.refuses:
		return 0, wire.ErrRefused
	case len(h.tables) > 0 && !h.ineffective:
		h.packets++
		return time.Second, wire.ErrSilent
	}
	return time.Millisecond, nil
}

var server = netip.MustParseAddrPort("10.9.8.7:2049")

func fault(t *testing.T, h *fakeHost) *Fault {
	t.Helper()
	f, err := New(Options{Host: "host2", Server: server, Runner: h, Probe: h})
	require.NoError(t, err)
	return f
}

func TestWholeLife(t *testing.T) {
	h := &fakeHost{tables: map[string]bool{}}
	f := fault(t, h)
	require.Equal(t, "drop path for=host2", f.String())
	g := lifecycle.Guard(f)
	require.NoError(t, g.Setup(t.Context()))
	require.NoError(t, g.Inject(t.Context()))
	require.True(t, h.tables[f.Table()])
	require.NoError(t, g.Prove(t.Context()))
	proof, _ := g.Last(lifecycle.Prove)
	require.Contains(t, proof.Proof, "dropped 1 packets to and 0 packets from 10.9.8.7:2049")
	require.NoError(t, g.Heal(t.Context()))
	require.NoError(t, g.Heal(t.Context()), "healing is idempotent")
	require.NoError(t, g.ProveGone(t.Context()))
	require.NoError(t, g.Cleanup(t.Context()))
	require.Empty(t, h.tables)
}

func TestWhatIsNoProof(t *testing.T) {
	_, err := fault(t, &fakeHost{}).Prove(t.Context())
	require.ErrorContains(t, err, "not in effect: 10.9.8.7:2049 answered host2")
	_, err = fault(t, &fakeHost{refuses: true}).Prove(t.Context())
	require.ErrorContains(t, err, "not by silence")
	silent := &fakeHost{tables: map[string]bool{"other": true}, packets: -1}
	_, err = fault(t, silent).Prove(t.Context())
	require.ErrorContains(t, err, "has dropped no packet", "silence for another reason")
}

func TestSetupWantsNftAndAPath(t *testing.T) {
	require.ErrorContains(t, fault(t, &fakeHost{noNft: true}).Setup(t.Context()), "CAP_NET_ADMIN")
	require.ErrorContains(t, fault(t, &fakeHost{refuses: true}).Setup(t.Context()), "even before its path is dropped")
}

func TestNotGone(t *testing.T) {
	h := &fakeHost{tables: map[string]bool{}}
	f := fault(t, h)
	require.NoError(t, f.Inject(t.Context()))
	_, err := f.ProveGone(t.Context())
	require.ErrorContains(t, err, "is still there")
}

func TestOptions(t *testing.T) {
	h := &fakeHost{}
	for _, o := range []Options{
		{Host: "host2; reboot", Server: server, Runner: h, Probe: h},
		{Host: "", Server: server, Runner: h, Probe: h},
		{Host: "host2", Runner: h, Probe: h},
		{Host: "host2", Server: netip.MustParseAddrPort("10.0.0.1:0"), Runner: h, Probe: h},
		{Host: "host2", Server: server, Probe: h},
		{Host: "host2", Server: server, Runner: h},
	} {
		_, err := New(o)
		require.Error(t, err, "%+v", o)
	}
	a, b := fault(t, h), fault(t, h)
	require.NotEqual(t, a.Table(), b.Table(), "each fault has a table of its own")
}

func TestRulesetSpeaksBothFamilies(t *testing.T) {
	require.Contains(t, ruleset("x", server), "ip daddr 10.9.8.7 tcp dport 2049")
	require.Contains(t, ruleset("x", netip.MustParseAddrPort("[fd00::1]:3260")), "ip6 saddr fd00::1 tcp sport 3260")
}

// A table that somebody else removed did not drop packets until it was healed.
func TestFaultThatEndedByItselfIsNotProvenGone(t *testing.T) {
	h := &fakeHost{tables: map[string]bool{}}
	f := fault(t, h)
	require.NoError(t, f.Inject(t.Context()))
	_, err := f.Prove(t.Context())
	require.NoError(t, err)
	delete(h.tables, f.Table())
	require.NoError(t, f.Heal(t.Context()), "there is nothing left to heal")
	_, err = f.ProveGone(t.Context())
	require.ErrorContains(t, err, "gone before it was healed")
}
