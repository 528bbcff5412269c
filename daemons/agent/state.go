package agent

import (
	"time"

	"github.com/holdfast-ha/holdfast/daemons/config"
)

// State is a state of the agent's state machine. Its text is the name that operators know from upstream: it stands in
// the human-readable part of the whiteboard record and in notifications.
type State string

// The states. StorageBlind is Holdfast's own; the others are upstream's.
const (
	// StartState is where every agent begins.
	StartState State = "StartState"
	// ReinitializeFSM forgets the past and sorts by whether the engine VM runs here.
	ReinitializeFSM State = "ReinitializeFSM"
	// EngineDown watches the cluster: the engine VM does not run here.
	EngineDown State = "EngineDown"
	// EngineStart starts the engine VM here.
	EngineStart State = "EngineStart"
	// EngineStarting waits for the engine to become healthy.
	EngineStarting State = "EngineStarting"
	// EngineUp watches a healthy engine that runs here.
	EngineUp State = "EngineUp"
	// EngineUpBadHealth gives an engine in bad health a chance to recover.
	EngineUpBadHealth State = "EngineUpBadHealth"
	// EngineMaybeAway waits for an engine VM that vanished to turn up here or elsewhere.
	EngineMaybeAway State = "EngineMaybeAway"
	// EngineUnexpectedlyDown lets the other hosts try first after a crash of the engine VM.
	EngineUnexpectedlyDown State = "EngineUnexpectedlyDown"
	// EngineStop shuts the engine VM down gracefully.
	EngineStop State = "EngineStop"
	// EngineForceStop switches the engine VM off.
	EngineForceStop State = "EngineForceStop"
	// UnknownLocalVMState waits until it is known again whether the engine VM runs here.
	UnknownLocalVMState State = "UnknownLocalVmState"
	// GlobalMaintenance leaves the engine VM to the operator, on all hosts.
	GlobalMaintenance State = "GlobalMaintenance"
	// LocalMaintenance keeps this host out of the game.
	LocalMaintenance State = "LocalMaintenance"
	// StorageBlind does nothing, because this host does not know what the others do.
	StorageBlind State = "StorageBlind"
	// AgentStopped is only published, as the last record of an agent that was told to stop.
	AgentStopped State = "AgentStopped"
)

// States returns all states that a running agent can be in, in the order of the table. AgentStopped is not one of them.
func States() []State {
	return []State{
		StartState, ReinitializeFSM, UnknownLocalVMState, GlobalMaintenance, LocalMaintenance, StorageBlind,
		EngineDown, EngineStart, EngineStarting, EngineUp, EngineUpBadHealth, EngineMaybeAway,
		EngineUnexpectedlyDown, EngineStop, EngineForceStop,
	}
}

// timeout returns how long the state may last. ok is false if it is not timed.
func (s State) timeout(t config.Timing) (limit time.Duration, ok bool) {
	switch s {
	case EngineStarting:
		return t.EngineStartingTimeout, true
	case EngineMaybeAway:
		return t.EngineAwayExpiration, true
	case EngineUnexpectedlyDown:
		return t.VMUnexpectedShutdownExpiration, true
	case EngineUpBadHealth, EngineStop:
		return t.EngineBadHealthTimeout, true
	default:
		return 0, false
	}
}

// scoring says how the score of a state comes about.
type scoring int

const (
	scoreComputed      scoring = iota
	scoreWithoutMemory         // the engine VM has its memory already, or nobody starts it
	scoreZero
)

func (s State) scoring() scoring {
	switch s {
	case StartState, ReinitializeFSM, LocalMaintenance, EngineUnexpectedlyDown, AgentStopped, StorageBlind:
		return scoreZero
	case GlobalMaintenance, EngineUp, EngineUpBadHealth:
		return scoreWithoutMemory
	default:
		return scoreComputed
	}
}
