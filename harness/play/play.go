// Package play keeps a cluster up for a person to play with. One process owns the cluster and its faults ([Serve]); the other
// commands reach it over a control socket ([Client]), so that every fault has one owner who proves it and heals it.
package play

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/faults/lifecycle"
	"github.com/holdfast-ha/holdfast/harness/run"
	"github.com/holdfast-ha/holdfast/harness/scenario"
	"github.com/holdfast-ha/holdfast/harness/tier/container"
)

// stepDeadline bounds one step of a fault's life.
const stepDeadline = 20 * time.Second

// Cluster is a running cluster and the faults in it.
type Cluster struct {
	cluster *container.Cluster
	stop    context.CancelFunc

	mu     sync.Mutex // one fault command at a time
	faults []*fault
}

type fault struct {
	*lifecycle.Guarded
	words scenario.Fault
}

// inEffect reports whether the fault may be in effect: it was injected and not healed since.
func (f *fault) inEffect() bool {
	s := f.State()
	return s == lifecycle.Injected || s == lifecycle.Proven
}

// New takes over a cluster. stop is called when somebody asks for the cluster's end.
func New(c *container.Cluster, stop context.CancelFunc) *Cluster {
	return &Cluster{cluster: c, stop: stop}
}

// Inject puts the fault of these words into effect and proves it. A fault that cannot be proven is healed at once.
func (c *Cluster) Inject(ctx context.Context, words string) (proof string, err error) {
	parsed, err := scenario.ParseFault(words)
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.faults {
		if f.words == parsed {
			return "", fmt.Errorf("%s: is in effect already; heal it first", parsed)
		}
	}
	made, err := run.NewFault(parsed, c.cluster)
	if err != nil {
		return "", err
	}
	return c.effect(ctx, &fault{Guarded: lifecycle.Guard(made), words: parsed})
}

// effect puts a fault into effect, proves it and keeps it. One that could not be proven is kept only where it could not be healed
// either, so that healing can be tried again.
func (c *Cluster) effect(ctx context.Context, f *fault) (proof string, err error) {
	undo := func() error {
		err := finish(ctx, f)
		if f.inEffect() {
			c.faults = append(c.faults, f)
		}
		return err
	}
	if err := within(ctx, f.Setup); err != nil {
		return "", err
	}
	if err := within(ctx, f.Inject); err != nil {
		return "", errors.Join(err, undo())
	}
	if err := within(ctx, f.Prove); err != nil {
		return "", errors.Join(fmt.Errorf("not proven, so it was healed again: %w", err), undo())
	}
	c.faults = append(c.faults, f)
	last, _ := f.Last(lifecycle.Prove)
	return last.Proof, nil
}

// Heal ends the fault of these words, or all faults in reverse order where words is empty, and proves that they are gone.
func (c *Cluster) Heal(ctx context.Context, words string) (proofs []string, err error) {
	var which *scenario.Fault
	if words != "" {
		parsed, err := scenario.ParseFault(words)
		if err != nil {
			return nil, err
		}
		which = &parsed
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	found := false
	for i := len(c.faults) - 1; i >= 0; i-- {
		f := c.faults[i]
		if which != nil && f.words != *which {
			continue
		}
		found = true
		if err := finish(ctx, f); err != nil {
			errs = append(errs, err)
		}
		if f.inEffect() {
			continue // it stays in the list: healing it can be tried again
		}
		c.faults = append(c.faults[:i:i], c.faults[i+1:]...)
		if f.ProvenGone() {
			last, _ := f.Last(lifecycle.ProveGone)
			proofs = append(proofs, f.words.String()+": "+last.Proof)
		}
	}
	if which != nil && !found {
		errs = append(errs, fmt.Errorf("%s: is not in effect; in effect: %s", which, c.list()))
	}
	return proofs, errors.Join(errs...)
}

func (c *Cluster) list() string {
	if len(c.faults) == 0 {
		return "nothing"
	}
	text := ""
	for i, f := range c.faults {
		if i > 0 {
			text += "; "
		}
		text += f.words.String()
	}
	return text
}

// Down heals everything and takes the cluster down.
func (c *Cluster) Down(ctx context.Context) error {
	_, healed := c.Heal(ctx, "")
	return errors.Join(healed, c.cluster.Down(ctx))
}

func finish(ctx context.Context, f *fault) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*stepDeadline)
	defer cancel()
	return f.Finish(ctx)
}

func within(ctx context.Context, step func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, stepDeadline)
	defer cancel()
	return step(ctx)
}
