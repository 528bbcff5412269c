package agent

import (
	"fmt"
)

// Decide is the whole state machine: what state does in the situation s. The timer comes first, before even global
// maintenance, as in upstream; the state that follows then looks at the guards.
func Decide(state State, s Situation) Decision {
	if s.Timer == TimerExpired {
		switch state {
		case EngineStarting:
			return wait(EngineStop, "the engine did not become healthy in time")
		case EngineMaybeAway:
			return at(EngineUnexpectedlyDown, "the engine VM did not turn up anywhere in time")
		case EngineUnexpectedlyDown:
			return wait(EngineDown, "the other hosts had their time to start the engine")
		case EngineUpBadHealth:
			return wait(EngineStop, "the engine was in bad health for too long")
		case EngineStop:
			return wait(EngineForceStop, "the engine VM did not shut down in time")
		}
	}
	switch state {
	case StartState:
		return wait(ReinitializeFSM, "the agent has started")
	case ReinitializeFSM:
		return reinitializeFSM(s)
	case UnknownLocalVMState:
		return unknownLocalVMState(s)
	case GlobalMaintenance:
		return globalMaintenance(s)
	case LocalMaintenance:
		return localMaintenance(s)
	case StorageBlind:
		return storageBlind(s)
	case EngineDown:
		return engineDown(s)
	case EngineStart:
		return engineStart(s)
	case EngineStarting:
		return engineStarting(s)
	case EngineUp, EngineUpBadHealth:
		return engineUp(s)
	case EngineMaybeAway:
		return engineMaybeAway(s)
	case EngineUnexpectedlyDown:
		return engineUnexpectedlyDown(s)
	case EngineStop:
		return engineStop(s)
	case EngineForceStop:
		return engineForceStop(s)
	default:
		return wait(ReinitializeFSM, fmt.Sprintf("there is no state %q", string(state)))
	}
}

func reinitializeFSM(s Situation) Decision {
	if d, met := guard(s, guardBlind, guardGlobal, guardUnknown, guardLocal); met {
		return d
	}
	if s.Local.VM == vmUp {
		return at(EngineStarting, "the engine VM runs here")
	}
	return wait(EngineDown, "the engine VM does not run here")
}

func unknownLocalVMState(s Situation) Decision {
	if d, met := guard(s, guardBlind, guardGlobal, guardUnknown, guardLocal); met {
		return d
	}
	return at(ReinitializeFSM, "it is known again whether the engine VM runs here")
}

func globalMaintenance(s Situation) Decision {
	if d, met := guard(s, guardBlind, guardGlobal, guardLocal); met {
		return d
	}
	return wait(ReinitializeFSM, "global maintenance is over")
}

func localMaintenance(s Situation) Decision {
	if d, met := guard(s, guardLocal); met {
		return d
	}
	return wait(ReinitializeFSM, "local maintenance is over")
}

func storageBlind(s Situation) Decision {
	if d, met := guard(s, guardBlind); met {
		return d
	}
	return at(ReinitializeFSM, "the view of the cluster is fresh again")
}

func engineDown(s Situation) Decision {
	if d, met := guard(s, guardBlind, guardGlobal, guardUnknown, guardLocal); met {
		return d
	}
	switch {
	case s.Best.Up && s.Best.Local:
		return at(EngineStarting, "the engine VM runs here")
	case s.Best.Up:
		return wait(EngineDown, fmt.Sprintf("the engine runs on host %d", s.Best.HostID))
	case s.ShortHistory:
		return wait(EngineDown, "the cluster has not been watched long enough to start the engine")
	case s.Obstacle != "":
		return wait(EngineDown, "this host must not start the engine: "+s.Obstacle)
	case s.BestScoreHost != 0 && s.BestScore > s.OwnScore:
		return wait(EngineDown, fmt.Sprintf("host %d has the better score (%d, here %d)", s.BestScoreHost, s.BestScore, s.OwnScore))
	default:
		return at(EngineStart, "the engine runs nowhere and no host has a better score")
	}
}

// engineStart waits for its action before it looks at any guard: what upstream does in one blocking call must not be
// left half-way.
func engineStart(s Situation) Decision {
	switch s.Action {
	case ActionRunning:
		return wait(EngineStart, "the engine VM is being started")
	case ActionSucceeded:
		return wait(EngineStarting, "the engine VM was started")
	case ActionFailed:
		return wait(EngineDown, "the engine VM could not be started")
	}
	if d, met := guard(s, guardBlind, guardGlobal, guardUnknown, guardLocal); met {
		return d
	}
	switch {
	case s.ShortHistory:
		return wait(EngineDown, "the cluster has not been watched long enough to start the engine")
	case s.Obstacle != "":
		return wait(EngineDown, "this host must not start the engine: "+s.Obstacle)
	case s.Busy:
		return wait(EngineDown, "an earlier action on the engine VM still runs")
	}
	return Decision{Next: EngineStart, Wait: true, Order: OrderStart, Reason: "starting the engine VM"}
}

