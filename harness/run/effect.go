package run

import (
	"context"
	"errors"
	"time"

	"github.com/holdfast-ha/holdfast/faults/lifecycle"
	"github.com/holdfast-ha/holdfast/harness/events"
	"github.com/holdfast-ha/holdfast/harness/scenario"
	"github.com/holdfast-ha/holdfast/harness/verdict"
)

// Deadlines of a fault's steps. A latency's proof takes as long as the latency.
const (
	injectDeadline = 10 * time.Second
	proveDeadline  = 15 * time.Second
	healDeadline   = 20 * time.Second
)

// errUnproven ends a run whose fault was not proven: what comes after it would be measured without the fault.
var errUnproven = errors.New("not proven")

// activeFault is a fault of this run, healed or not.
type activeFault struct {
	*lifecycle.Guarded
	statement *scenario.Inject
	index     int // in runner.faults
}

// inject puts a fault into effect and proves it.
func (r *runner) inject(ctx context.Context, number int, s *scenario.Inject) (string, error) {
	fault, err := NewFault(s.Fault, r.cluster)
	if err != nil {
		return "", err
	}
	a := &activeFault{Guarded: lifecycle.Guard(fault), statement: s, index: len(r.faults)}
	r.faults = append(r.faults, verdict.Fault{Step: number, Line: s.Line(), Kind: string(s.Fault.Kind), Target: s.Fault.Target()})
	if err := within(ctx, injectDeadline, a.Setup); err != nil {
		return "", err
	}
	r.active = append(r.active, a)
	f := &r.faults[a.index]
	if err := within(ctx, injectDeadline, a.Inject); err != nil {
		return "", err
	}
	f.InjectedS = r.stamp(a, lifecycle.Inject)
	r.faultNote(a, events.FaultInjected, "")
	if err := within(ctx, proveDeadline, a.Prove); err != nil {
		f.Proof = err.Error()
		r.unproven = err.Error()
		r.faultNote(a, events.FaultUnproven, err.Error())
		return "", errors.Join(errUnproven, err)
	}
	f.ProvenS = r.stamp(a, lifecycle.Prove)
	last, _ := a.Last(lifecycle.Prove)
	f.Proof = last.Proof
	r.faultNote(a, events.FaultProven, last.Proof)
	return "proven: " + last.Proof, nil
}

// heal ends one fault, or all in reverse order.
func (r *runner) heal(ctx context.Context, which *scenario.Fault) (string, error) {
	var errs []error
	details := ""
	if len(r.active) > 0 {
		r.dump(ctx, "before-healing")
	}
	for i := len(r.active) - 1; i >= 0; i-- {
		a := r.active[i]
		if which != nil && a.statement.Fault != *which {
			continue
		}
		detail, err := r.healOne(ctx, a)
		if s := a.State(); s != lifecycle.Injected && s != lifecycle.Proven {
			r.active = append(r.active[:i:i], r.active[i+1:]...)
		} // else it may still be in effect: the end of the run tries again
		details = join(details, detail)
		errs = append(errs, err)
		if which != nil {
			break
		}
	}
	return details, errors.Join(errs...)
}

func (r *runner) healOne(ctx context.Context, a *activeFault) (string, error) {
	f := &r.faults[a.index]
	if err := within(ctx, healDeadline, a.Heal); err != nil {
		r.unproven = err.Error()
		r.faultNote(a, events.FaultNotGone, err.Error())
		return "", err
	}
	f.HealedS = r.stamp(a, lifecycle.Heal)
	r.faultNote(a, events.FaultHealed, "")
	if err := within(ctx, healDeadline, a.ProveGone); err != nil {
		r.unproven = err.Error()
		r.faultNote(a, events.FaultNotGone, err.Error())
		return "", errors.Join(err, within(ctx, healDeadline, a.Cleanup))
	}
	f.GoneS = r.stamp(a, lifecycle.ProveGone)
	last, _ := a.Last(lifecycle.ProveGone)
	r.faultNote(a, events.FaultGone, last.Proof)
	return "gone: " + last.Proof, within(ctx, healDeadline, a.Cleanup)
}

// stamp is the time at which a fault's step ended; for Inject and Heal that is when it is in effect and when it is not any more.
func (r *runner) stamp(a *activeFault, step lifecycle.Step) *float64 {
	last, ok := a.Last(step)
	if !ok || last.Err != nil {
		return nil
	}
	t := r.seen.at(last.Ended.Seconds())
	return &t
}

func (r *runner) faultNote(a *activeFault, phase events.FaultPhase, detail string) {
	f := r.faults[a.index]
	r.note(events.Event{Fault: &events.Fault{
		Step: f.Step, Line: f.Line, Kind: f.Kind, Text: a.statement.String(), Target: f.Target, Phase: phase, Detail: detail,
	}})
}

// lastHealed is when the latest fault was healed, nil before the first.
func (r *runner) lastHealed() *float64 {
	var last *float64
	for _, f := range r.faults {
		if f.HealedS != nil && (last == nil || *f.HealedS > *last) {
			last = f.HealedS
		}
	}
	return last
}
