package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/brokerlink"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
	"github.com/holdfast-ha/holdfast/harness/events"
	"github.com/holdfast-ha/holdfast/harness/scenario"
	"github.com/holdfast-ha/holdfast/harness/verdict"
)

// rpcDeadline bounds the runner's own calls to a broker.
const rpcDeadline = 5 * time.Second

// answer is what one look at a condition found: it holds, it does not yet, or it cannot come to hold any more.
type answer struct {
	holds  bool
	broken bool // no need to wait for the deadline
	detail string
}

// expect waits for the condition and returns the judgement; within 0 it looks once.
func (r *runner) expect(ctx context.Context, condition scenario.Condition, within time.Duration) (ok bool, detail string) {
	look, err := r.looker(ctx, condition)
	if err != nil {
		return false, err.Error()
	}
	if within == 0 {
		only := look()
		return only.holds, only.detail
	}
	began := time.Now()
	var last answer
	ok = until(ctx.Done(), began.Add(within), func() bool {
		last = look()
		return last.holds || last.broken
	})
	took := time.Since(began).Seconds()
	switch {
	case ok && last.holds:
		return true, fmt.Sprintf("after %.2f s: %s", took, last.detail)
	case last.broken:
		return false, last.detail
	}
	return false, fmt.Sprintf("not within %s: %s", within, orWord(last.detail, "never seen"))
}

// looker returns a function that looks at the condition once. What counts only from the statement on is remembered here.
func (r *runner) looker(ctx context.Context, condition scenario.Condition) (func() answer, error) {
	began := r.seen.now()
	switch c := condition.(type) {
	case scenario.LaneBlocked:
		w := r.seen.watches[c.Host]
		return func() answer {
			e, ok, why := laneBlocked(w, c.Lane, r.seen.now())
			if !ok {
				return answer{detail: why}
			}
			return answer{holds: true, detail: fmt.Sprintf("thread %s in state %s, system call %s, wchan %s, for %.2f s; get_lanes agrees",
				c.Lane, e.State, e.Syscall, e.Wchan, e.BlockedS)}
		}, nil
	case scenario.Warns:
		return r.lookWarns(c, began), nil
	case scenario.Clear:
		w := r.seen.watches[c.Host]
		return func() answer {
			s, present, known := w.warnsNow(c.Code, began)
			switch {
			case !known:
				return answer{detail: noHealth}
			case present:
				return answer{detail: "get_health shows it: " + s.detail}
			}
			return answer{holds: true, detail: "get_health does not show it"}
		}, nil
	case scenario.Fresh:
		return r.lookFresh(ctx, c)
	case scenario.Lease:
		w := r.seen.watches[c.Host]
		return func() answer {
			state := w.leaseState(began)
			return answer{holds: state == c.State, detail: "lease is " + orWord(state, "not seen yet")}
		}, nil
	case scenario.State:
		w := r.seen.watches[c.Host]
		return func() answer {
			last, ok := w.lastTurn()
			return answer{holds: ok && last.state == c.State, detail: "state is " + orWord(last.state, "not seen yet")}
		}, nil
	case scenario.Updates:
		w := r.seen.watches[c.Host]
		return func() answer {
			n := w.published(began)
			return answer{holds: n >= c.Count, detail: fmt.Sprintf("%d new records were put", n)}
		}, nil
	case scenario.DiskMaintenance:
		return func() answer {
			seg, err := r.cluster.ReadSegment(0)
			if err != nil {
				return answer{detail: err.Error()}
			}
			return maintenanceIs(seg, c.Maintenance, "segment 0 on the server's side")
		}, nil
	case scenario.ViewMaintenance:
		link, err := r.link(c.Host)
		if err != nil {
			return nil, err
		}
		return func() answer {
			view, err := getView(ctx, link)
			if err != nil {
				return answer{detail: err.Error()}
			}
			seg, _ := view.Segment(0)
			return maintenanceIs(seg.Data, c.Maintenance, fmt.Sprintf("segment 0 in the view of %s (age %.1f s, durable: %v)", c.Host, seg.Age, seg.Durable))
		}, nil
	}
	return r.lookOutside(ctx, condition)
}

// noHealth is why nothing is known of a warning.
const noHealth = "get_health has not been answered since"

func (r *runner) lookWarns(c scenario.Warns, began float64) func() answer {
	w, limit := r.seen.watches[c.Host], r.timing.StallAfter.Seconds()
	return func() answer {
		s, present, known := w.warnsNow(c.Code, began)
		switch {
		case !known:
			return answer{detail: noHealth}
		case !present:
			return answer{detail: "get_health does not show it"}
		}
		if c.Late == 0 {
			return answer{holds: true, detail: s.detail}
		}
		if s.opSince == 0 {
			return answer{broken: true, detail: fmt.Sprintf("get_health showed it at %.2f s, when no lane was busy: there is no operation that it could be late for", s.t)}
		}
		visible := s.t - s.opSince
		r.stallVisible = &visible
		late := visible - limit
		detail := fmt.Sprintf("seen %.2f s after the operation began, %.2f s after the limit of %.2f s: %s", visible, late, limit, s.detail)
		return answer{holds: late < c.Late.Seconds(), broken: late >= c.Late.Seconds(), detail: detail}
	}
}

