package shell_test

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/daemons/broker/shell"
	"github.com/holdfast-ha/holdfast/daemons/brokerlink"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
)

func TestARecordGoesToStorageAndComesBack(t *testing.T) {
	r := start(t, nil)
	r.put(3, record(t, 3, 100))
	time.Sleep(100 * time.Millisecond)
	require.True(t, whiteboard.Cleaned(r.onDisk(3)), "without the lease nothing is written")
	require.True(t, r.segment(3).Pending)

	r.hold()
	r.eventually("durable and seen on storage", func() bool {
		s := r.segment(3)
		return s.Durable && !s.Pending && s.Source == brokerlink.SourceStorage
	})
	require.Equal(t, record(t, 3, 100), r.onDisk(3))
	view := r.view()
	require.Equal(t, brokerlink.LeaseHeld, view.Lease.State)
	require.Equal(t, 3, view.Lease.HostID)
	require.GreaterOrEqual(t, view.ReadAge, 0.0)
	require.Less(t, view.ReadAge, patience.Seconds())
	require.GreaterOrEqual(t, r.segment(3).DurableAge, 0.0)

	// Another host appears and is cleaned again.
	other := segmentOf(record(t, 7, 5))
	require.NoError(t, r.storage.Volume.Write(7, other))
	r.eventually("host 7 is seen", func() bool { return r.segment(7).Source == brokerlink.SourceStorage })
	stats, err := r.link.GetStats(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[int][]byte{3: record(t, 3, 100), 7: other[:]}, stats)
	require.NoError(t, r.storage.Volume.Write(7, &whiteboard.Segment{}))
	r.eventually("host 7 is forgotten (S8)", func() bool {
		view := r.view()
		_, there := view.Segment(7)
		return !there
	})
}

func segmentOf(data []byte) *whiteboard.Segment {
	var s whiteboard.Segment
	copy(s[:], data)
	return &s
}

// everyMethod calls each method of the broker once and returns how long the slowest took.
func everyMethod(t *testing.T, r *rig, stamp int64) (slowest time.Duration, name string) {
	t.Helper()
	ctx := t.Context()
	l := r.link
	for _, m := range []struct {
		name string
		call func() error
	}{
		{"put_stats own", func() error { _, err := l.PutStats(ctx, 3, record(t, 3, stamp)); return err }},
		{"put_stats global", func() error { _, err := l.PutStats(ctx, 0, maintenanceOn()); return err }},
		{"get_stats", func() error { _, err := l.GetStats(ctx); return err }},
		{"push_hosts_state", func() error { _, err := l.PushHostsState(ctx, []int{3, 7}); return err }},
		{"is_host_alive", func() error { _, err := l.IsHostAlive(ctx); return err }},
		{"lock_host_id", func() error { _, err := l.LockHostID(ctx, 3); return err }},
		{"reset_lockspace", func() error { _, err := l.ResetLockspace(ctx); return err }},
		{"start_monitor engine-health", func() error {
			_, _, err := l.StartMonitor(ctx, "engine-health", map[string]any{"vm_uuid": "1"})
			return err
		}},
		{"start_monitor storage-domain", func() error { _, _, err := l.StartMonitor(ctx, "storage-domain", nil); return err }},
		{"status_monitor", func() error { _, _, err := l.StatusMonitor(ctx, "storage-domain"); return err }},
		{"stop_monitor", func() error { _, err := l.StopMonitor(ctx, "engine-health"); return err }},
		{"notify", func() error {
			_, _, err := l.Notify(ctx, "state_transition", "EngineDown-EngineStart", nil)
			return err
		}},
		{"get_view", func() error { _, err := l.GetView(ctx); return err }},
		{"get_lanes", func() error { _, err := l.GetLanes(ctx); return err }},
		{"get_health", func() error { _, err := l.GetHealth(ctx); return err }},
	} {
		began := time.Now()
		require.NoError(t, m.call(), m.name)
		if took := time.Since(began); took > slowest {
			slowest, name = took, m.name
		}
	}
	return slowest, name
}

func TestEveryMethodAnswersWhileTheWriterHangs_S1(t *testing.T) {
	r := start(t, nil)
	r.hold()
	r.storage.writes.close()
	r.put(3, record(t, 3, 1))
	for i := range 20 {
		slowest, name := everyMethod(t, r, int64(2+i))
		require.Less(t, slowest, prompt, name)
	}
	r.eventually("the stall is reported", func() bool { return r.warns("storage-stalled") })
	lanes, err := r.link.GetLanes(t.Context())
	require.NoError(t, err)
	writer := lanes.Lanes[0]
	require.Equal(t, "ha-writer", writer.Name)
	require.True(t, writer.Busy && writer.Stalled, "%+v", writer)
	require.Equal(t, "write", writer.Op)
	require.Equal(t, 3, writer.Segment)
	require.GreaterOrEqual(t, writer.BlockedFor, 0.3)
	comm, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/comm", writer.TID))
	require.NoError(t, err)
	require.Equal(t, "ha-writer\n", string(comm), "the thread can be found from outside")
	stats, err := r.link.GetStats(t.Context())
	require.NoError(t, err)
	require.Equal(t, record(t, 3, 21), stats[3], "the newest of all records is in memory")
	require.Equal(t, maintenanceOn(), stats[0])
	require.True(t, whiteboard.Cleaned(r.onDisk(3)))

	r.storage.writes.open()
	r.eventually("both newest records are durable", func() bool { return r.segment(3).Durable && r.segment(0).Durable })
	require.Equal(t, record(t, 3, 21), r.onDisk(3))
	require.Equal(t, maintenanceOn(), r.onDisk(0), "global maintenance must survive the agent's own records (S7)")
	r.eventually("the warning is gone", func() bool { return !r.warns("storage-stalled") })
	for _, msg := range []string{"lane stalled", "warning raised", "lane recovered", "warning cleared"} {
		require.Contains(t, r.log.String(), `"msg":"`+msg+`"`)
	}
}