func engineStarting(s Situation) Decision {
	if d, met := guard(s, guardBlind, guardGlobal, guardUnknown, guardLocal); met {
		return d
	}
	switch {
	case s.Local.VM == vmUp && s.Local.Health == healthGood:
		return wait(EngineUp, "the engine is healthy")
	case s.Local.VM == vmUp:
		return wait(EngineStarting, "the engine is not healthy yet")
	case s.Settling:
		return wait(EngineStarting, "the engine VM was just started; the result may be older than that")
	case s.Local.VM == vmDown:
		return at(EngineForceStop, "the engine VM is down: "+s.Local.Reason)
	default:
		return at(EngineMaybeAway, "the engine VM vanished while it was starting")
	}
}

func engineUp(s Situation) Decision {
	if d, met := guard(s, guardBlind, guardGlobal, guardUnknown); met {
		return d
	}
	switch {
	case s.Local.VM == vmDown:
		return wait(EngineMaybeAway, "the engine VM is down here")
	case s.Local.VM == vmDownUnexpected:
		return wait(EngineUnexpectedlyDown, "the engine VM went down unexpectedly")
	case !s.Best.Up:
		return at(EngineMaybeAway, "the engine VM vanished")
	case !s.Best.Local:
		return wait(EngineStop, fmt.Sprintf("a better engine runs on host %d", s.Best.HostID))
	case s.BestScoreHost != 0 && s.BestScore >= s.OwnScore+s.RestartThreshold:
		return wait(EngineStop, fmt.Sprintf("host %d has a much better score (%d, here %d)", s.BestScoreHost, s.BestScore, s.OwnScore))
	case s.Local.Health == healthBad:
		return wait(EngineUpBadHealth, "the engine is in bad health: "+s.Local.Reason)
	default:
		return wait(EngineUp, "the engine is healthy")
	}
}

func engineMaybeAway(s Situation) Decision {
	if d, met := guard(s, guardBlind, guardGlobal, guardUnknown, guardLocal); met {
		return d
	}
	switch {
	case s.Local.VM == vmDown:
		return wait(EngineDown, "the engine VM is down here")
	case s.Local.VM == vmDownUnexpected:
		return wait(EngineUnexpectedlyDown, "the engine VM went down unexpectedly")
	case s.Local.VM == vmUp:
		return wait(EngineUp, "the engine VM runs here again")
	case s.Best.Up && !s.Best.Local:
		return wait(EngineDown, fmt.Sprintf("the engine runs on host %d", s.Best.HostID))
	default:
		return wait(EngineMaybeAway, "waiting for the engine VM to turn up")
	}
}

func engineUnexpectedlyDown(s Situation) Decision {
	if d, met := guard(s, guardBlind, guardGlobal, guardUnknown, guardLocal); met {
		return d
	}
	if s.Best.Up && s.Best.Local {
		return wait(EngineUp, "the engine VM runs here again")
	}
	return wait(EngineUnexpectedlyDown, "the other hosts are to start the engine first")
}

func engineStop(s Situation) Decision {
	if d, met := guard(s, guardBlind, guardGlobal, guardLocal, guardUnknown); met {
		return d
	}
	switch {
	case s.Local.VM != vmUp:
		return wait(EngineDown, "the engine VM is not up any more")
	case s.Local.Detail == detailPaused:
		return at(EngineForceStop, "a paused engine VM does not shut down")
	case s.Action == ActionFailed:
		return wait(ReinitializeFSM, "the engine VM could not be told to shut down")
	case s.Timer == TimerUnset && s.Action == ActionNone:
		return Decision{Next: EngineStop, Wait: true, Order: OrderStop, Reason: "shutting the engine VM down"}
	default:
		return wait(EngineStop, "the engine VM is shutting down")
	}
}

func engineForceStop(s Situation) Decision {
	if d, met := guard(s, guardBlind, guardGlobal, guardLocal, guardUnknown); met {
		return d
	}
	switch s.Action {
	case ActionSucceeded:
		return wait(EngineDown, "the engine VM was switched off")
	case ActionFailed:
		return wait(ReinitializeFSM, "the engine VM could not be switched off")
	case ActionRunning:
		return wait(EngineForceStop, "the engine VM is being switched off")
	default:
		return Decision{Next: EngineForceStop, Wait: true, Order: OrderForceStop, Reason: "switching the engine VM off"}
	}
}
