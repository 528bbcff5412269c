package shell

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestHealthyAgentStartsTheEngine(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		b.let(65 * time.Second)
		require.Empty(t, b.engine.called(), "not before the cluster was watched for host_alive_timeout")
		b.let(20 * time.Second)
		require.Equal(t, []string{"start"}, b.engine.called())
		b.broker.with(func() { b.broker.health = `{"vm": "up", "health": "good", "detail": "Up"}` })
		b.let(20 * time.Second)
		turn := b.turn()
		require.Equal(t, "EngineUp", turn["state"])
		require.InDelta(t, 3400, turn["score"], 0)
		require.InDelta(t, 10, turn["delay_s"], 0)
		require.Equal(t, "held", turn["lease"])
		require.Equal(t, "up", turn["engine_vm"])
		require.Equal(t, "good", turn["engine_health"])
		require.Equal(t, "the engine is healthy", turn["reason"])
		require.InDelta(t, 1, turn["view_age_s"], 0.3)
		require.GreaterOrEqual(t, turn["put_ms"], 0.0)
		require.Len(t, b.lines("turn"), 12, "one each loop_delay, and one at once when the start was over")
		last := b.lines("transition")
		require.Equal(t, "EngineStarting", last[len(last)-1]["from"])
		require.Equal(t, "EngineUp", last[len(last)-1]["to"])
		require.Equal(t, map[string]any{"address": "0", "use_ssl": true, "vm_uuid": ""}, b.broker.monitors["engine-health"])
		require.Equal(t, map[string]any{"sd_uuid": ""}, b.broker.monitors["storage-domain"])
		require.Contains(t, b.broker.notified, "StartState-ReinitializeFSM")
		require.Contains(t, b.broker.notified, "EngineStarting-EngineUp")
		require.Equal(t, []int{1}, b.broker.pushed[0])
		require.Equal(t, "READY=1", b.told[0])
	})
}

// Each method of the broker hangs in turn: the turns go on at their period, and no calls pile up.
func TestHangingCallsDelayNoTurn_S17(t *testing.T) {
	for _, method := range []string{
		"get_view", "put_stats", "push_hosts_state", "lock_host_id", "start_monitor", "status_monitor", "notify",
	} {
		t.Run(method, func(t *testing.T) {
			inBubble(t, func(b *bed) { b.broker.delay[method], b.broker.held = hang, false }, func(b *bed) {
				b.let(10*time.Minute + time.Second)
				require.InDelta(t, 60, len(b.lines("turn")), 1, "turns in 10 minutes")
				require.LessOrEqual(t, b.broker.most[method], 2, "calls of %s at a time", method)
				if method == "get_view" {
					require.Equal(t, "StorageBlind", b.turn()["state"])
					require.Contains(t, b.turn()["reason"], "no view: context deadline exceeded")
				}
			})
		})
	}
}

func TestSlowBrokerDelaysNoTurn_S17(t *testing.T) {
	inBubble(t, func(b *bed) {
		for _, method := range []string{"get_view", "put_stats", "push_hosts_state", "start_monitor", "status_monitor", "notify"} {
			b.broker.delay[method] = 4 * time.Second
		}
		b.broker.health = `{"vm": "up", "health": "good", "detail": "Up"}`
	}, func(b *bed) {
		b.let(10*time.Minute + time.Second)
		require.InDelta(t, 60, len(b.lines("turn")), 2, "turns in 10 minutes")
		require.Equal(t, "EngineUp", b.turn()["state"])
		require.Less(t, b.turn()["view_age_s"], 30.0, "slow is not blind")
	})
}

func TestBrokerThatIsDownIsNamed(t *testing.T) {
	inBubble(t, func(b *bed) { b.broker.fail = errors.New("broker down: start it") }, func(b *bed) {
		b.let(time.Minute)
		turn := b.turn()
		require.Equal(t, "StorageBlind", turn["state"])
		require.InDelta(t, 0, turn["score"], 0)
		require.InDelta(t, -1, turn["view_age_s"], 0)
		require.InDelta(t, -1, turn["put_ms"], 0)
		require.Contains(t, turn["reason"], "no view: broker down: start it")
		b.broker.with(func() { b.broker.fail = nil })
		b.let(20 * time.Second)
		require.Equal(t, "EngineDown", b.turn()["state"])
	})
}

func TestSubmonitorsAreStartedAgainInARestartedBroker_S11(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		b.let(25 * time.Second)
		require.Equal(t, 2, b.broker.starts)
		b.broker.with(func() { clear(b.broker.monitors) })
		b.let(10 * time.Second)
		require.Equal(t, 4, b.broker.starts)
		require.Equal(t, "down", b.turn()["engine_vm"])
	})
}

