package main

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/faults/faultfs"
	"github.com/holdfast-ha/holdfast/faults/lifecycle"
	"github.com/holdfast-ha/holdfast/faults/media"
)

var write = []faultfs.Op{faultfs.OpWrite}

func TestWritesHangWhileReadsAndOtherFilesFlow(t *testing.T) {
	l := newLab(t)
	id := l.add(faultfs.Rule{Kind: faultfs.Hang, Ops: write, File: "w.img"})
	held := l.victim("write", "w.img", 4096)
	l.requireHeld(1)
	require.Equal(t, result{Data: 'w'}, l.victim("read", "w.img", 4096).done().untimed(), "reads of the file flow, and see the old block")
	require.Empty(t, l.victim("write", "other.img", 4096).done().Errno, "the other file's writes flow")
	second := l.victim("write", "w.img", 0)
	l.requireHeld(2)
	require.True(t, held.blocked())
	t.Logf("the victim waits in %s, state %s", wchan(held), state(held))

	start := time.Now()
	s := l.clear(id)
	require.EqualValues(t, 2, s.HeldTotal)
	require.Empty(t, held.done().Errno)
	t.Logf("released: the victim was done %s after the rule was cleared", time.Since(start))
	require.Empty(t, second.done().Errno)
	require.Equal(t, byte('V'), l.victim("read", "w.img", 4096).done().Data)
	backing, err := os.ReadFile(l.backing + "/w.img")
	require.NoError(t, err)
	require.Equal(t, byte('V'), backing[4096])
}

func TestOnlyTheSegmentHangs(t *testing.T) {
	l := newLab(t)
	id := l.add(faultfs.Rule{Kind: faultfs.Hang, File: "w.img", OffsetFrom: 2 * 4096, OffsetTo: 3 * 4096})
	w, r := l.victim("write", "w.img", 2*4096), l.victim("read", "w.img", 2*4096)
	l.requireHeld(2)
	for _, segment := range []int64{0, 1, 3} {
		require.Empty(t, l.victim("write", "w.img", segment*4096).done().Errno, "segment %d", segment)
		require.Equal(t, byte('V'), l.victim("read", "w.img", segment*4096).done().Data, "segment %d", segment)
	}
	require.True(t, w.blocked())
	require.True(t, r.blocked())
	l.clear(id)
	w.done()
	r.done()
}

// On one mount a held write stops every fsync of the same file, and the writes behind it, in the kernel (see the package comment of
// faultfs). With a mount for each host it stops nobody else, though they share the file.
func TestHeldWriteOfOneMountDoesNotStopAnother(t *testing.T) {
	l := newLabForTwo(t)
	id := l.add(faultfs.Rule{Kind: faultfs.Hang, Via: "export2", Ops: write, File: "w.img"})
	held := l.victimAt(l.second, "write", "w.img", 2*4096)
	l.requireHeld(1)
	for _, op := range []string{"write", "fsync", "write", "read", "fsync"} {
		require.Empty(t, l.victim(op, "w.img", 4096).done().Errno, op)
	}
	require.True(t, held.blocked())
	require.Equal(t, byte('V'), l.victimAt(l.second, "read", "w.img", 4096).done().Data, "both see the same file")
	l.clear(id)
	require.Empty(t, held.done().Errno)
	require.Equal(t, byte('V'), l.victim("read", "w.img", 2*4096).done().Data)
}

func TestTwoMountsEndTogether(t *testing.T) {
	l := newLabForTwo(t)
	l.victim("idle", "w.img", 0)
	require.Equal(t, exitBusy, l.stop(syscall.SIGTERM), l.log.String())
	require.Empty(t, l.mounts(), "the second mount goes although the first was busy to the end")
}

func TestFileMadeThroughTheMountMeetsTheRules(t *testing.T) {
	l := newLab(t)
	id := l.add(faultfs.Rule{Kind: faultfs.Hang, Ops: write, File: "new.img"})
	v := l.victim("write", "new.img", 0) // opened by Create, not by Open
	l.requireHeld(1)
	l.clear(id)
	require.Empty(t, v.done().Errno)
}

// What the kernel does on one mount, measured so that a change of it is seen.
func TestFsyncWaitsBehindAHeldWriteOfItsMount(t *testing.T) {
	l := newLab(t)
	id := l.add(faultfs.Rule{Kind: faultfs.Hang, Ops: write, File: "w.img", OffsetFrom: 8192, OffsetTo: 12288})
	held := l.victim("write", "w.img", 8192)
	l.requireHeld(1)
	sync := l.victim("fsync", "w.img", 0)
	time.Sleep(100 * time.Millisecond)
	t.Logf("fsync behind a held write of another segment is blocked: %v", sync.blocked())
	later := l.victim("write", "w.img", 0)
	time.Sleep(100 * time.Millisecond)
	t.Logf("a write of another segment behind that fsync is blocked: %v", later.blocked())
	require.Empty(t, l.victim("read", "w.img", 0).done().Errno, "reads flow")
	l.clear(id)
	for _, v := range []*victim{held, sync, later} {
		require.Empty(t, v.done().Errno)
	}
}

