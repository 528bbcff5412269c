package agent

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestEqualHostsStartOneEngine(t *testing.T) {
	w := newWorld(t, 3)
	w.run(w.timing.HostAliveTimeout)
	require.Empty(t, w.starts, "nobody may start the engine before the cluster was watched for host_alive_timeout:\n%s", w.describe())
	holder := w.engineUp()
	require.Equal(t, []int{holder.id}, w.running())
	begun := w.starts[1] + w.starts[2] + w.starts[3]
	// Equal scores start everywhere and the lease decides; once that is over nothing moves any more.
	w.run(30 * time.Minute)
	require.Equal(t, []int{holder.id}, w.running())
	require.Len(t, holder.alive, 3)
	require.Equal(t, EngineUp, holder.core.State())
	require.Equal(t, begun, w.starts[1]+w.starts[2]+w.starts[3], "starts after the engine was up:\n%s", w.describe())
	for _, h := range w.hosts {
		require.Equal(t, 3400, h.core.Score(), "score of host %d", h.id)
	}
}

func TestFailoverAfterAHostVanishes(t *testing.T) {
	w := newWorld(t, 3)
	old := w.engineUp()
	w.run(5 * time.Minute)
	starts := len(w.events)
	w.powerOff(old.id)
	took := w.until("another host runs the engine", 10*time.Minute, func() bool {
		ids := w.running()
		return len(ids) == 1 && ids[0] != old.id && w.hosts[ids[0]-1].core.State() == EngineUp
	})
	t.Logf("failover after %s, of which the lease takes %s", took, leaseTime)
	require.Greater(t, took, leaseTime, "the lease of the vanished host must run out first")
	require.Less(t, took, leaseTime+3*time.Minute)
	_ = starts
	w.run(10 * time.Minute)
	require.Len(t, w.running(), 1)
}

func TestNobodyIsDeclaredDeadBeforeTheWindow(t *testing.T) {
	w := newWorld(t, 2)
	old := w.engineUp()
	w.run(5 * time.Minute)
	before := w.starts[1] + w.starts[2]
	w.powerOff(old.id)
	w.owner = 0 // the lease is no obstacle here
	took := w.until("the other host starts the engine", 3*time.Minute, func() bool { return w.starts[1]+w.starts[2] > before })
	require.Greater(t, took, w.timing.HostAliveTimeout-w.timing.LoopDelay-w.timing.StorageDelay)
	require.LessOrEqual(t, took, w.timing.HostAliveTimeout+w.timing.LoopDelay+w.timing.StorageDelay+w.timing.LoopDelay)
	t.Logf("declared dead and started after %s", took)
}

func TestGlobalMaintenanceStopsStarts(t *testing.T) {
	w := newWorld(t, 3)
	old := w.engineUp()
	others := slices.DeleteFunc([]int{1, 2, 3}, func(id int) bool { return id == old.id })
	w.setGlobalMaintenance(true)
	w.until("all are in global maintenance", time.Minute, w.inState(GlobalMaintenance, 1, 2, 3))
	require.Equal(t, []int{old.id}, w.running(), "maintenance leaves the engine alone")
	before := len(w.events)
	w.powerOff(old.id)
	w.run(20 * time.Minute)
	require.Empty(t, w.running(), "events:\n%v", w.events[before:])
	require.Len(t, w.events, before, "nothing may happen in global maintenance")
	w.setGlobalMaintenance(false)
	w.until("the engine is up elsewhere", 5*time.Minute, func() bool {
		return w.inState(EngineUp, others[0])() || w.inState(EngineUp, others[1])()
	})
}

func TestBlindStandbyStartsNothing_S37(t *testing.T) {
	w := newWorld(t, 3)
	old := w.engineUp()
	w.run(5 * time.Minute)
	standby := w.hosts[old.id%3]
	before := w.starts[standby.id]
	standby.blind = true
	w.until("the standby says that it is blind", w.timing.ViewLimit+2*w.timing.LoopDelay, w.inState(StorageBlind, standby.id))
	w.run(30 * time.Minute)
	require.Equal(t, before, w.starts[standby.id], "a blind host must start nothing:\n%s", w.describe())
	require.Equal(t, StorageBlind, standby.core.State())
	require.Zero(t, standby.core.Score())
	last := standby.published[len(standby.published)-1]
	require.Zero(t, last.Score, "its record says so too")
	require.Contains(t, last.Human, "state=StorageBlind\n")
	require.Equal(t, []int{standby.id}, standby.alive, "it does not know who else is alive")
	require.Contains(t, standby.reports[len(standby.reports)-1].Reason, "the view of the cluster is ")
	standby.blind = false
	took := w.until("it finds its way back", time.Minute, w.inState(EngineDown, standby.id))
	t.Logf("back after %s", took)
	w.run(10 * time.Minute)
	require.Equal(t, before, w.starts[standby.id], "nor afterwards, as long as the engine runs elsewhere:\n%s", w.describe())
	require.Equal(t, []int{old.id}, w.running())
}