// lookFresh remembers the newest record that the host put, and looks for it, or a newer one, on the server's side.
func (r *runner) lookFresh(ctx context.Context, c scenario.Fresh) (func() answer, error) {
	host, err := r.cluster.Host(c.Host)
	if err != nil {
		return nil, err
	}
	link, err := r.link(c.Host)
	if err != nil {
		return nil, err
	}
	view, err := getView(ctx, link)
	if err != nil {
		return nil, err
	}
	own, ok := view.Segment(host.ID)
	if !ok {
		return nil, fmt.Errorf("%s has put no record yet", c.Host)
	}
	newest, err := whiteboard.Decode(host.ID, own.Data)
	if err != nil {
		return nil, fmt.Errorf("%s's own record: %w", c.Host, err)
	}
	healed := r.lastHealed()
	return func() answer {
		raw, err := r.cluster.ReadSegment(host.ID)
		if err != nil {
			return answer{detail: err.Error()}
		}
		stored, err := whiteboard.Decode(host.ID, raw)
		if err != nil {
			return answer{detail: "on storage: " + err.Error()}
		}
		if stored.Timestamp < newest.Timestamp {
			return answer{detail: fmt.Sprintf("on storage is the record of %d, the newest that was put is of %d", stored.Timestamp, newest.Timestamp)}
		}
		detail := fmt.Sprintf("the record of %d is on storage, read on the server's side", stored.Timestamp)
		if healed != nil && *healed > r.recoveredFrom {
			recovered := r.seen.now() - *healed
			r.recovered, r.recoveredFrom = &recovered, *healed // a later look says nothing about this healing
			detail += fmt.Sprintf(", %.2f s after healing", recovered)
		}
		return answer{holds: true, detail: detail}
	}, nil
}

// engineUp waits until the engine on a host (or any) says in its own log that it is up, and has not ended since.
func (r *runner) engineUp(ctx context.Context, s *scenario.EngineUp) (ok bool, detail string) {
	hosts := r.hostsOf(s.On)
	began := time.Now()
	ok = until(ctx.Done(), began.Add(s.Within), func() bool {
		for _, host := range hosts {
			if last, seen := r.seen.watches[host].engineState(); seen && last.event == string(events.EngineUp) {
				detail = fmt.Sprintf("after %.2f s: pid %d on %s", time.Since(began).Seconds(), last.pid, host)
				return true
			}
		}
		return false
	})
	if !ok {
		detail = fmt.Sprintf("not within %s:", s.Within)
		for _, host := range hosts {
			last, seen := r.seen.watches[host].engineState()
			if !seen {
				last.event = "nothing"
			}
			turn, _ := r.seen.watches[host].lastTurn()
			detail += fmt.Sprintf(" %s: engine says %s, agent is in %s;", host, last.event, orWord(turn.state, "no state yet"))
		}
	}
	return ok, detail
}

// saw looks back over the whole run.
func (r *runner) saw(condition scenario.Condition) (ok bool, detail string) {
	switch c := condition.(type) {
	case scenario.State:
		w := r.seen.watches[c.Host]
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, t := range w.turns {
			if t.state == c.State {
				return true, fmt.Sprintf("at %.1f s", t.t)
			}
		}
	case scenario.Warns:
		if s, ok := r.seen.watches[c.Host].everWarned(c.Code, 0); ok {
			return true, fmt.Sprintf("at %.1f s: %s", s.t, s.detail)
		}
	case scenario.LaneBlocked:
		w := r.seen.watches[c.Host]
		w.mu.Lock()
		defer w.mu.Unlock()
		if e, ok := w.blocked[c.Lane]; ok {
			return true, describe(e)
		}
	}
	return false, "never seen"
}

func describe(e verdict.Lane) string {
	return fmt.Sprintf("for %.1f s in state %s, system call %s, wchan %s", e.BlockedS, e.State, e.Syscall, e.Wchan)
}

// maintenanceIs compares segment 0 with what is wanted.
func maintenanceIs(segment []byte, want scenario.Maintenance, where string) answer {
	global, _, err := whiteboard.DecodeGlobal(segment)
	if len(segment) == 0 || errIsAbsent(err) {
		return answer{holds: want == scenario.MaintenanceNone, detail: where + ": nothing is written there"}
	}
	if err != nil {
		return answer{detail: where + ": " + err.Error()}
	}
	is := scenario.MaintenanceNone
	if global.Maintenance {
		is = scenario.MaintenanceGlobal
	}
	return answer{holds: is == want, detail: fmt.Sprintf("%s says maintenance=%s", where, is)}
}

func errIsAbsent(err error) bool {
	var e *whiteboard.Error
	return errors.As(err, &e) && e.Kind == whiteboard.Absent
}

func getView(ctx context.Context, link *brokerlink.Link) (brokerlink.View, error) {
	ctx, cancel := context.WithTimeout(ctx, rpcDeadline)
	defer cancel()
	return link.GetView(ctx)
}
