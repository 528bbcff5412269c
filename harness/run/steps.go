package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/brokerlink"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
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

// steps carries out the statements in order. A claim that breaks does not end them: what follows shows how the cluster
// recovers. An error ends them: the harness itself cannot go on, or a fault was not proven.
func (r *runner) steps(ctx context.Context) error {
	for i, statement := range r.scenario.Statements {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := r.step(ctx, i+1, statement); err != nil {
			return err
		}
	}
	return nil
}

func (r *runner) step(ctx context.Context, number int, statement scenario.Statement) error {
	mark := &events.Step{Number: number, Line: statement.Line(), Text: statement.String(), State: events.StepBegin}
	r.note(events.Event{Step: mark})
	r.progress(Progress{Text: statement.String(), Begins: true})
	ok, detail, err := r.carryOut(ctx, number, statement)
	end := *mark
	end.State, end.Detail = events.StepEnd, detail
	switch {
	case err != nil:
		end.State, end.Detail = events.StepFailed, err.Error()
		r.say("FAIL", fmt.Sprintf("%s: %v", statement, err))
		err = fmt.Errorf("line %d: %s: %w", statement.Line(), statement, err)
	case ok != nil && !*ok:
		end.State = events.StepFailed
		r.say("FAIL", fmt.Sprintf("%s: %s", statement, detail))
		r.dump(ctx, fmt.Sprintf("line-%d-broken", statement.Line()))
	case ok != nil:
		r.say("ok", fmt.Sprintf("%s: %s", statement, detail))
	default:
		r.say("", join(statement.String(), detail))
	}
	r.note(events.Event{Step: &end})
	return err
}

// carryOut does what one statement says. ok is nil for statements that claim nothing now.
func (r *runner) carryOut(ctx context.Context, number int, statement scenario.Statement) (ok *bool, detail string, err error) {
	claim := func(held bool, text string) (*bool, string, error) {
		r.claim(statement, held, text, false)
		return &held, text, nil
	}
	switch s := statement.(type) {
	case *scenario.Cluster:
		return nil, "", nil // it is up
	case *scenario.EngineUp:
		return claim(r.engineUp(ctx, s))
	case *scenario.AlwaysEngines, *scenario.AlwaysRPC, *scenario.AlwaysAgent, *scenario.AlwaysGrowth, *scenario.NeverStart:
		r.watching = append(r.watching, watched{statement, r.seen.now()})
		return nil, "watched from here on", nil
	case *scenario.Saw:
		r.watching = append(r.watching, watched{statement, 0})
		return nil, "judged at the end", nil
	case *scenario.Inject:
		detail, err := r.inject(ctx, number, s)
		return nil, detail, err
	case *scenario.Heal:
		detail, err := r.heal(ctx, s.Fault)
		return nil, detail, err
	case *scenario.Wait:
		select {
		case <-ctx.Done():
		case <-time.After(s.For):
		}
		return nil, "", nil
	case *scenario.Set:
		held, text := r.setMaintenance(ctx, s)
		return claim(held, text)
	case *scenario.Expect:
		return claim(r.expect(ctx, s.Condition, s.Within))
	case *scenario.Stop:
		return claim(r.stop(ctx, s))
	case *scenario.Kill:
		return claim(r.kill(ctx, s))
	case *scenario.Start:
		return claim(r.startAgain(ctx, s))
	case *scenario.Call:
		return claim(r.call(ctx, s))
	case *scenario.ClientLoad:
		return claim(r.load(ctx, s))
	case *scenario.Tell:
		return claim(r.tell(ctx, s))
	case *scenario.Configure:
		detail, err := r.configure(s)
		return nil, detail, err
	case *scenario.Write:
		detail, err := r.write(ctx, s)
		return nil, detail, err
	case *scenario.Publish:
		detail, err := r.publish(ctx, s)
		return nil, detail, err
	}
	return nil, "", fmt.Errorf("the container tier does not know how to do that")
}

func (r *runner) claim(statement scenario.Statement, ok bool, detail string, goal bool) {
	r.record(verdict.Claim{Line: statement.Line(), Text: statement.String(), OK: ok, Detail: detail, Goal: goal})
}

// record keeps a claim that was judged, and writes it into the event log.
func (r *runner) record(c verdict.Claim) {
	r.claims = append(r.claims, c)
	r.note(events.Event{Claim: &events.Claim{Line: c.Line, Text: c.Text, OK: c.OK, Detail: c.Detail}})
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

// setMaintenance does what the operator's command does: it puts segment 0 through one host's broker.
func (r *runner) setMaintenance(ctx context.Context, s *scenario.Set) (ok bool, detail string) {
	link, err := r.link(s.Via)
	if err != nil {
		return false, err.Error()
	}
	segment := whiteboard.EncodeGlobal(whiteboard.Global{Maintenance: s.Maintenance == scenario.MaintenanceGlobal})
	ctx, cancel := context.WithTimeout(ctx, rpcDeadline)
	defer cancel()
	began := time.Now()
	accepted, err := link.PutStats(ctx, 0, segment[:])
	switch {
	case err != nil:
		return false, err.Error()
	case !accepted:
		return false, "the broker refused it"
	}
	return true, fmt.Sprintf("accepted in %.1f ms", float64(time.Since(began).Microseconds())/1000)
}

func (r *runner) link(host string) (*brokerlink.Link, error) {
	h, err := r.cluster.Host(host)
	if err != nil {
		return nil, err
	}
	return brokerlink.New(h.BrokerSocket, rpcDeadline), nil
}

func within(ctx context.Context, limit time.Duration, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return do(ctx)
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + ": " + b
}