func TestBlindHostKeepsItsHealthyEngine_S37(t *testing.T) {
	w := newWorld(t, 3)
	holder := w.engineUp()
	w.run(5 * time.Minute)
	holder.blind = true
	w.until("it says that it is blind", time.Minute, w.inState(StorageBlind, holder.id))
	w.run(30 * time.Minute)
	require.Equal(t, []int{holder.id}, w.running(), "it must not stop its engine:\n%s", w.describe())
	holder.blind = false
	w.until("it is back", time.Minute, w.inState(EngineUp, holder.id))
	require.Equal(t, []int{holder.id}, w.running())
}

// All hosts lose their storage for longer than the liveness window and get it back at different times. Nobody could
// publish meanwhile, so nobody may be taken for dead because of that.
func TestStorageOutageForAllStartsNothing(t *testing.T) {
	for _, outage := range []time.Duration{20 * time.Second, 45 * time.Second, 90 * time.Second, 10 * time.Minute} {
		t.Run(outage.String(), func(t *testing.T) {
			w := newWorld(t, 3)
			holder := w.engineUp()
			w.run(5 * time.Minute)
			before := w.starts[1] + w.starts[2] + w.starts[3]
			w.outage = true
			w.run(outage)
			for _, h := range w.hosts {
				h.mute, h.blind = true, true
			}
			w.outage = false
			for i := range w.hosts { // the holder of the engine is the last one to come back
				w.run(8 * time.Second)
				back := w.hosts[(holder.id+i)%3]
				back.mute, back.blind = false, false
			}
			w.run(10 * time.Minute)
			require.Equal(t, before, w.starts[1]+w.starts[2]+w.starts[3], "starts after the outage:\n%s", w.describe())
			require.Equal(t, []int{holder.id}, w.running())
			require.Equal(t, EngineUp, holder.core.State())
		})
	}
}

// Only writes hang, for all hosts: everybody looks dead to everybody, although all can read.
func TestSilenceOfAllStartsNothing_S37(t *testing.T) {
	w := newWorld(t, 3)
	holder := w.engineUp()
	w.run(5 * time.Minute)
	before := w.starts[1] + w.starts[2] + w.starts[3]
	for _, h := range w.hosts {
		h.mute = true
	}
	w.run(20 * time.Minute)
	require.Equal(t, before, w.starts[1]+w.starts[2]+w.starts[3], "starts:\n%s", w.describe())
	require.Equal(t, []int{holder.id}, w.running())
	for _, h := range w.hosts {
		require.Contains(t, h.reports[len(h.reports)-1].Reason, "the last record of this host on storage is ")
	}
	for i := range w.hosts { // the holder of the engine is the last one to be heard again
		w.run(15 * time.Second)
		w.hosts[(holder.id+i)%3].mute = false
	}
	w.run(10 * time.Minute)
	require.Equal(t, before, w.starts[1]+w.starts[2]+w.starts[3], "starts:\n%s", w.describe())
	require.Equal(t, []int{holder.id}, w.running())
	require.Equal(t, EngineUp, holder.core.State())
}

func TestBrokenStartYieldsToOthers_S23(t *testing.T) {
	w := newWorld(t, 2)
	w.hosts[0].failing = true
	// Host 2 is worse from the start, so host 1 is the one that tries.
	w.hosts[1].core.set.Score.Base = 3300
	w.until("host 2 runs the engine", 10*time.Minute, w.inState(EngineUp, 2))
	require.LessOrEqual(t, w.starts[1], w.timing.EngineRetryMaxAttempts+1, "host 1 must not try for ever:\n%s", w.describe())
	t.Logf("host 1 tried %d times", w.starts[1])
}

func TestFailedStartsAreForgotten_S23(t *testing.T) {
	w := newWorld(t, 1)
	h := w.hosts[0]
	h.failing = true
	w.until("the score is 0", 10*time.Minute, func() bool {
		return h.core.engine.failedStarts > w.timing.EngineRetryMaxAttempts && h.core.Score() == 0
	})
	require.Greater(t, w.starts[1], w.timing.EngineRetryMaxAttempts)
	w.setGlobalMaintenance(true)
	w.until("maintenance", time.Minute, w.inState(GlobalMaintenance, 1))
	require.Zero(t, h.core.Score())
	w.run(w.timing.EngineRetryExpiration - time.Minute)
	require.Zero(t, h.core.Score(), "not before engine_retry_expiration")
	w.run(2 * time.Minute)
	require.Equal(t, 3400, h.core.Score())
}

