package probe

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// blockThread starts a thread called ha-test that reads one byte after another from a pipe.
func blockThread(t *testing.T) (tid int, feed func()) {
	t.Helper()
	var pipe [2]int
	require.NoError(t, unix.Pipe2(pipe[:], unix.O_CLOEXEC))
	ready, ended := make(chan int), make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		name, _ := unix.BytePtrFromString("ha-test")
		if _, _, errno := unix.Syscall(unix.SYS_PRCTL, unix.PR_SET_NAME, uintptr(unsafe.Pointer(name)), 0); errno != 0 {
			t.Error(errno)
		}
		ready <- unix.Gettid()
		one := make([]byte, 1)
		for {
			if n, err := unix.Read(pipe[0], one); n == 0 || err != nil && err != unix.EINTR {
				return
			}
		}
	}()
	tid = <-ready
	t.Cleanup(func() { unix.Close(pipe[1]); <-ended; unix.Close(pipe[0]) })
	return tid, func() { _, err := unix.Write(pipe[1], []byte{1}); require.NoError(t, err) }
}

// TestBlockedThreadIsSeenWithItsCallAndSince is the probe's own proof: a real thread, blocked in a real call.
func TestBlockedThreadIsSeenWithItsCallAndSince(t *testing.T) {
	tid, feed := blockThread(t)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "broker.pid"), []byte(strconv.Itoa(os.Getpid())), 0o600))
	p := processes{proc: "/proc", pids: dir}
	look := func(now clock.Mono) Thread {
		t.Helper()
		seen := p.look("broker", now)
		require.Empty(t, seen.Err)
		require.GreaterOrEqual(t, seen.Total, 2)
		for _, thread := range seen.Threads {
			if thread.TID == tid {
				return thread
			}
		}
		require.FailNow(t, "thread ha-test not seen")
		return Thread{}
	}
	var first Thread
	now := clock.Mono(time.Second)
	require.Eventually(t, func() bool {
		now = now.Add(time.Second)
		first = look(now)
		return first.SyscallName == "read"
	}, patience, time.Millisecond, "the thread came into read")
	require.Equal(t, "ha-test", first.Comm)
	require.Equal(t, "S", first.State)
	require.Len(t, first.Args, 6)
	require.Equal(t, "0x1", first.Args[2], "reads one byte")
	require.Empty(t, first.Err)

	second := look(now.Add(5 * time.Second))
	require.InDelta(t, first.Since, second.Since, 0, "still in the same call")
	require.Equal(t, first.Switches, second.Switches)

	feed()
	var third Thread
	require.Eventually(t, func() bool {
		now = now.Add(10 * time.Second)
		third = look(now)
		return third.SyscallName == "read" && third.Switches > first.Switches
	}, patience, time.Millisecond)
	require.Greater(t, third.Since, second.Since, "the same call with the same arguments, but it ran in between")
}

func TestBlockedSince(t *testing.T) {
	var b blocked
	read := condition{state: "D", call: "17 0x3", switches: 5}
	require.Equal(t, clock.Mono(10), b.since(1, read, 10))
	require.Equal(t, clock.Mono(10), b.since(1, read, 20))
	require.Equal(t, clock.Mono(20), b.since(2, read, 20), "another thread")

	asleep := read
	asleep.state = "S"
	require.Equal(t, clock.Mono(10), b.since(1, asleep, 25), "the state's letter alone is no movement")
	moved := read
	moved.switches++
	require.Equal(t, clock.Mono(30), b.since(1, moved, 30), "it ran in between")
	other := moved
	other.call = "17 0x4"
	require.Equal(t, clock.Mono(40), b.since(1, other, 40), "another call")
	require.Zero(t, b.since(1, condition{state: "R", call: "running"}, 50))
	require.Equal(t, clock.Mono(60), b.since(1, other, 60), "blocked anew")

	b.forget(60)
	require.Contains(t, b.seen, 1)
	require.NotContains(t, b.seen, 2)
}

func TestNoProcess(t *testing.T) {
	dir := t.TempDir()
	p := processes{proc: "/proc", pids: dir}
	for text, want := range map[string]string{"": "no pid in", "x": "bad pid", "-1": "bad pid", "999999999": "no process"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "agent.pid"), []byte(text), 0o600))
		got := p.look("agent", 1)
		require.Contains(t, got.Err, want, "pid file %q", text)
		require.Zero(t, got.PID)
		require.Empty(t, got.Threads)
		require.NotNil(t, got.Threads)
	}
}

func TestParseProc(t *testing.T) {
	require.Equal(t, "D", stateOf([]byte("7 (ha-w) (x) D 1 7 7 0")))
	require.Empty(t, stateOf([]byte("7 (ha-w)")))
	require.Empty(t, stateOf(nil))

	n, args := parseSyscall("18 0x9 0xc000 0x1000 0x1000 0x0 0x0 0x7ffc 0x47\n")
	require.Equal(t, 18, n)
	require.Equal(t, []string{"0x9", "0xc000", "0x1000", "0x1000", "0x0", "0x0"}, args)
	for _, line := range []string{"running", "-1 0x7ffc 0x47", "", "x 0 0 0 0 0 0 0 0"} {
		n, args = parseSyscall(line)
		require.Equal(t, -1, n, line)
		require.Nil(t, args, line)
	}
	require.Equal(t, uint64(12), parseSwitches([]byte("Name:\tx\nvoluntary_ctxt_switches:\t7\nnonvoluntary_ctxt_switches:\t5\n")))
	require.Zero(t, parseSwitches(nil))
}
