package probe

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/brokerlink"
	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/xmlrpc"
)

// answered finds windows in which calls of a method were answered.
func answered(method string) func(Line) bool {
	return func(l Line) bool { return l.RPC != nil && l.RPC.Method == method && len(l.RPC.LatencyMS) > 0 }
}

func TestEveryMethodIsMeasured(t *testing.T) {
	f := newFake(t)
	f.serve(t)
	before := clock.Now().Seconds()
	lines, stop := start(t, f, nil)
	for _, method := range Methods() {
		l := lines.await(t, "answered calls of "+method, answered(method))
		require.Zero(t, l.RPC.Failed, "%s: %s", method, l.RPC.Err)
		require.GreaterOrEqual(t, l.Mono, before, method)
		require.Greater(t, l.RPC.End, l.Mono, method)
		for _, ms := range l.RPC.LatencyMS {
			require.Greater(t, ms, 0.0, method)
		}
	}
	view := lines.await(t, "a view", func(l Line) bool { return l.View != nil && l.View.Err == "" }).View
	require.Equal(t, []Segment{
		{HostID: 0, Source: brokerlink.SourceStorage, DurableAge: -1},
		{HostID: 1, Source: brokerlink.SourceMemory, Age: 2, Pending: true, DurableAge: 12, Timestamp: "4711"},
	}, view.Segments)
	require.Equal(t, brokerlink.LeaseHeld, view.Lease.State)
	lanes := lines.await(t, "lanes", func(l Line) bool { return l.Lanes != nil && l.Lanes.Err == "" }).Lanes
	require.Equal(t, "ha-writer", lanes.Lanes.Lanes[0].Name)
	status := lines.await(t, "a status", func(l Line) bool { return l.Status != nil && l.Status.Err == "" }).Status
	require.Equal(t, "True", status.Monitors[0].Text)
	health := lines.await(t, "health", func(l Line) bool { return l.Health != nil && l.Health.Err == "" }).Health
	require.Equal(t, "writer-stalled", health.Warnings[0].Code)
	lines.await(t, "the probe's own account", func(l Line) bool { return l.Self != nil && l.Self.CPUMS > 0 })
	require.NoError(t, stop())
	require.Zero(t, lines.tail.Bad())
	require.Zero(t, lines.torn, "writes that were not one line")
}

// TestCallsLeaveTheClusterAsItIs looks at the arguments of each call that could change something.
func TestCallsLeaveTheClusterAsItIs(t *testing.T) {
	f := newFake(t)
	f.serve(t)
	lines, _ := start(t, f, nil)
	lines.await(t, "answered put_stats", answered("put_stats"))
	lines.await(t, "answered push_hosts_state", answered("push_hosts_state"))
	for _, tc := range []struct {
		method string
		want   []any
	}{
		{"put_stats", []any{int64(1), ownRecord}},
		{"push_hosts_state", []any{[]any{int64(1), int64(2)}}},
		{"release_host_id", []any{extra, extra}},
		{"reset_lockspace", []any{extra, extra}},
		{"stop_domain_monitor", []any{extra, extra}},
		{"connect_storage", []any{extra, extra}},
		{"disconnect_storage", []any{extra, extra}},
		{"put_shared_file", []any{extra, extra, extra, extra}},
		{"put_stats_wait", []any{int64(1), ownRecord, 0.0}},
		{"get_shared_file", []any{"vm.conf"}},
		{"start_monitor", []any{"storage-domain", xmlrpc.Struct{{Name: "sd_uuid", Value: "sd-1"}}}},
		{"stop_monitor", []any{"no-such-monitor"}},
		{"notify", []any{"probe", "probe", xmlrpc.Struct{}}},
	} {
		lines.await(t, "answered "+tc.method, answered(tc.method))
		got, _ := f.lastArgs(tc.method)
		require.Equal(t, tc.want, got, tc.method)
	}
	dispatched := lines.await(t, "release_host_id", answered("release_host_id")).RPC
	require.Equal(t, len(dispatched.LatencyMS), dispatched.Dispatch)
	require.Equal(t, len(dispatched.LatencyMS), dispatched.Nil)
}

// TestProbeTakesNothingThatTheAgentGaveUp: to ask for the own lease would begin to join again, and to ask for the domain to be monitored
// would end local maintenance's peace.
func TestProbeTakesNothingThatTheAgentGaveUp(t *testing.T) {
	f := newFake(t)
	f.serve(t)
	lines, _ := start(t, f, nil)
	for _, method := range []string{"lock_host_id", "start_domain_monitor"} {
		lines.await(t, method, answered(method))
		args, _ := f.lastArgs(method)
		require.Equal(t, []any{int64(2), 0.0}, args, "another host's id, which the core refuses")
	}
}

// TestProbeWritesNoRecordUnlessAsked: to a broker that is not ours a repeated record would look new.
func TestProbeWritesNoRecordUnlessAsked(t *testing.T) {
	f := newFake(t)
	f.serve(t)
	lines, _ := start(t, f, func(o *Options) { o.Replay = false })
	l := lines.await(t, "put_stats", answered("put_stats")).RPC
	require.Equal(t, len(l.LatencyMS), l.Dispatch)
	lines.await(t, "a view", func(l Line) bool { return l.View != nil })
	args, _ := f.lastArgs("put_stats")
	require.Equal(t, []any{int64(1), []byte(shortRecord)}, args)
	lines.await(t, "lock_host_id", answered("lock_host_id"))
	args, _ = f.lastArgs("lock_host_id")
	require.Equal(t, []any{extra, extra, extra}, args, "a broker that is not ours may take another host's lease")
}