func TestUnhealthyEngineIsRestartedElsewhere(t *testing.T) {
	w := newWorld(t, 2)
	holder := w.engineUp()
	w.run(5 * time.Minute)
	holder.engine = "bad"
	w.until("it sees that", time.Minute, w.inState(EngineUpBadHealth, holder.id))
	took := w.until("it stops the engine", 10*time.Minute, func() bool { return holder.engine == "" })
	require.Greater(t, took, w.timing.EngineBadHealthTimeout)
	w.until("the engine is healthy again somewhere", 10*time.Minute, func() bool {
		return w.inState(EngineUp, 1)() || w.inState(EngineUp, 2)()
	})
}

func TestAHostWithoutLeaseStartsNothing(t *testing.T) {
	w := newWorld(t, 2)
	w.hosts[0].noLease = true
	w.until("host 2 runs the engine", 5*time.Minute, w.inState(EngineUp, 2))
	require.Zero(t, w.starts[1])
	require.Zero(t, w.hosts[0].core.Score())
	require.Contains(t, w.hosts[0].reports[8].Reason, "the host id lease is lost: sanlock is gone")
}

func TestAHostWithAnInvalidDomainStartsNothing_S10(t *testing.T) {
	for _, text := range []string{"False", "None", "true", "", "1"} {
		w := newWorld(t, 2)
		w.hosts[0].domain = text
		w.until("host 2 runs the engine", 5*time.Minute, w.inState(EngineUp, 2))
		require.Zero(t, w.starts[1], "storage-domain says %q", text)
	}
}

func TestLostBrokerIsNoLostEngine(t *testing.T) {
	w := newWorld(t, 2)
	holder := w.engineUp()
	w.run(5 * time.Minute)
	turns, states := w.turns[holder.id], len(holder.states)
	holder.down = true
	w.run(20 * time.Second)
	require.Equal(t, turns+2, w.turns[holder.id], "the turns go on")
	require.Contains(t, holder.reports[len(holder.reports)-1].Reason, "no view: broker down")
	holder.down = false
	w.run(time.Minute)
	require.Len(t, holder.states, states, "a short absence of the broker changes nothing:\n%s", w.describe())
	// The same with a broker that comes back with nothing in memory.
	holder.down, holder.readAt, holder.read, holder.health = true, 0, nil, "None"
	w.run(10 * time.Second)
	holder.down = false
	w.run(time.Minute)
	require.Equal(t, EngineUp, holder.core.State())
	require.Equal(t, []int{holder.id}, w.running())
}

func TestRestartedAgentKeepsTheEngine(t *testing.T) {
	w := newWorld(t, 3)
	holder := w.engineUp()
	w.run(5 * time.Minute)
	before := w.starts[1] + w.starts[2] + w.starts[3]
	holder.step(Stop{})
	w.until("the agent has stopped", 15*time.Second, func() bool { return holder.noAgent })
	require.Equal(t, Quit{Published: true, Released: true}, *holder.quit)
	last := holder.published[len(holder.published)-1]
	require.True(t, last.Stopped)
	require.Zero(t, last.Score)
	require.Contains(t, last.Human, "state=AgentStopped\nstopped=True\n")
	require.Equal(t, []int{holder.id}, w.running(), "the engine VM is left alone")
	w.run(20 * time.Second)
	holder.startAgent()
	w.until("the new agent has found the engine", time.Minute, w.inState(EngineUp, holder.id))
	w.run(10 * time.Minute)
	require.Equal(t, before, w.starts[1]+w.starts[2]+w.starts[3], "starts:\n%s", w.describe())
	require.Equal(t, []int{holder.id}, w.running())
}

func TestLocalMaintenance(t *testing.T) {
	w := newWorld(t, 2)
	holder := w.engineUp()
	other := w.hosts[2-holder.id]
	other.local = true
	w.until("it is in local maintenance", time.Minute, w.inState(LocalMaintenance, other.id))
	w.run(10 * time.Second)
	require.True(t, other.published[len(other.published)-1].Maintenance, "token 7")
	other.blind = true
	w.run(5 * time.Minute)
	require.Equal(t, LocalMaintenance, other.core.State(), "blindness does not end it: token 7 must go on saying so")
	w.powerOff(holder.id)
	w.run(10 * time.Minute)
	require.Empty(t, w.running())
	other.local, other.blind = false, false
	w.until("the engine is up", 5*time.Minute, w.inState(EngineUp, other.id))
}

func TestSimulationIsDeterministic(t *testing.T) {
	trace := func() []string {
		w := newWorld(t, 3)
		w.engineUp()
		w.powerOff(1)
		w.run(10 * time.Minute)
		return w.events
	}
	require.Equal(t, trace(), trace())
}
