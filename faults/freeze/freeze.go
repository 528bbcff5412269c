// Package freeze pauses a storage server's container: every process in it stops where it is, connections stay open, and
// nothing is answered until it is thawed. What was sent in between is answered then.
package freeze

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-ha/holdfast/faults/wire"
)

// Pauser pauses and unpauses one container.
type Pauser interface {
	// Pause stops all processes of the container. Pausing a paused container may fail.
	Pause(ctx context.Context) error
	// Unpause lets them go on. Unpausing a running container may fail.
	Unpause(ctx context.Context) error
	// Paused reports whether the container is paused.
	Paused(ctx context.Context) (bool, error)
}

// Options of a freeze.
type Options struct {
	// Protocol is the word of the scenario: "nfs" or "iscsi".
	Protocol string
	// Server is the server's container.
	Server Pauser
	// Probe asks the server, from outside of its container, whether it answers: wire.NFS or wire.ISCSI, with a deadline.
	Probe wire.Prober
}

// retryEvery is the pause between two questions to a server that was thawed a moment ago.
const retryEvery = 100 * time.Millisecond

// Fault is a frozen server. It implements lifecycle.Fault.
type Fault struct {
	o Options

	proven  bool // it was in effect
	healing bool // Heal was tried
	early   bool // it was proven, and was gone before anybody healed it
}

// New returns the fault that the options describe, or an error that names the option that is wrong.
func New(o Options) (*Fault, error) {
	switch {
	case o.Protocol != "nfs" && o.Protocol != "iscsi":
		return nil, fmt.Errorf("freeze: %q is no storage protocol, want nfs or iscsi", o.Protocol)
	case o.Server == nil:
		return nil, errors.New("freeze: no server given")
	case o.Probe == nil:
		return nil, errors.New("freeze: no probe given: the fault could not be proven")
	}
	return &Fault{o: o}, nil
}

// String prints the scenario's words: "freeze nfs".
func (f *Fault) String() string { return "freeze " + f.o.Protocol }

// Setup checks that the server answers now. If it did not, silence later would prove nothing.
func (f *Fault) Setup(ctx context.Context) error {
	paused, err := f.o.Server.Paused(ctx)
	if err != nil {
		return err
	}
	if paused {
		return errors.New("the server is paused already: heal that fault first")
	}
	if _, err := f.o.Probe.Probe(ctx); err != nil {
		return fmt.Errorf("the server does not answer even before it is frozen: %w", err)
	}
	return nil
}

// Inject pauses the container.
func (f *Fault) Inject(ctx context.Context) error {
	if err := f.o.Server.Pause(ctx); err != nil {
		return fmt.Errorf("%w (a server whose medium hangs cannot be frozen, since its threads wait in the kernel: heal the medium first)", err)
	}
	return nil
}

// Prove wants the container reported paused and an own request unanswered until its deadline. A refused connection is no proof:
// a frozen server refuses nothing.
func (f *Fault) Prove(ctx context.Context) (string, error) {
	paused, err := f.o.Server.Paused(ctx)
	if err != nil {
		return "", err
	}
	if !paused {
		return "", errors.New("not in effect: the container is not paused")
	}
	took, err := f.o.Probe.Probe(ctx)
	switch {
	case err == nil:
		return "", fmt.Errorf("not in effect: the container is paused, but the server answered after %s", took)
	case !errors.Is(err, wire.ErrSilent):
		return "", fmt.Errorf("not proven: an own request failed, but not by silence: %w", err)
	}
	f.proven = true
	return fmt.Sprintf("the container is paused and an own request had no answer for %s (%v)", took.Round(time.Millisecond), err), nil
}

// Heal unpauses the container. A container that is not paused is left alone; where the fault was proven before, somebody else
// thawed it, and ProveGone reports that.
func (f *Fault) Heal(ctx context.Context) error {
	paused, err := f.o.Server.Paused(ctx)
	if err != nil {
		return err
	}
	first := !f.healing
	f.healing = true
	if !paused {
		f.early = f.early || first && f.proven
		return nil
	}
	return f.o.Server.Unpause(ctx)
}

// ProveGone wants the container reported running and an own request answered. A server thawed a moment ago may need a
// few tries; they end with the context. A freeze that had ended before it was healed is an error.
func (f *Fault) ProveGone(ctx context.Context) (string, error) {
	if f.early {
		return "", errors.New("the container ran again before it was healed: the fault was not in effect all the time")
	}
	paused, err := f.o.Server.Paused(ctx)
	if err != nil {
		return "", err
	}
	if paused {
		return "", errors.New("the container is still paused")
	}
	for try := 1; ; try++ {
		took, err := f.o.Probe.Probe(ctx)
		if err == nil {
			return fmt.Sprintf("the container runs and an own request was answered after %s (try %d)", took.Round(time.Microsecond), try), nil
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("the container runs, but %d own requests had no answer: %w", try, err)
		case <-time.After(retryEvery):
		}
	}
}

// Cleanup has nothing to remove.
func (f *Fault) Cleanup(context.Context) error { return nil }
