package agent

import (
	"time"

	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
)

// Effect is something that the shell has to do. The set is closed. No effect may hold up the events that follow.
type Effect interface{ effect() }

// Collect asks for the facts of a turn: ViewAnswer, one MonitorAnswer for each submonitor, MaintenanceAnswer.
type Collect struct {
	// Lock says that the host id is to be locked too: LockAnswer.
	Lock bool
}

// Publish hands the record of this host to the broker and tells it which hosts are alive. It ends with Published. A newer
// Publish replaces one that has not been sent yet.
type Publish struct {
	// Serial grows with each publication.
	Serial  uint64
	HostID  int
	Segment whiteboard.Segment
	// Alive are the hosts that are alive, this one first.
	Alive []int
}

// StartEngine starts the engine VM; it ends with ActionDone.
type StartEngine struct{ ID uint64 }

// StopEngine stops the engine VM; it ends with ActionDone. A forced stop overtakes a graceful one.
type StopEngine struct {
	ID    uint64
	Force bool
}

// Transition is a change of state, to be logged and to be notified.
type Transition struct {
	From, To State
	Reason   string
}

// Detail is the text that upstream's notification rules are matched with.
func (t Transition) Detail() string { return string(t.From) + "-" + string(t.To) }

// Report says how a turn ended, to be logged.
type Report struct {
	State, Previous State
	Score           int
	// Delay is how long the next turn is away.
	Delay time.Duration
	// ViewAge is the age of the view; negative means that there never was one.
	ViewAge time.Duration
	// Lease is the state of the host id lease as far as it is known.
	Lease string
	// PutTook is how long the last finished publication took; negative if none has succeeded.
	PutTook time.Duration
	// Engine is the state of the engine VM on this host.
	Engine whiteboard.EngineStatus
	// Reason says why the state is what it is, followed by everything that is wrong.
	Reason string
}

// Release gives the host id back; it ends with Released.
type Release struct{}

// Quit ends the agent.
type Quit struct {
	// Published and Released say how far the orderly end came.
	Published, Released bool
}

func (Collect) effect()     {}
func (Publish) effect()     {}
func (StartEngine) effect() {}
func (StopEngine) effect()  {}
func (Transition) effect()  {}
func (Report) effect()      {}
func (Release) effect()     {}
func (Quit) effect()        {}