func TestEveryOperationCanHang(t *testing.T) {
	l := newLab(t)
	for _, op := range []faultfs.Op{faultfs.OpRead, faultfs.OpWrite, faultfs.OpFsync, faultfs.OpTruncate} {
		id := l.add(faultfs.Rule{Kind: faultfs.Hang, Ops: []faultfs.Op{op}, File: "w.img"})
		v := l.victim(string(op), "w.img", 4096)
		l.requireHeld(1)
		require.EqualValues(t, 1, l.clear(id).HeldTotal, op)
		require.Empty(t, v.done().Errno, op)
	}
}

// Go's runtime signals its own threads to preempt them, which makes the kernel send FUSE interrupts for what they wait for.
func TestSignalsDoNotEndAHang(t *testing.T) {
	l := newLab(t)
	id := l.add(faultfs.Rule{Kind: faultfs.Hang, Ops: write})
	v := l.victim("write", "w.img", 0)
	l.requireHeld(1)
	for range 20 {
		require.NoError(t, v.cmd.Process.Signal(syscall.SIGURG))
		time.Sleep(5 * time.Millisecond)
	}
	require.True(t, v.blocked())
	l.requireHeld(1)
	l.clear(id)
	require.Empty(t, v.done().Errno)
}

func TestLatencyIsFeltByTheVictim(t *testing.T) {
	l := newLab(t)
	const delay = 100 * time.Millisecond
	id := l.add(faultfs.Rule{Kind: faultfs.Latency, DelayMS: 100, Ops: write})
	require.Less(t, l.victim("read", "w.img", 0).done().Took, patience)
	took := l.victim("write", "w.img", 0).done().Took
	require.GreaterOrEqual(t, took, delay)
	s := l.clear(id)
	require.EqualValues(t, 1, s.DelayedTotal)
	t.Logf("asked for %s; measured %.1f ms at the gate, %s by the victim", delay, s.WorstDelayMS, took)

	id = l.add(faultfs.Rule{Kind: faultfs.Latency, DelayMS: float64(faultfs.MaxDelay.Milliseconds())})
	v := l.victim("read", "w.img", 0)
	l.requireHeld(1)
	l.clear(id)
	require.Less(t, v.done().Took, patience, "a cleared delay ends at once")
}

// The whole life of a media fault on a real mount, with a real victim.
func TestMediaFault(t *testing.T) {
	l := newLab(t)
	segment := 2
	f, err := media.New(media.Options{FileSystem: l.client, Ops: write, File: "w.img", Segment: &segment, AwaitOthers: true})
	require.NoError(t, err)
	g := lifecycle.Guard(f)
	require.NoError(t, g.Setup(t.Context()))
	require.NoError(t, g.Inject(t.Context()))
	v := l.victim("write", "w.img", 2*4096)
	require.NoError(t, g.Prove(t.Context()))
	require.True(t, v.blocked())
	require.NoError(t, g.Heal(t.Context()))
	require.Empty(t, v.done().Errno)
	require.NoError(t, g.ProveGone(t.Context()))
	require.NoError(t, g.Cleanup(t.Context()))
	for _, r := range g.Records() {
		t.Logf("%-10s %6.1f ms  %s", r.Step, float64(r.Ended.Sub(r.Started))/1e6, r.Proof)
	}
	misspelt, err := media.New(media.Options{FileSystem: l.client, File: "whitebaord.img"})
	require.NoError(t, err)
	require.ErrorContains(t, misspelt.Setup(t.Context()), "no such file")
}

// untimed drops what differs from run to run.
func (r result) untimed() result {
	r.Took = 0
	return r
}

// wchan and state say where the victim's threads wait: the one that is blocked is the one in a FUSE function.
func wchan(v *victim) string {
	return v.thread(func(dir string) string { return strings.TrimSpace(read(dir + "/wchan")) })
}

func state(v *victim) string {
	return v.thread(func(dir string) string { return strings.Fields(read(dir + "/stat"))[2] })
}

func (v *victim) thread(look func(dir string) string) string {
	tasks := "/proc/" + strconv.Itoa(v.cmd.Process.Pid) + "/task"
	entries, err := os.ReadDir(tasks)
	require.NoError(v.t, err)
	for _, e := range entries {
		if strings.Contains(read(tasks+"/"+e.Name()+"/wchan"), "request_wait_answer") {
			return look(tasks + "/" + e.Name())
		}
	}
	return "(no thread of it waits for FUSE)"
}

func read(path string) string {
	b, _ := os.ReadFile(path)
	return string(b)
}
