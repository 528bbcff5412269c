package run

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/faults/lifecycle"
	"github.com/holdfast-ha/holdfast/harness/attendant"
	"github.com/holdfast-ha/holdfast/harness/scenario"
	"github.com/holdfast-ha/holdfast/harness/tier/container"
	"github.com/holdfast-ha/holdfast/harness/verdict"
)

// TestProgramsThatEndedAreNoticed: a daemon that died breaks a claim, a dead witness makes the run show nothing.
func TestProgramsThatEndedAreNoticed(t *testing.T) {
	o, _, _ := sighted()
	r := &runner{seen: o, ready: 8}
	running := func(name string) attendant.Process {
		return attendant.Process{Name: name, Running: true, ExitCode: -1, Started: 105}
	}
	daemons, others := r.ended(map[string][]attendant.Process{"host2": {running("broker"), running("agent"), running("probe")}})
	require.Empty(t, daemons)
	require.Empty(t, others)
	again := running("broker")
	again.Started = 120
	daemons, others = r.ended(map[string][]attendant.Process{
		"host1":   {again, {Name: "agent", ExitCode: 2, Started: 105, Ended: 130}, {Name: "probe", ExitCode: -1, Signal: "SIGKILL", Started: 105, Ended: 131}},
		"storage": {{Name: "server", ExitCode: 1, Started: 104, Ended: 132}},
	})
	require.Equal(t, []string{"host1: broker was started anew at 20.0 s", "host1: agent ended with exit code 2 at 30.0 s"}, daemons)
	require.Equal(t, []string{"host1: probe was ended by SIGKILL at 31.0 s", "storage: server ended with exit code 1 at 32.0 s"}, others)
}

// TestAHostThatNobodyWatchedIsTold: what was not seen must not pass for what did not happen.
func TestAHostThatNobodyWatchedIsTold(t *testing.T) {
	o, w, _ := sighted()
	r := &runner{seen: o, ready: 8}
	var calls []verdict.Call
	for at := 8.0; at < 20; at += 0.04 {
		calls = append(calls, verdict.Call{T: at, MS: 1})
	}
	measured := map[string]map[string][]verdict.Call{"host2": {"get_view": calls}}
	require.Empty(t, r.blind(measured, 20))
	require.Equal(t, []string{"host2: the probe measured nothing for 10.0 s from 20.0 s on"}, r.blind(measured, 30), "a probe that died")
	require.Len(t, r.blind(nil, 30), 1, "a probe that never lived")
	measured["host2"]["put_stats"] = []verdict.Call{{T: 19, MS: 11000, Error: "no answer"}}
	require.Empty(t, r.blind(measured, 30), "a call that waits is measured")
	o.probeLine("host2", w, []byte(`{"k":"self","mono":120,"cpu_ms":1,"late_ms":1,"dropped":7}`))
	w.unread = append(w.unread, errors.New("open engine.log: permission denied"))
	require.Len(t, r.blind(measured, 30), 2)
}

// TestGrowthWantsBothDaemons: one that was never looked at must not pass for one that did not grow.
func TestGrowthWantsBothDaemons(t *testing.T) {
	o, w, _ := sighted()
	r := &runner{seen: o, ready: 8}
	w.usage["broker"] = []usage{{t: 9, threads: 10}, {t: 13, threads: 10}}
	s := &scenario.AlwaysGrowth{Resource: scenario.Threads, Host: "host2", Max: 3}
	ok, detail := verdict.JudgeGrowth(s.Max, string(s.Resource), r.counts(s, 20), []verdict.Span{{From: 12, To: 15}})
	require.False(t, ok, detail)
	w.usage["agent"] = w.usage["broker"]
	ok, detail = verdict.JudgeGrowth(s.Max, string(s.Resource), r.counts(s, 20), []verdict.Span{{From: 12, To: 15}})
	require.True(t, ok, detail)
}

// TestACallUnderWayAtTheEndCounts: a slow call whose answer comes just after the end must not vanish.
func TestACallUnderWayAtTheEndCounts(t *testing.T) {
	o, w, _ := sighted()
	r := &runner{seen: o, ready: 8}
	w.calls["put_stats"] = []verdict.Call{{T: 17.5, MS: 2600}, {T: 20.1, MS: 1}}
	require.Equal(t, []verdict.Call{{T: 17.5, MS: 2600}}, r.calls(20)["host2"]["put_stats"])
}

// TestALookThatEndsTooLateIsTooLate: a broker that answers after the deadline has not answered within it.
func TestALookThatEndsTooLateIsTooLate(t *testing.T) {
	require.True(t, until(nil, time.Now().Add(time.Minute), func() bool { return true }))
	require.False(t, until(nil, time.Now().Add(10*time.Millisecond), func() bool { time.Sleep(50 * time.Millisecond); return true }))
}

// stubborn is a fault that heals at the second attempt.
type stubborn struct{ heals int }

func (f *stubborn) Setup(context.Context) error               { return nil }
func (f *stubborn) Inject(context.Context) error              { return nil }
func (f *stubborn) Prove(context.Context) (string, error)     { return "in effect", nil }
func (f *stubborn) ProveGone(context.Context) (string, error) { return "gone", nil }
func (f *stubborn) Cleanup(context.Context) error             { return nil }
func (f *stubborn) String() string                            { return "freeze nfs" }
func (f *stubborn) Heal(ctx context.Context) error {
	f.heals++
	if f.heals == 1 {
		return context.Canceled
	}
	return ctx.Err()
}

// TestAFaultThatCouldNotBeHealedIsTriedAgain: Ctrl-C in the middle of a `heal` must not leave the fault behind.
func TestAFaultThatCouldNotBeHealedIsTriedAgain(t *testing.T) {
	o, _, _ := sighted()
	r := &runner{
		seen: o, log: o.log, faults: []verdict.Fault{{Kind: "freeze nfs"}},
		cluster: &container.Cluster{}, options: Options{OutDir: t.TempDir()},
	}
	f := &stubborn{}
	a := &activeFault{Guarded: lifecycle.Guard(f), statement: &scenario.Inject{Fault: scenario.Fault{Kind: scenario.FreezeNFS}}}
	for _, step := range []func(context.Context) error{a.Setup, a.Inject, a.Prove} {
		require.NoError(t, step(t.Context()))
	}
	r.active = append(r.active, a)
	_, err := r.heal(t.Context(), nil)
	require.ErrorIs(t, err, context.Canceled)
	_, err = r.heal(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, lifecycle.Clean, a.State())
	require.NotNil(t, r.faults[0].GoneS)
	require.Empty(t, r.active)
}
