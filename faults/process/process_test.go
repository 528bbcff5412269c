package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-ha/holdfast/faults/lifecycle"
	"github.com/holdfast-ha/holdfast/faults/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var _ lifecycle.Fault = (*Fault)(nil)

// fake is a program that stops and goes on as it is told.
type fake struct {
	state   State
	deaf    bool // signals do nothing
	answers bool // also while it is stopped
	refuses bool
	slow    int // unanswered requests after it went on
	sent    []syscall.Signal
	err     error
}

func running() *fake { return &fake{state: State{PID: 7, Running: true, Letter: "S", Threads: 5}} }

func (p *fake) Signal(_ context.Context, sig syscall.Signal) error {
	p.sent = append(p.sent, sig)
	switch {
	case p.err != nil:
		return p.err
	case p.deaf:
	case sig == syscall.SIGSTOP:
		p.state.Letter, p.state.Stopped = "T", p.state.Threads
	case sig == syscall.SIGCONT:
		p.state.Letter, p.state.Stopped = "S", 0
	}
	return nil
}

func (p *fake) State(context.Context) (State, error) { return p.state, p.err }

func (p *fake) Probe(context.Context) (time.Duration, error) {
	switch {
	case p.refuses:
		return 0, &wire.Error{Op: "ask", Addr: "fake", Reason: wire.ErrRefused}
	case p.state.Letter == "T" && !p.answers:
		return time.Second, &wire.Error{Op: "ask", Addr: "fake", Reason: wire.ErrSilent}
	case p.slow > 0:
		p.slow--
		return time.Second, &wire.Error{Op: "ask", Addr: "fake", Reason: wire.ErrSilent}
	}
	return time.Millisecond, nil
}

func fault(t *testing.T, p *fake) *Fault {
	t.Helper()
	f, err := New(Options{Host: "host2", Program: "sanlock", Signaller: p, Probe: p})
	require.NoError(t, err)
	return f
}

func TestWholeLife(t *testing.T) {
	p := running()
	g := lifecycle.Guard(fault(t, p))
	require.Equal(t, "freeze sanlock for=host2", g.String())
	require.NoError(t, g.Setup(t.Context()))
	require.NoError(t, g.Inject(t.Context()))
	require.NoError(t, g.Prove(t.Context()))
	p.slow = 2
	require.NoError(t, g.Heal(t.Context()))
	require.NoError(t, g.Heal(t.Context()), "healing is idempotent")
	require.NoError(t, g.ProveGone(t.Context()))
	require.NoError(t, g.Cleanup(t.Context()))
	proof, _ := g.Last(lifecycle.Prove)
	require.Equal(t, "process 7 is in state T (5 of 5 threads) and an own request had no answer for 1s", proof.Proof)
	gone, _ := g.Last(lifecycle.ProveGone)
	require.Contains(t, gone.Proof, "none of 5 threads stopped")
	require.Contains(t, gone.Proof, "try 3")
}

func TestProgramThatAnswersNothingIsProvenByItsState(t *testing.T) {
	p := running()
	f, err := New(Options{Host: "host2", Program: "agent", Signaller: p})
	require.NoError(t, err)
	require.NoError(t, f.Setup(t.Context()))
	require.NoError(t, f.Inject(t.Context()))
	proof, err := f.Prove(t.Context())
	require.NoError(t, err)
	require.NotContains(t, proof, "own request")
	require.NoError(t, f.Heal(t.Context()))
	_, err = f.ProveGone(t.Context())
	require.NoError(t, err)
}

func TestWhatIsNoProof(t *testing.T) {
	p := running()
	p.deaf = true
	f := fault(t, p)
	require.NoError(t, f.Inject(t.Context()))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := f.Prove(ctx)
	require.ErrorContains(t, err, "is in state S, want T")

	p = running()
	p.answers = true
	f = fault(t, p)
	require.NoError(t, f.Inject(t.Context()))
	_, err = f.Prove(t.Context())
	require.ErrorContains(t, err, "but it answered")

	p.answers, p.refuses = false, true
	_, err = f.Prove(t.Context())
	require.ErrorContains(t, err, "not by silence")

	p.refuses, p.state.PID = false, 8
	_, err = f.Prove(t.Context())
	require.ErrorContains(t, err, "process 7 was stopped, and sanlock is process 8 now")
}

