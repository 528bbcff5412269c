// Package process stops a program of a host with SIGSTOP: it keeps its sockets and its memory, connections to it are accepted by the
// kernel, and nothing is answered until SIGCONT. That is what a daemon looks like that is stuck without being dead.
package process

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/holdfast-ha/holdfast/faults/wire"
)

// State is how a program is right now.
type State struct {
	PID     int
	Running bool
	Letter  string // of its first thread, as /proc has it: R, S, D, T (stopped), Z
	Threads int
	Stopped int // threads in state T
}

// Signaller reaches one program.
type Signaller interface {
	// Signal sends a signal to the program. One that does not run is an error.
	Signal(ctx context.Context, sig syscall.Signal) error
	// State tells how the program is. One that was never started is an error.
	State(ctx context.Context) (State, error)
}

// Options of a frozen program.
type Options struct {
	Host      string // host2
	Program   string // sanlock, vdsm, smtp, broker, agent
	Signaller Signaller
	// Probe asks the program a question that it answers from memory; nil for a program that answers none, whose proof is its state
	// alone.
	Probe wire.Prober
}

// pollEvery is the pause between two looks at the program. A signal takes a moment to reach every thread.
const pollEvery = 20 * time.Millisecond

// setupTries is how many questions a program may leave unanswered before it counts as ill: a busy machine may make it late.
const setupTries = 3

// settle is how long the threads of a program may take to stop or to go on.
const settle = 2 * time.Second

// Fault is a stopped program. It implements lifecycle.Fault.
type Fault struct {
	o Options

	pid     int  // of the process that was stopped
	proven  bool // it was in effect
	healing bool // Heal was tried
	early   string
}

// New returns the fault that the options describe, or an error that names the option that is wrong.
func New(o Options) (*Fault, error) {
	switch {
	case o.Program == "":
		return nil, errors.New("freeze: no program given")
	case o.Host == "":
		return nil, fmt.Errorf("freeze %s: no host given: say for=", o.Program)
	case o.Signaller == nil:
		return nil, fmt.Errorf("freeze %s: no way to signal it given", o.Program)
	}
	return &Fault{o: o}, nil
}

// String prints the scenario's words: "freeze sanlock for=host2".
func (f *Fault) String() string { return "freeze " + f.o.Program + " for=" + f.o.Host }

// Setup checks that the program runs, is not stopped already, and answers. Otherwise silence later would prove nothing.
func (f *Fault) Setup(ctx context.Context) error {
	s, err := f.o.Signaller.State(ctx)
	switch {
	case err != nil:
		return err
	case !s.Running:
		return fmt.Errorf("%s does not run on %s: it cannot be frozen", f.o.Program, f.o.Host)
	case s.Letter == "T":
		return fmt.Errorf("%s (process %d) is stopped already: heal that fault first", f.o.Program, s.PID)
	case f.o.Probe == nil:
		return nil
	}
	for try := 1; ; try++ {
		_, err := f.o.Probe.Probe(ctx)
		if err == nil {
			return nil
		}
		if try == setupTries || ctx.Err() != nil {
			return fmt.Errorf("%s does not answer even before it is frozen: %w", f.o.Program, err)
		}
	}
}

// Inject sends SIGSTOP.
func (f *Fault) Inject(ctx context.Context) error {
	s, err := f.o.Signaller.State(ctx)
	if err != nil {
		return err
	}
	f.pid = s.PID
	return f.o.Signaller.Signal(ctx, syscall.SIGSTOP)
}

