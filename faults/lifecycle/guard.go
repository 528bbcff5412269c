package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// State is how far a guarded fault has come.
type State string

// States of a guarded fault, in the order of the picture in the package comment.
const (
	New      State = "new"
	Ready    State = "ready"
	Injected State = "injected"
	Proven   State = "proven"
	Healed   State = "healed"
	Gone     State = "gone"
	Clean    State = "clean"
)

// Step names one call of a fault's life cycle.
type Step string

// Steps of the life cycle.
const (
	Setup     Step = "setup"
	Inject    Step = "inject"
	Prove     Step = "prove"
	Heal      Step = "heal"
	ProveGone Step = "prove-gone"
	Cleanup   Step = "cleanup"
)

// ErrOrder is wrapped by the error of a step that the fault's state does not allow. Nothing was called.
var ErrOrder = errors.New("step out of order")

// Record is one step that was made: when, what it proved, how it failed.
type Record struct {
	Step    Step
	Started clock.Mono
	Ended   clock.Mono
	Wall    time.Time // wall time of Started, for people
	Proof   string    // what Prove or ProveGone said; empty for the other steps
	Err     error
}

// Guarded is a fault that can only be used in order. It is safe for concurrent use; a step that is asked for while another one
// runs is refused, not queued.
type Guarded struct {
	fault Fault
	clock clock.Clock

	mu      sync.Mutex
	state   State
	running Step // "" when no step runs
	records []Record
}

// Guard returns f under guard, in state New.
func Guard(f Fault) *Guarded { return GuardAt(f, clock.System()) }

// GuardAt is Guard with a clock of the caller's choice.
func GuardAt(f Fault, c clock.Clock) *Guarded { return &Guarded{fault: f, clock: c, state: New} }

// String prints the fault's scenario words.
func (g *Guarded) String() string { return g.fault.String() }

// State returns how far the fault has come.
func (g *Guarded) State() State {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.state
}

// Records returns a copy of the steps made so far, oldest first. A refused step (ErrOrder) leaves no record.
func (g *Guarded) Records() []Record {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]Record(nil), g.records...)
}

// Last returns the latest record of a step, and whether there is one.
func (g *Guarded) Last(s Step) (Record, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := len(g.records) - 1; i >= 0; i-- {
		if g.records[i].Step == s {
			return g.records[i], true
		}
	}
	return Record{}, false
}

// Proven reports whether the fault was proven to be in effect at some time.
func (g *Guarded) Proven() bool { return g.succeeded(Prove) }

// ProvenGone reports whether the fault was proven to have ended after it was healed for the last time.
func (g *Guarded) ProvenGone() bool {
	s := g.State()
	return s == Gone || (s == Clean && g.succeeded(ProveGone))
}

func (g *Guarded) succeeded(s Step) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, r := range g.records {
		if r.Step == s && r.Err == nil {
			return true
		}
	}
	return false
}

// Setup makes the fault ready. Allowed in state New.
func (g *Guarded) Setup(ctx context.Context) error {
	return g.step(Setup, Ready, New, plain(ctx, g.fault.Setup))
}

// Inject puts the fault into effect. Allowed in state Ready. Even when it fails the fault counts as injected from here on.
func (g *Guarded) Inject(ctx context.Context) error {
	return g.step(Inject, Injected, Injected, plain(ctx, g.fault.Inject))
}

// Prove asks the fault for its proof and records it. Allowed in states Injected and Proven.
func (g *Guarded) Prove(ctx context.Context) error {
	return g.step(Prove, Proven, Injected, func() (string, error) { return g.fault.Prove(ctx) })
}

// Heal ends the fault. Allowed from Injected on, until Cleanup; repeated healing is harmless.
func (g *Guarded) Heal(ctx context.Context) error {
	return g.step(Heal, Healed, "", plain(ctx, g.fault.Heal))
}

// ProveGone asks the fault for the proof that it has ended and records it. Allowed in states Healed and Gone.
func (g *Guarded) ProveGone(ctx context.Context) error {
	return g.step(ProveGone, Gone, Healed, func() (string, error) { return g.fault.ProveGone(ctx) })
}

// Cleanup removes what Setup made. Allowed whenever the fault is not in effect: refused in states Injected and Proven.
func (g *Guarded) Cleanup(ctx context.Context) error {
	return g.step(Cleanup, Clean, "", plain(ctx, g.fault.Cleanup))
}

// Finish does what is left of the life cycle, whatever state the fault is in: Heal, ProveGone, Cleanup. It goes on after a
// failure, so that a fault which cannot be proven gone is still cleaned up, and returns all errors joined. A fault that could
// not be healed keeps its state, and Finish can be called again.
func (g *Guarded) Finish(ctx context.Context) error {
	var errs []error
	switch g.State() {
	case Injected, Proven:
		errs = append(errs, g.Heal(ctx))
	}
	if g.State() == Healed {
		errs = append(errs, g.ProveGone(ctx))
	}
	switch g.State() {
	case Ready, Healed, Gone:
		errs = append(errs, g.Cleanup(ctx))
	}
	return errors.Join(errs...)
}

// step makes one call. The state becomes `good` when the call succeeds and `bad` when it fails ("" leaves it as it was).
func (g *Guarded) step(s Step, good, bad State, call func() (string, error)) error {
	g.mu.Lock()
	if g.running != "" {
		running := g.running
		g.mu.Unlock()
		return fmt.Errorf("fault %q: %s while %s is under way: %w", g.fault, s, running, ErrOrder)
	}
	if !allowed(s, g.state) {
		state := g.state
		g.mu.Unlock()
		return fmt.Errorf("fault %q: %s in state %s: %w", g.fault, s, state, ErrOrder)
	}
	g.running = s
	if s == Inject {
		g.state = Injected // from now on it may be in effect, even if the call never comes back
	}
	g.mu.Unlock()

	r := Record{Step: s, Started: g.clock.Now(), Wall: g.clock.Wall()}
	r.Proof, r.Err = call()
	r.Ended = g.clock.Now()

	g.mu.Lock()
	defer g.mu.Unlock()
	g.running = ""
	g.records = append(g.records, r)
	if r.Err == nil {
		g.state = good
		return nil
	}
	if bad != "" {
		g.state = bad
	}
	return fmt.Errorf("fault %q: %s: %w", g.fault, s, r.Err)
}

// allowed is the state diagram as a table.
func allowed(s Step, in State) bool {
	switch s {
	case Setup:
		return in == New
	case Inject:
		return in == Ready
	case Prove:
		return in == Injected || in == Proven
	case Heal:
		return in == Injected || in == Proven || in == Healed || in == Gone
	case ProveGone:
		return in == Healed || in == Gone
	case Cleanup:
		return in == Ready || in == Healed || in == Gone || in == Clean
	}
	return false
}

func plain(ctx context.Context, f func(context.Context) error) func() (string, error) {
	return func() (string, error) { return "", f(ctx) }
}