func TestSetupWantsAHealthyProgram(t *testing.T) {
	p := running()
	p.slow = setupTries
	require.ErrorContains(t, fault(t, p).Setup(t.Context()), "even before it is frozen")
	p.slow = setupTries - 1
	require.NoError(t, fault(t, p).Setup(t.Context()), "a late answer is an answer")
	p = running()
	p.state.Letter = "T"
	require.ErrorContains(t, fault(t, p).Setup(t.Context()), "stopped already")
	p = &fake{state: State{PID: 7}}
	require.ErrorContains(t, fault(t, p).Setup(t.Context()), "does not run on host2")
}

// A program that somebody else let go on, ended or started anew was not frozen until it was healed.
func TestFaultThatEndedByItselfIsNotProvenGone(t *testing.T) {
	for want, change := range map[string]func(*State){
		"went on before":      func(s *State) { s.Letter, s.Stopped = "S", 0 },
		"ended while":         func(s *State) { *s = State{PID: s.PID} },
		"started anew while":  func(s *State) { *s = State{PID: 9, Running: true, Letter: "S"} },
		"ended when it was l": nil,
	} {
		p := running()
		f := fault(t, p)
		require.NoError(t, f.Inject(t.Context()))
		_, err := f.Prove(t.Context())
		require.NoError(t, err)
		if change != nil {
			change(&p.state)
		}
		require.NoError(t, f.Heal(t.Context()))
		if change == nil {
			p.state = State{PID: 7} // a pending SIGTERM took effect
		}
		require.NoError(t, f.Heal(t.Context()))
		_, err = f.ProveGone(t.Context())
		require.ErrorContains(t, err, want)
	}
}

func TestNotGone(t *testing.T) {
	p := running()
	f := fault(t, p)
	require.NoError(t, f.Inject(t.Context()))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := f.ProveGone(ctx)
	require.ErrorContains(t, err, "still has 5 stopped threads")
	require.NoError(t, f.Heal(t.Context()))
	p.slow = 1000
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = f.ProveGone(ctx)
	require.ErrorIs(t, err, wire.ErrSilent)
}

func TestHealWorksAfterAnInjectThatFailed(t *testing.T) {
	p := running()
	p.err = errors.New("no such container")
	f := fault(t, p)
	require.ErrorContains(t, f.Inject(t.Context()), "no such container")
	require.ErrorContains(t, f.Heal(t.Context()), "no such container")
	p.err = nil
	require.NoError(t, f.Heal(t.Context()))
	require.Equal(t, []syscall.Signal{syscall.SIGCONT}, p.sent)
}

func TestOptions(t *testing.T) {
	p := running()
	for want, o := range map[string]Options{
		"no program":    {Host: "host1", Signaller: p},
		"say for=":      {Program: "sanlock", Signaller: p},
		"way to signal": {Program: "sanlock", Host: "host1"},
	} {
		_, err := New(o)
		require.ErrorContains(t, err, want)
	}
}

// child is a real process.
type child struct{ cmd *exec.Cmd }

func (c child) Signal(_ context.Context, sig syscall.Signal) error { return c.cmd.Process.Signal(sig) }

func (c child) State(context.Context) (State, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.cmd.Process.Pid))
	if err != nil {
		return State{}, err
	}
	fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	s := State{PID: c.cmd.Process.Pid, Running: true, Letter: fields[0], Threads: 1}
	if s.Letter == "T" {
		s.Stopped = 1
	}
	return s, nil
}

func TestRealProcess(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	require.NoError(t, cmd.Start())
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	f, err := New(Options{Host: "here", Program: "sleep", Signaller: child{cmd}})
	require.NoError(t, err)
	g := lifecycle.Guard(f)
	require.NoError(t, g.Setup(t.Context()))
	require.NoError(t, g.Inject(t.Context()))
	require.NoError(t, g.Prove(t.Context()))
	require.NoError(t, g.Heal(t.Context()))
	require.NoError(t, g.ProveGone(t.Context()))
}