func TestEveryMethodAnswersWhileTheReaderHangs_S6(t *testing.T) {
	r := start(t, nil)
	r.hold()
	r.storage.reads.close()
	r.eventually("the reader is stalled and blind", func() bool { return r.warns("storage-stalled") && r.warns("reader-blind") })
	slowest, name := everyMethod(t, r, 5)
	require.Less(t, slowest, prompt, name)
	r.eventually("the writer goes on", func() bool { return r.segment(3).Durable && r.segment(0).Durable })
	require.Greater(t, r.view().ReadAge, 1.0)
	text, ok, err := r.link.StatusMonitor(t.Context(), "storage-domain")
	require.NoError(t, err)
	require.True(t, ok)
	require.NotEqual(t, "True", text)
	r.eventually("storage-domain tells the truth (S10)", func() bool {
		text, _, err := r.link.StatusMonitor(t.Context(), "storage-domain")
		return err == nil && text == "False"
	})
	r.storage.reads.open()
	r.eventually("all is well again", func() bool { return !r.warns("reader-blind") && !r.warns("storage-stalled") })
	r.eventually("storage-domain too", func() bool {
		text, _, err := r.link.StatusMonitor(t.Context(), "storage-domain")
		return err == nil && text == "True"
	})
}

// A whiteboard path that is a FIFO: the reader lane blocks in open(2), in the kernel, as on dead storage.
func TestALaneBlockedInTheKernel(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	require.NoError(t, unix.Mkfifo(fifo, 0o600))
	r := start(t, func(o *shell.Options) { o.Storage, o.Config.WhiteboardPath = nil, fifo })
	r.eventually("the stall is reported", func() bool { return r.warns("storage-stalled") })
	require.Equal(t, -1.0, r.view().ReadAge)
	r.put(3, record(t, 3, 1)) // stays in the mailbox: without the lease nothing opens the FIFO for writing
	lanes, err := r.link.GetLanes(t.Context())
	require.NoError(t, err)
	reader := lanes.Lanes[1]
	require.Equal(t, "full-scan", reader.Op)
	require.NoError(t, r.stop(), "a reader that hangs is no reason for a disorderly end")

	// Let the thread go. O_NONBLOCK fails until somebody reads, which the lane does.
	fd, err := unix.Open(fifo, unix.O_WRONLY|unix.O_NONBLOCK, 0)
	require.NoError(t, err)
	require.NoError(t, unix.Close(fd))
}

func TestMissingStorageIsSaidAndHeals(t *testing.T) {
	path := filepath.Join(t.TempDir(), "not", "yet")
	r := start(t, func(o *shell.Options) { o.Storage, o.Config.WhiteboardPath = nil, path })
	r.eventually("said to be missing", func() bool { return r.warns("storage-missing") })
	require.Contains(t, r.view().Storage, path)
	r.put(0, maintenanceOn())
	slowest, name := everyMethod(t, r, 1)
	require.Less(t, slowest, prompt, name)

	require.NoError(t, os.Mkdir(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, make([]byte, 1<<20), 0o600))
	r.eventually("healed by itself", func() bool { return !r.warns("storage-missing") && r.segment(0).Durable })
}

func TestAFileThatIsNoWhiteboardIsSaid(t *testing.T) {
	r := start(t, func(o *shell.Options) {
		o.Storage = nil
		require.NoError(t, os.Truncate(o.Config.WhiteboardPath, 0))
	})
	r.eventually("said to be too small", func() bool { return r.warns("storage-errors") })
	require.Contains(t, r.log.String(), "the whiteboard holds 0 segments")
}

func TestWithoutAWhiteboardTheBrokerServesAndSaysSo(t *testing.T) {
	r := start(t, func(o *shell.Options) { o.Storage, o.Config.WhiteboardPath, o.Config.LockspacePath = nil, "", "" })
	require.True(t, r.warns("storage-missing"))
	require.Equal(t, "whiteboard_path is not set", r.view().Storage)
	require.Equal(t, "lockspace_path is not set", r.view().Lease.Detail)
	slowest, name := everyMethod(t, r, 1)
	require.Less(t, slowest, prompt, name)
	require.NoError(t, r.stop())
}

func TestStorageThatIsConfiguredWronglyIsSaid(t *testing.T) {
	r := start(t, func(o *shell.Options) {
		o.Storage, o.Config.WhiteboardPath = nil, ""
		o.Config.Storage.Driver, o.Config.Storage.Connection = "nfs", "no path"
	})
	r.eventually("said", func() bool { return r.warns("config-bad") })
	slowest, name := everyMethod(t, r, 1)
	require.Less(t, slowest, prompt, name)
	require.NoError(t, r.stop())
}

func TestWriteErrorsNeverEndTheBroker_S4(t *testing.T) {
	r := start(t, nil)
	r.hold()
	r.storage.fail(&os.PathError{Op: "write", Path: "whiteboard", Err: syscall.EIO})
	r.put(3, record(t, 3, 1))
	r.eventually("reported", func() bool { return r.warns("storage-errors") })
	r.put(3, record(t, 3, 2))
	r.storage.fail(nil)
	r.eventually("written", func() bool { return r.segment(3).Durable && !r.warns("storage-errors") })
	require.Equal(t, record(t, 3, 2), r.onDisk(3))
}
