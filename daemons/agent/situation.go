package agent

import "github.com/holdfast-ha/holdfast/daemons/whiteboard"

// Situation is all that a state function looks at. It is derived from what the core knows at one moment; every field is
// a plain value, so that a test can enumerate them.
type Situation struct {
	// Timer is how far the state's own timer is.
	Timer TimerPhase
	// Blind says that the view of the cluster is older than view_limit: Cluster-wide fields below are then out of date.
	Blind bool
	// GlobalMaintenance is the operator's flag in segment 0.
	GlobalMaintenance bool
	// LocalMaintenance is the flag of this host.
	LocalMaintenance bool
	// Local is the engine VM on this host; its VM field is one of the five known words.
	Local whiteboard.EngineStatus
	// Best says where the best engine is.
	Best BestEngine
	// BestScore is the highest score among living peers and BestScoreHost their host id; 0, 0 if none is above 0.
	BestScore, BestScoreHost int
	// OwnScore is the score that this host published last.
	OwnScore int
	// RestartThreshold is how much better a peer must be to take a running engine over.
	RestartThreshold int
	// ShortHistory says that the cluster has not been watched long enough to call anyone dead.
	ShortHistory bool
	// Obstacle says why this host must not start the engine VM; empty if nothing is in the way.
	Obstacle string
	// Action is how far the state's own action on the engine VM is.
	Action ActionPhase
	// Busy says that another action on the engine VM still runs.
	Busy bool
	// Settling says that a start succeeded so recently that the local result may be older than it.
	Settling bool
}

// BestEngine is where the best engine of the cluster is, as far as it is up.
type BestEngine struct {
	// Up says that its VM is up.
	Up bool
	// Local says that it is on this host.
	Local bool
	// HostID is the host that it is on.
	HostID int
}

// TimerPhase is how far the timer of a timed state is.
type TimerPhase int

// The phases of a timer. It starts at the first turn in which the state stays, so that the turn of arrival sees it unset.
const (
	TimerUnset TimerPhase = iota
	TimerRunning
	TimerExpired
)

// ActionPhase is how far an action on the engine VM is.
type ActionPhase int

// The phases of an action.
const (
	ActionNone ActionPhase = iota
	ActionRunning
	ActionSucceeded
	ActionFailed
)

// Order is what a state wants done with the engine VM.
type Order int

// The orders.
const (
	OrderNone Order = iota
	OrderStart
	OrderStop
	OrderForceStop
)

// String names the order as it stands in logs and in the table of transitions.
func (o Order) String() string {
	switch o {
	case OrderNone:
		return "-"
	case OrderStart:
		return "start"
	case OrderStop:
		return "stop"
	case OrderForceStop:
		return "force-stop"
	default:
		return "unknown order"
	}
}

// Decision is what a state function decides.
type Decision struct {
	// Next is the state that follows; it may be the same.
	Next State
	// Wait says that the turn is over; otherwise the next state decides at once, with the same facts.
	Wait bool
	// Order is what is to be done with the engine VM.
	Order Order
	// Reason says why, in words for an operator.
	Reason string
}
