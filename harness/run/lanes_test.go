package run

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// blockedWatch is a host whose writer is blocked by both accounts.
func blockedWatch() *watch {
	w := newWatch(2)
	w.lanes["ha-writer"] = laneSight{t: 20, tid: 31, busy: true, op: "write", segment: 2, since: 15, blocked: 5}
	w.threads["ha-writer"] = threadSight{t: 20.1, tid: 31, state: "D", syscall: "pwrite64", wchan: "fuse_direct_IO", since: 15.1, still: true}
	return w
}

// TestLaneBlockedWantsTwoWitnesses: get_lanes alone, or the kernel alone, is no evidence, and neither are two that contradict.
func TestLaneBlockedWantsTwoWitnesses(t *testing.T) {
	evidence, ok, why := laneBlocked(blockedWatch(), "ha-writer", 20.2)
	require.True(t, ok, why)
	require.Equal(t, "pwrite64", evidence.Syscall)
	require.InDelta(t, 5, evidence.BlockedS, 0.001)

	sleeping := func(wchan string) func(*watch) {
		return func(w *watch) {
			th := w.threads["ha-writer"]
			th.state, th.wchan = "S", wchan
			w.threads["ha-writer"] = th
		}
	}
	lane := func(change func(*laneSight)) func(*watch) {
		return func(w *watch) { l := w.lanes["ha-writer"]; change(&l); w.lanes["ha-writer"] = l }
	}
	thread := func(change func(*threadSight)) func(*watch) {
		return func(w *watch) { th := w.threads["ha-writer"]; change(&th); w.threads["ha-writer"] = th }
	}
	for _, c := range []struct {
		name   string
		change func(*watch)
		ok     bool
	}{
		{"S in a known wait for storage", sleeping("request_wait_answer"), true},
		{"S in a futex is an idle lane", sleeping("futex_wait_queue"), false},
		{"the broker has no such lane", func(w *watch) { delete(w.lanes, "ha-writer") }, false},
		{"the kernel has no such thread", func(w *watch) { delete(w.threads, "ha-writer") }, false},
		{"get_lanes says idle", lane(func(l *laneSight) { l.busy = false }), false},
		{"only for a moment", lane(func(l *laneSight) { l.blocked = 0.1 }), false},
		{"the thread runs", thread(func(th *threadSight) { th.still = false }), false},
		{"another thread", thread(func(th *threadSight) { th.tid = 32 }), false},
		{"another system call", thread(func(th *threadSight) { th.syscall = "futex" }), false},
		{"since another time", thread(func(th *threadSight) { th.since = 17 }), false},
		{"an old look", thread(func(th *threadSight) { th.t = 10 }), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := blockedWatch()
			c.change(w)
			_, ok, why := laneBlocked(w, "ha-writer", 20.2)
			require.Equal(t, c.ok, ok, why)
			if !ok {
				require.NotEmpty(t, why)
			}
		})
	}
}

// TestLanesThatWaitForServersSleepInTheRuntime: their threads wait in futex, as idle ones do, so get_lanes must say that they are busy.
func TestLanesThatWaitForServersSleepInTheRuntime(t *testing.T) {
	w := blockedWatch()
	for _, name := range []string{"ha-notify", "ha-writer"} {
		w.lanes[name] = laneSight{t: 20, tid: 32, busy: true, op: "send", since: 15, blocked: 5}
		w.threads[name] = threadSight{t: 20.1, tid: 32, state: "S", syscall: "futex", wchan: "futex_wait_queue", since: 17, still: true}
	}
	_, ok, why := laneBlocked(w, "ha-notify", 20.2)
	require.True(t, ok, why)
	_, ok, _ = laneBlocked(w, "ha-writer", 20.2)
	require.False(t, ok, "the writer waits for storage alone")
	early := w.threads["ha-notify"]
	early.since = 10
	w.threads["ha-notify"] = early
	_, ok, _ = laneBlocked(w, "ha-notify", 20.2)
	require.False(t, ok, "it slept before the operation began")
}

// TestLaneBlockedWantsAPresentLook: when the probe has died, what it saw last must not go on being evidence.
func TestLaneBlockedWantsAPresentLook(t *testing.T) {
	_, ok, why := laneBlocked(blockedWatch(), "ha-writer", 30)
	require.False(t, ok)
	require.Contains(t, why, "10.0 s old")
}