func TestNothingToRepeatIsSkipped(t *testing.T) {
	f := newFake(t)
	f.set(func(f *fake) { f.alive = nil })
	f.serve(t)
	lines, _ := start(t, f, func(o *Options) { o.HostID = 9 }) // the fake has no record of it
	for _, method := range []string{"put_stats", "push_hosts_state"} {
		lines.await(t, "skipped "+method, func(l Line) bool { return l.RPC != nil && l.RPC.Method == method && l.RPC.Skipped > 0 })
		_, calls := f.lastArgs(method)
		require.Zero(t, calls, method)
	}
}

// TestBlockedMethodIsSeenWhileItBlocks: a latency alone would show only once the call is over.
func TestBlockedMethodIsSeenWhileItBlocks(t *testing.T) {
	f := newFake(t)
	f.serve(t)
	release := f.hold("get_stats")
	lines, _ := start(t, f, nil)
	older := func(ms float64) func(Line) bool {
		return func(l Line) bool {
			return l.InFlight != nil && l.InFlight.Method == "get_stats" && l.InFlight.AgeMS > ms
		}
	}
	lines.await(t, "get_stats in flight", older(200))
	lines.await(t, "get_stats in flight, older", older(600))
	lines.await(t, "other methods meanwhile", answered("get_view"))
	require.Empty(t, lines.find(answered("get_stats")))
	release()
	l := lines.await(t, "get_stats answered late", answered("get_stats"))
	require.Greater(t, slices.Max(l.RPC.LatencyMS), 600.0)
	_, calls := f.lastArgs("get_stats")
	require.Less(t, calls, 100, "turns that were missed are not made up for")
}

func TestTimeoutsAreReported(t *testing.T) {
	f := newFake(t)
	f.serve(t)
	release := f.hold("get_lanes")
	lines, _ := start(t, f, func(o *Options) { o.Timeout = 300 * time.Millisecond })
	l := lines.await(t, "a timeout", func(l Line) bool { return l.RPC != nil && l.RPC.Method == "get_lanes" && l.RPC.Failed > 0 })
	require.Contains(t, l.RPC.Err, "timeout")
	require.GreaterOrEqual(t, l.RPC.FailedMS[0], 300.0)
	require.Empty(t, l.RPC.LatencyMS)
	lanes := lines.await(t, "lanes without an answer", func(l Line) bool { return l.Lanes != nil && l.Lanes.Err != "" })
	require.Contains(t, lanes.Lanes.Err, "timeout")
	require.NotNil(t, lanes.Lanes.Lanes.Lanes, "a list is never null")
	release()
	lines.await(t, "get_lanes again", answered("get_lanes"))
}

func TestProbeOutlivesTheBroker(t *testing.T) {
	f := newFake(t)
	lines, stop := start(t, f, nil)
	l := lines.await(t, "failed calls", func(l Line) bool { return l.RPC != nil && l.RPC.Method == "notify" && l.RPC.Failed > 0 })
	require.Contains(t, l.RPC.Err, f.socket)
	lines.await(t, "no view", func(l Line) bool { return l.View != nil && l.View.Err != "" })
	lines.await(t, "no process", func(l Line) bool { return l.Threads != nil && l.Threads.PID == 0 && l.Threads.Err != "" })
	f.serve(t)
	lines.await(t, "answered calls once it is up", answered("notify"))
	lines.await(t, "put_stats, which needs the view", answered("put_stats"))
	require.NoError(t, stop())
}

func TestFaultsAreFailures(t *testing.T) {
	f := newFake(t)
	f.server.Handle("get_health", func(context.Context, []any) (any, error) { return nil, xmlrpc.NotSupported("get_health") })
	f.serve(t)
	lines, _ := start(t, f, nil)
	l := lines.await(t, "a fault", func(l Line) bool { return l.RPC != nil && l.RPC.Method == "get_health" && l.RPC.Failed > 0 })
	require.Contains(t, l.RPC.Err, "not supported")
}

func TestProcessesAreWatched(t *testing.T) {
	f := newFake(t)
	f.serve(t)
	dir := t.TempDir()
	lines, _ := start(t, f, func(o *Options) { o.PIDs = dir })
	require.NoError(t, os.WriteFile(filepath.Join(dir, "agent.pid"), []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600))
	l := lines.await(t, "the agent", func(l Line) bool { return l.Threads != nil && l.Threads.Process == "agent" && l.Threads.PID > 0 })
	require.Equal(t, os.Getpid(), l.Threads.PID)
	require.Positive(t, l.Threads.Total)
	require.Positive(t, l.Threads.FDs)
	require.Positive(t, l.Threads.RSSKB)
}

func TestBadOptions(t *testing.T) {
	good := Options{Socket: "s", HostID: 1, Rate: 1, Timeout: 1, Out: io.Discard}
	require.NoError(t, good.check())
	for name, spoil := range map[string]func(*Options){
		"socket": func(o *Options) { o.Socket = "" }, "host id": func(o *Options) { o.HostID = 2001 },
		"rate": func(o *Options) { o.Rate = 0 }, "timeout": func(o *Options) { o.Timeout = 0 }, "output": func(o *Options) { o.Out = nil },
	} {
		o := good
		spoil(&o)
		require.ErrorContains(t, Run(t.Context(), o), name)
	}
}

// full is a disk without space.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestFullDiskEndsTheProbe(t *testing.T) {
	f := newFake(t)
	ended := make(chan error, 1)
	go func() {
		ended <- Run(t.Context(), Options{Socket: f.socket, HostID: 1, Rate: 25, Timeout: patience, Out: full{}})
	}()
	select {
	case err := <-ended:
		require.ErrorContains(t, err, "no space left")
	case <-time.After(patience):
		require.FailNow(t, "the probe goes on without an output")
	}
}
