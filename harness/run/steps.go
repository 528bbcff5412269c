package run

import (
	"context"
	"fmt"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/brokerlink"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
	"github.com/holdfast-ha/holdfast/harness/events"
	"github.com/holdfast-ha/holdfast/harness/scenario"
	"github.com/holdfast-ha/holdfast/harness/verdict"
)

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
