package agent

import (
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/config"
)

// work is what this host does and did with the engine VM. At most one action counts at a time.
type work struct {
	order   Order
	id      uint64
	phase   ActionPhase
	ordered clock.Mono
	failure string
	// failedStarts are the failed starts in a row, lastTry when the last start ended (S23: one clock, and the counter
	// lives as long as it says).
	failedStarts int
	lastTry      clock.Mono
	// settle is when the last start succeeded; 0 once the engine VM was seen up since.
	settle clock.Mono
}

// home is the state that gives the order and takes the outcome.
func (o Order) home() State {
	switch o {
	case OrderStart:
		return EngineStart
	case OrderStop:
		return EngineStop
	case OrderForceStop:
		return EngineForceStop
	default:
		return ""
	}
}

// begin makes order the action that counts and returns the effect that carries it out.
func (w *work) begin(now clock.Mono, order Order) Effect {
	w.id++
	w.order, w.phase, w.ordered, w.failure = order, ActionRunning, now, ""
	if order == OrderStart {
		return StartEngine{ID: w.id}
	}
	w.settle = 0
	return StopEngine{ID: w.id, Force: order == OrderForceStop}
}

// done takes in the end of an action. state is the core's; another state than the action's home has no use for the
// outcome, except that starts are counted.
func (w *work) done(now clock.Mono, state State, id uint64, failure string) {
	if w.phase != ActionRunning || id != w.id {
		return
	}
	if w.order == OrderStart {
		w.lastTry = now
		if failure == "" {
			w.failedStarts, w.settle = 0, now
		} else {
			w.failedStarts++
		}
	}
	w.phase, w.failure = ActionSucceeded, failure
	if failure != "" {
		w.phase = ActionFailed
	}
	if state != w.order.home() {
		w.phase = ActionNone
	}
}

// expire ends an action whose driver does not come back, and forgets failed starts that are long ago. A driver has a
// deadline of its own; this is for one that does not keep it.
func (w *work) expire(now clock.Mono, state State, t config.Timing) {
	if w.phase == ActionRunning && now.Sub(w.ordered) > t.VMStartTimeout+t.RPCTimeout {
		w.done(now, state, w.id, "the driver did not come back within its deadline")
	}
	if w.failedStarts > 0 && now.Sub(w.lastTry) > t.EngineRetryExpiration {
		w.failedStarts = 0
	}
}

// phaseIn is the phase of state's own action.
func (w *work) phaseIn(state State) ActionPhase {
	if w.order.home() != state {
		return ActionNone
	}
	return w.phase
}

// busyIn says that an action which is not state's own still runs.
func (w *work) busyIn(state State) bool { return w.phase == ActionRunning && w.order.home() != state }

// settling says that a result of engine-health may be older than the last successful start.
func (w *work) settling(now clock.Mono, keep time.Duration) bool {
	return w.settle != 0 && now.Sub(w.settle) < keep
}