// Prove wants the process in state T, and gives its threads some time to stop too, and an own request unanswered until its deadline. A refused connection is no proof: a stopped program refuses nothing.
func (f *Fault) Prove(ctx context.Context) (string, error) {
	// All threads stop, but for those that are blocked in the kernel; what counts is the first.
	s, err := f.await(ctx, func(s State) bool { return s.Letter == "T" && s.Stopped == s.Threads })
	switch {
	case err != nil:
		return "", err
	case s.PID != f.pid:
		return "", fmt.Errorf("not in effect: process %d was stopped, and %s is process %d now", f.pid, f.o.Program, s.PID)
	case s.Letter != "T":
		return "", fmt.Errorf("not in effect: %s (process %d) is in state %s, want T", f.o.Program, s.PID, s.Letter)
	}
	proof := fmt.Sprintf("process %d is in state T (%d of %d threads)", s.PID, s.Stopped, s.Threads)
	if f.o.Probe != nil {
		took, err := f.o.Probe.Probe(ctx)
		switch {
		case err == nil:
			return "", fmt.Errorf("not in effect: %s, but it answered after %s", proof, took)
		case !errors.Is(err, wire.ErrSilent):
			return "", fmt.Errorf("not proven: an own request failed, but not by silence: %w", err)
		}
		proof += fmt.Sprintf(" and an own request had no answer for %s", took.Round(time.Millisecond))
	}
	f.proven = true
	return proof, nil
}

// Heal sends SIGCONT. A process that is not stopped is left alone; where the fault was proven before, somebody else let it go on or
// ended it, and ProveGone reports that.
func (f *Fault) Heal(ctx context.Context) error {
	s, err := f.o.Signaller.State(ctx)
	if err != nil {
		return err
	}
	first := !f.healing
	f.healing = true
	if first && f.proven {
		switch {
		case !s.Running:
			f.early = fmt.Sprintf("%s ended while it was frozen", f.o.Program)
		case s.PID != f.pid:
			f.early = fmt.Sprintf("%s was started anew while it was frozen (process %d, then %d)", f.o.Program, f.pid, s.PID)
		case s.Letter != "T":
			f.early = fmt.Sprintf("%s went on before it was healed: the fault was not in effect all the time", f.o.Program)
		}
	}
	if !s.Running {
		return nil
	}
	return f.o.Signaller.Signal(ctx, syscall.SIGCONT) // also when it seems to run: the stop may be on its way
}

// ProveGone wants no thread in state T and an own request answered; a program that was let go a moment ago may need a few tries,
// which end with the context. A freeze that had ended before it was healed is an error.
func (f *Fault) ProveGone(ctx context.Context) (string, error) {
	if f.early != "" {
		return "", errors.New(f.early)
	}
	s, err := f.await(ctx, func(s State) bool { return s.Letter != "T" && s.Stopped == 0 })
	switch {
	case err != nil:
		return "", err
	case !s.Running && f.proven:
		return "", fmt.Errorf("%s ended when it was let go", f.o.Program)
	case !s.Running:
		return f.o.Program + " does not run", nil
	case s.Letter == "T" || s.Stopped > 0:
		return "", fmt.Errorf("%s (process %d) still has %d stopped threads", f.o.Program, s.PID, s.Stopped)
	}
	proof := fmt.Sprintf("process %d runs (state %s, none of %d threads stopped)", s.PID, s.Letter, s.Threads)
	if f.o.Probe == nil {
		return proof, nil
	}
	for try := 1; ; try++ {
		took, err := f.o.Probe.Probe(ctx)
		if err == nil {
			return fmt.Sprintf("%s and an own request was answered after %s (try %d)", proof, took.Round(time.Microsecond), try), nil
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("%s, but %d own requests had no answer: %w", proof, try, err)
		case <-time.After(5 * pollEvery):
		}
	}
}

// Cleanup has nothing to remove.
func (f *Fault) Cleanup(context.Context) error { return nil }

// await looks at the program until it is as wanted or has had its time, and returns what it saw last.
func (f *Fault) await(ctx context.Context, wanted func(State) bool) (State, error) {
	limit := time.After(settle)
	for {
		s, err := f.o.Signaller.State(ctx)
		if err != nil || !s.Running || wanted(s) {
			return s, err
		}
		select {
		case <-limit:
			return s, nil
		case <-ctx.Done():
			return s, nil
		case <-time.After(pollEvery):
		}
	}
}
