package agent

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStartsAreCountedWhereverTheirOutcomeArrives_S23(t *testing.T) {
	timing := testTiming()
	var w work
	for n := 1; n <= 4; n++ {
		start, ok := w.begin(at10ths(n*1000), OrderStart).(StartEngine)
		require.True(t, ok)
		require.True(t, w.busyIn(EngineDown))
		require.False(t, w.busyIn(EngineStart))
		w.done(at10ths(n*1000+10), GlobalMaintenance, start.ID, "no such program")
		require.Equal(t, n, w.failedStarts)
		require.False(t, w.busyIn(EngineDown))
		require.Equal(t, ActionNone, w.phaseIn(EngineStart), "a state entered later must not take an old outcome for its own")
	}
	last := at10ths(4010)
	w.expire(last.Add(timing.EngineRetryExpiration), EngineDown, timing)
	require.Equal(t, 4, w.failedStarts)
	w.expire(last.Add(timing.EngineRetryExpiration+1), EngineDown, timing)
	require.Zero(t, w.failedStarts)
}

func TestDriverThatNeverComesBackIsGivenUp(t *testing.T) {
	timing := testTiming()
	var w work
	w.begin(at10ths(0), OrderStart)
	limit := timing.VMStartTimeout + timing.RPCTimeout
	w.expire(at10ths(0).Add(limit), EngineStart, timing)
	require.Equal(t, ActionRunning, w.phaseIn(EngineStart))
	w.expire(at10ths(0).Add(limit+1), EngineStart, timing)
	require.Equal(t, ActionFailed, w.phaseIn(EngineStart))
	require.Equal(t, 1, w.failedStarts)
	w.done(at10ths(0).Add(2*limit), EngineStart, w.id, "")
	require.Equal(t, ActionFailed, w.phaseIn(EngineStart), "too late")
}

func TestForcedStopOvertakesAGracefulOne(t *testing.T) {
	var w work
	graceful, ok := w.begin(at10ths(0), OrderStop).(StopEngine)
	require.True(t, ok)
	forced, ok := w.begin(at10ths(1), OrderForceStop).(StopEngine)
	require.True(t, ok)
	require.True(t, forced.Force)
	w.done(at10ths(2), EngineForceStop, graceful.ID, "cancelled")
	require.Equal(t, ActionRunning, w.phaseIn(EngineForceStop), "the end of the overtaken stop says nothing")
	w.done(at10ths(3), EngineForceStop, forced.ID, "")
	require.Equal(t, ActionSucceeded, w.phaseIn(EngineForceStop))
}

func TestResultsFromBeforeTheStartAreNotBelieved_S24(t *testing.T) {
	w := newWorld(t, 1)
	h := w.hosts[0]
	w.until("the engine is started", 5*time.Minute, func() bool { return w.starts[1] == 1 })
	// The submonitor is slow: for a while its result is from before the start.
	h.nextPoll = w.now.Add(20 * time.Second)
	w.run(19 * time.Second)
	require.Equal(t, EngineStarting, h.core.State(), "a result that may be older than the start must not undo it:\n%s", w.describe())
	w.until("the engine is up", time.Minute, w.inState(EngineUp, 1))
	require.Equal(t, 1, w.starts[1])
}

func TestEngineThatFellAfterItWasUpIsBelieved(t *testing.T) {
	c := newCore(t)
	c.state = EngineStarting
	c.engine.settle = at10ths(0)
	say := func(n int, text string) Situation {
		c.Step(at10ths(n), MonitorAnswer{Monitor: EngineHealth, Sent: at10ths(n), Text: text})
		return c.situation(at10ths(n))
	}
	require.True(t, say(10, isDown).Settling)
	require.False(t, say(20, upGood).Settling)
	require.False(t, say(30, isDown).Settling, "what comes after \"up\" is not older than the start")
}

func TestBlindHostThatWaitsForItsDriverHasNoScore_S37(t *testing.T) {
	w := newWorld(t, 1)
	h := w.hosts[0]
	w.until("the engine is started", 5*time.Minute, func() bool { return w.starts[1] == 1 })
	h.pending = nil // the driver takes its time
	h.blind = true
	w.run(w.timing.ViewLimit + 2*w.timing.LoopDelay)
	require.Equal(t, EngineStart, h.core.State())
	require.Zero(t, h.core.Score())
	w.until("the driver is given up", time.Minute, w.inState(StorageBlind, 1))
}

func TestLostRaceForTheLeaseEndsInEngineDown(t *testing.T) {
	w := newWorld(t, 1)
	w.owner = 99
	h := w.hosts[0]
	w.until("the engine is started", 5*time.Minute, func() bool { return w.starts[1] == 1 })
	w.until("it gives up", time.Minute, func() bool { return h.core.State() == EngineDown })
	require.Contains(t, h.states, EngineForceStop)
	require.Empty(t, w.running())
}
