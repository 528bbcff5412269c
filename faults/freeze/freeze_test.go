package freeze

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-ha/holdfast/faults/lifecycle"
	"github.com/holdfast-ha/holdfast/faults/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var _ lifecycle.Fault = (*Fault)(nil)

// fakeServer is a container and the server in it.
type fakeServer struct {
	paused   bool
	silent   bool // does not answer although it runs
	answers  bool // answers although it is paused
	refuses  bool
	slow     int // unanswered requests after a thaw
	unpauses int
}

func (s *fakeServer) Pause(context.Context) error          { s.paused = true; return nil }
func (s *fakeServer) Unpause(context.Context) error        { s.paused = false; s.unpauses++; return nil }
func (s *fakeServer) Paused(context.Context) (bool, error) { return s.paused, nil }

func (s *fakeServer) Probe(context.Context) (time.Duration, error) {
	switch {
	case s.refuses:
		return 0, &wire.Error{Op: "rpc null", Addr: "fake", Reason: wire.ErrRefused}
	case s.paused && !s.answers, s.silent:
		return time.Second, &wire.Error{Op: "rpc null", Addr: "fake", Reason: wire.ErrSilent}
	case s.slow > 0:
		s.slow--
		return time.Second, &wire.Error{Op: "rpc null", Addr: "fake", Reason: wire.ErrSilent}
	}
	return time.Millisecond, nil
}

func fault(t *testing.T, s *fakeServer) *Fault {
	t.Helper()
	f, err := New(Options{Protocol: "nfs", Server: s, Probe: s})
	require.NoError(t, err)
	return f
}

func TestWholeLife(t *testing.T) {
	s := &fakeServer{}
	g := lifecycle.Guard(fault(t, s))
	require.NoError(t, g.Setup(t.Context()))
	require.NoError(t, g.Inject(t.Context()))
	require.NoError(t, g.Prove(t.Context()))
	s.slow = 2
	require.NoError(t, g.Heal(t.Context()))
	require.NoError(t, g.Heal(t.Context()), "healing is idempotent")
	require.Equal(t, 1, s.unpauses)
	require.NoError(t, g.ProveGone(t.Context()))
	gone, _ := g.Last(lifecycle.ProveGone)
	require.Contains(t, gone.Proof, "try 3")
	require.NoError(t, g.Cleanup(t.Context()))
	proof, _ := g.Last(lifecycle.Prove)
	require.Contains(t, proof.Proof, "the container is paused and an own request had no answer for 1s")
}

func TestWhatIsNoProof(t *testing.T) {
	_, err := fault(t, &fakeServer{}).Prove(t.Context())
	require.ErrorContains(t, err, "the container is not paused")
	_, err = fault(t, &fakeServer{silent: true}).Prove(t.Context())
	require.ErrorContains(t, err, "the container is not paused", "a silent server is not a frozen one")
	_, err = fault(t, &fakeServer{paused: true, answers: true}).Prove(t.Context())
	require.ErrorContains(t, err, "but the server answered")
	_, err = fault(t, &fakeServer{paused: true, refuses: true}).Prove(t.Context())
	require.ErrorContains(t, err, "not by silence")
}

func TestSetupWantsAHealthyServer(t *testing.T) {
	require.ErrorContains(t, fault(t, &fakeServer{silent: true}).Setup(t.Context()), "even before it is frozen")
	require.ErrorContains(t, fault(t, &fakeServer{paused: true}).Setup(t.Context()), "paused already")
}

func TestNotGone(t *testing.T) {
	_, err := fault(t, &fakeServer{paused: true}).ProveGone(t.Context())
	require.ErrorContains(t, err, "still paused")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = fault(t, &fakeServer{silent: true}).ProveGone(ctx)
	require.ErrorIs(t, err, wire.ErrSilent)
}

func TestOptions(t *testing.T) {
	s := &fakeServer{}
	for _, p := range []string{"nfs", "iscsi"} {
		f, err := New(Options{Protocol: p, Server: s, Probe: s})
		require.NoError(t, err)
		require.Equal(t, "freeze "+p, f.String())
	}
	for _, o := range []Options{{Protocol: "ftp", Server: s, Probe: s}, {Protocol: "nfs", Probe: s}, {Protocol: "nfs", Server: s}} {
		_, err := New(o)
		require.Error(t, err)
	}
}

// brokenPauser is an engine that cannot be asked.
type brokenPauser struct{ fakeServer }

func (*brokenPauser) Paused(context.Context) (bool, error) {
	return false, errors.New("engine is down")
}

func TestEngineThatDoesNotAnswer(t *testing.T) {
	f, err := New(Options{Protocol: "nfs", Server: &brokenPauser{}, Probe: &fakeServer{}})
	require.NoError(t, err)
	require.ErrorContains(t, f.Setup(t.Context()), "engine is down")
	require.ErrorContains(t, f.Heal(t.Context()), "engine is down")
	_, err = f.Prove(t.Context())
	require.ErrorContains(t, err, "engine is down")
	_, err = f.ProveGone(t.Context())
	require.ErrorContains(t, err, "engine is down")
}

// A server that somebody else thawed was not frozen until it was healed.
func TestFaultThatEndedByItselfIsNotProvenGone(t *testing.T) {
	s := &fakeServer{}
	f := fault(t, s)
	require.NoError(t, f.Inject(t.Context()))
	_, err := f.Prove(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.Unpause(t.Context()))
	require.NoError(t, f.Heal(t.Context()), "there is nothing left to heal")
	_, err = f.ProveGone(t.Context())
	require.ErrorContains(t, err, "ran again before it was healed")
}