// A submonitor that has just been started is asked again until it has a result, so that the first turn has one.
func TestFirstTurnHasTheFirstResult(t *testing.T) {
	inBubble(t, func(b *bed) { b.broker.health = "None" }, func(b *bed) {
		b.let(time.Second)
		b.broker.with(func() { b.broker.health = `{"vm": "up", "health": "good", "detail": "Up"}` })
		b.let(time.Second)
		require.Len(t, b.broker.put, 1)
		require.Contains(t, b.broker.put[0].EngineStatus, `"vm": "up"`)
	})
}

func TestLeaseIsAskedForUntilHeldAndAgainWhenLost(t *testing.T) {
	inBubble(t, func(b *bed) { b.broker.held = false }, func(b *bed) {
		b.let(95 * time.Second)
		require.Equal(t, 10, b.broker.locks(), "each turn")
		require.Empty(t, b.engine.called(), "no start without the lease")
		b.broker.with(func() { b.broker.held = true })
		b.let(10 * time.Second)
		asked := b.broker.locks()
		b.let(60 * time.Second)
		require.Equal(t, asked, b.broker.locks(), "not while it is held")
		b.broker.with(func() { b.broker.held = false })
		b.let(30 * time.Second)
		require.Greater(t, b.broker.locks(), asked)
	})
}

func TestStopIsOrderly_S19(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		b.let(95 * time.Second)
		began := time.Now()
		b.stop()
		require.NoError(t, <-b.done)
		b.done <- nil
		require.Less(t, time.Since(began), 2*time.Second)
		last := b.broker.put[len(b.broker.put)-1]
		require.True(t, last.Stopped)
		require.Zero(t, last.Score)
		require.True(t, b.broker.released)
		require.Equal(t, []string{"start"}, b.engine.called(), "the engine VM is left as it is")
	})
}

func TestStopIsBounded(t *testing.T) {
	for _, method := range []string{"put_stats", "release_host_id", "get_view", "notify"} {
		t.Run(method, func(t *testing.T) {
			inBubble(t, func(b *bed) {
				b.broker.delay[method] = hang
				b.engine.answer = func(ctx context.Context, _ string) error { <-ctx.Done(); return context.Cause(ctx) }
			}, func(b *bed) {
				b.let(95 * time.Second)
				began := time.Now()
				b.stop()
				err := <-b.done
				b.done <- nil
				require.LessOrEqual(t, time.Since(began), b.options.Config.Timing.ShutdownGrace)
				if method == "put_stats" || method == "release_host_id" {
					require.ErrorIs(t, err, ErrNotOrderly)
				} else {
					require.NoError(t, err)
				}
			})
		})
	}
}

// The program forces the end after 1.25 times the grace period. A worker that is stuck, here in the service manager's
// socket, must not use that up: the agent would end without saying how.
func TestStuckWorkerDoesNotMakeTheEndAForcedOne(t *testing.T) {
	inBubble(t, func(b *bed) {
		b.broker.delay["put_stats"], b.broker.delay["release_host_id"] = hang, hang
		b.options.Notify = func(string) error { time.Sleep(40 * time.Second); return nil }
	}, func(b *bed) {
		b.let(95 * time.Second)
		began := time.Now()
		b.stop()
		require.ErrorIs(t, <-b.done, ErrNotOrderly)
		took := time.Since(began)
		b.done <- nil
		b.let(10 * time.Minute) // the worker comes back, maybe after more messages that had waited
		require.Less(t, took, b.options.Config.Timing.ShutdownGrace*5/4)
	})
}

// A driver that takes its time delays no turn.
func TestSlowDriverDelaysNoTurn(t *testing.T) {
	inBubble(t, func(b *bed) {
		b.engine.answer = func(ctx context.Context, _ string) error { <-ctx.Done(); return context.Cause(ctx) }
	}, func(b *bed) {
		b.let(75 * time.Second)
		require.Equal(t, []string{"start"}, b.engine.called())
		require.Equal(t, "EngineStart", b.turn()["state"])
		turns := len(b.lines("turn"))
		b.let(50 * time.Second)
		require.Len(t, b.lines("turn"), turns+5)
		require.Contains(t, b.turn()["reason"], "the engine VM is being started")
		b.let(10 * time.Second) // vm_start_timeout is over
		require.Equal(t, "EngineDown", b.turn()["state"])
		require.Contains(t, b.turn()["reason"], "last start of the engine VM: context deadline exceeded")
		require.InDelta(t, 3350, b.turn()["score"], 0, "a failed start costs")
	})
}

func TestOptionsThatCannotWork(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		for name, spoil := range map[string]func(*Options){
			"no broker":     func(o *Options) { o.Broker = nil },
			"no clock":      func(o *Options) { o.Clock = nil },
			"no log":        func(o *Options) { o.Log = nil },
			"no tick":       func(o *Options) { o.Config.Timing.Tick = 0 },
			"no host id":    func(o *Options) { o.Config.HostID = 0 },
			"bad host name": func(o *Options) { o.HostName = "ä" },
		} {
			o := b.options
			spoil(&o)
			require.Error(t, Run(t.Context(), o), name)
		}
	})
}
