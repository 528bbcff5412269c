package lane_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/lane"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// soon is how long a test waits for what takes microseconds on an idle machine.
const soon = 30 * time.Second

// start runs a lane that delivers its events on the returned channel, and closes it at the end of the test.
func start(t testing.TB, name string) (*lane.Lane, chan lane.Done) {
	t.Helper()
	events := make(chan lane.Done, 16)
	l := lane.New(name, func(d lane.Done) { events <- d })
	t.Cleanup(func() {
		l.Close()
		waitEnded(t, l)
	})
	return l, events
}

func waitEnded(t testing.TB, l *lane.Lane) {
	t.Helper()
	select {
	case <-l.Ended():
	case <-time.After(soon):
		t.Fatalf("lane %s has not ended after Close, state %+v", l.State().Name, l.State())
	}
}

func receive(t testing.TB, events <-chan lane.Done) lane.Done {
	t.Helper()
	select {
	case d := <-events:
		return d
	case <-time.After(soon):
		t.Fatal("no Done event")
		panic("unreachable")
	}
}

// blockedRead returns a function that blocks in read(2) on an empty pipe, as a lane blocks on hung storage, and one that lets it
// return.
func blockedRead(t testing.TB) (run func() error, release func()) {
	t.Helper()
	var pipe [2]int
	require.NoError(t, unix.Pipe2(pipe[:], unix.O_CLOEXEC))
	var once sync.Once
	release = func() { once.Do(func() { _ = unix.Close(pipe[1]) }) }
	run = func() error {
		defer func() { _ = unix.Close(pipe[0]) }()
		n, err := unix.Read(pipe[0], make([]byte, 1))
		if err == nil && n == 0 {
			return nil // the other end was closed
		}
		return fmt.Errorf("read from pipe: %d bytes, %w", n, err)
	}
	t.Cleanup(release)
	return run, release
}

func comm(tid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/comm", tid))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// threadsNamed returns how many threads of this process have the name.
func threadsNamed(t testing.TB, name string) int {
	t.Helper()
	comms, err := filepath.Glob("/proc/self/task/*/comm")
	require.NoError(t, err)
	found := 0
	for _, path := range comms {
		if text, err := os.ReadFile(path); err == nil && strings.TrimSpace(string(text)) == name {
			found++
		}
	}
	return found
}

func TestThreadHasTheLanesNameInTheKernel(t *testing.T) {
	before := comm(os.Getpid())
	l, events := start(t, "ha-named")
	require.Equal(t, "ha-named", comm(l.State().TID))
	require.Equal(t, 1, threadsNamed(t, "ha-named"), "only the lane's own thread bears its name")

	var tid int
	require.True(t, l.Start(lane.Request{Op: lane.OpWrite, Segment: 3, Run: func() error { tid = unix.Gettid(); return nil }}))
	receive(t, events)
	require.Equal(t, l.State().TID, tid, "requests run on the named thread")
	require.NotEqual(t, os.Getpid(), tid, "not on the process's first thread")
	require.Equal(t, before, comm(os.Getpid()), "the process keeps its name")
}

func TestLongNamesAreCutAsTheKernelDoes(t *testing.T) {
	l, _ := start(t, "ha-0123456789abcdef")
	require.Equal(t, "ha-0123456789ab", l.State().Name)
	require.Equal(t, "ha-0123456789ab", comm(l.State().TID))
}

func TestStateShowsABlockedOperation(t *testing.T) {
	l, events := start(t, "ha-blocked")
	require.Equal(t, lane.State{Name: "ha-blocked", TID: l.State().TID, Segment: lane.NoSegment}, l.State(), "idle")

	run, release := blockedRead(t)
	before := clock.Now()
	require.True(t, l.Start(lane.Request{Op: lane.OpWrite, Segment: 7, Run: run}))
	after := clock.Now()

	// The kernel agrees that the thread sleeps in read(2).
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/syscall", l.State().TID))
		return err != nil || strings.HasPrefix(string(text), fmt.Sprintf("%d ", unix.SYS_READ))
	}, soon, time.Millisecond, "the thread does not block in read(2)")

	s := l.State()
	require.True(t, s.Busy)
	require.Equal(t, lane.OpWrite, s.Op)
	require.Equal(t, "write", s.Op.String())
	require.Equal(t, 7, s.Segment)
	require.GreaterOrEqual(t, s.Since, before.Add(-100*time.Microsecond), "Since is rounded down by at most 100 us")
	require.LessOrEqual(t, s.Since, after)
	require.Zero(t, s.Completed)

	release()
	d := receive(t, events)
	require.NoError(t, d.Err)
	require.Equal(t, "ha-blocked", d.Lane)
	require.Equal(t, lane.OpWrite, d.Op)
	require.Equal(t, 7, d.Segment)
	require.True(t, before <= d.Started && d.Started <= after, "started %d, want %d to %d", d.Started, before, after)
	require.GreaterOrEqual(t, d.Ended, d.Started)
	s = l.State()
	require.False(t, s.Busy)
	require.Equal(t, uint64(1), s.Completed)
	require.Zero(t, s.Failed)
}

func TestStartNeverBlocksAndRefusesWhileBusy(t *testing.T) {
	l, events := start(t, "ha-busy")
	run, release := blockedRead(t)
	require.True(t, l.Start(lane.Request{Op: lane.OpRead, Segment: lane.NoSegment, Run: run}))

	refused := make(chan bool)
	go func() {
		defer close(refused)
		for range 1000 {
			if l.Start(lane.Request{Op: lane.OpWrite, Run: func() error { return errors.New("must not run") }}) {
				refused <- false
				return
			}
		}
	}()
	select {
	case accepted, open := <-refused:
		require.False(t, open, "a second request was accepted: %t", accepted)
	case <-time.After(soon):
		t.Fatal("Start blocked on a busy lane")
	}
	require.Equal(t, lane.OpRead, l.State().Op, "a refused request leaves no trace")

	release()
	require.NoError(t, receive(t, events).Err)
	require.True(t, l.Start(lane.Request{Op: lane.OpWrite, Run: func() error { return nil }}), "free again once Done was delivered")
	receive(t, events)
}

func TestTheReceiverOfDoneMayStartTheNextRequestAtOnce(t *testing.T) {
	var l *lane.Lane
	finished := make(chan lane.Done, 1)
	var refused atomic.Int64
	count := 0 // written by Run and read by done: both on the lane's thread
	ready := make(chan struct{})
	l = lane.New("ha-chain", func(d lane.Done) {
		<-ready
		if count == 100 {
			finished <- d
			return
		}
		if !l.Start(lane.Request{Op: lane.OpRead, Run: func() error { count++; return nil }}) {
			refused.Add(1)
			finished <- d
		}
	})
	close(ready)
	require.True(t, l.Start(lane.Request{Op: lane.OpRead, Run: func() error { count++; return nil }}))
	receive(t, finished)
	require.Zero(t, refused.Load(), "a lane was busy after its Done")
	l.Close()
	waitEnded(t, l)
	require.Equal(t, uint64(100), l.State().Completed)
}

func TestErrorsAreCountedAndDelivered(t *testing.T) {
	l, events := start(t, "ha-failing")
	broken := errors.New("broken")
	require.True(t, l.Start(lane.Request{Op: lane.OpLeaseJoin, Segment: lane.NoSegment, Run: func() error { return broken }}))
	d := receive(t, events)
	require.ErrorIs(t, d.Err, broken)
	require.Equal(t, lane.NoSegment, d.Segment)
	s := l.State()
	require.Equal(t, uint64(1), s.Completed)
	require.Equal(t, uint64(1), s.Failed)
}

func TestCloseEndsAnIdleLaneAndItsThread(t *testing.T) {
	l, _ := start(t, "ha-idle")
	tid := l.State().TID
	require.Equal(t, "ha-idle", comm(tid))
	l.Close()
	l.Close()
	waitEnded(t, l)
	require.Eventually(t, func() bool { return comm(tid) != "ha-idle" }, soon, time.Millisecond, "thread %d lives on", tid)
	require.False(t, l.Start(lane.Request{Op: lane.OpRead, Run: func() error { return nil }}), "Start on a closed lane")
}

func TestCloseAbandonsAStuckLane(t *testing.T) {
	l, events := start(t, "ha-stuck")
	run, release := blockedRead(t)
	require.True(t, l.Start(lane.Request{Op: lane.OpWrite, Segment: 1, Run: run}))

	closed := make(chan struct{})
	go func() { l.Close(); close(closed) }()
	select {
	case <-closed:
	case <-time.After(soon):
		t.Fatal("Close waited for a stuck lane")
	}
	select {
	case <-l.Ended():
		t.Fatal("a stuck lane cannot have ended")
	case <-time.After(50 * time.Millisecond):
	}
	s := l.State()
	require.True(t, s.Busy, "it still shows what it is stuck in")
	require.Equal(t, 1, s.Segment)
	require.Equal(t, "ha-stuck", comm(s.TID))
	require.False(t, l.Start(lane.Request{Op: lane.OpWrite, Run: func() error { return nil }}))

	// If storage comes back after all, the event still arrives and the thread ends.
	release()
	require.NoError(t, receive(t, events).Err)
	waitEnded(t, l)
	require.Eventually(t, func() bool { return comm(s.TID) != "ha-stuck" }, soon, time.Millisecond, "thread %d lives on", s.TID)
}

// Many callers at once: whatever Start accepted is done exactly once, and State is never torn.
func TestEveryAcceptedRequestIsDoneExactlyOnce(t *testing.T) {
	var delivered, ran atomic.Int64
	l := lane.New("ha-many", func(lane.Done) { delivered.Add(1) })
	var accepted atomic.Int64
	var callers sync.WaitGroup
	for i := range 4 {
		callers.Go(func() {
			for range 500 {
				// The operation tells the segment, so that a State that mixes two requests is noticed.
				op := lane.OpRead + lane.Op(i)
				if l.Start(lane.Request{Op: op, Segment: 100 + int(op), Run: func() error { ran.Add(1); return nil }}) {
					accepted.Add(1)
				}
				if s := l.State(); s.Busy && s.Segment != 100+int(s.Op) {
					t.Errorf("torn state: operation %v with segment %d", s.Op, s.Segment)
				}
			}
			if i == 0 {
				l.Close()
			}
		})
	}
	callers.Wait()
	waitEnded(t, l)
	require.Equal(t, accepted.Load(), ran.Load(), "requests run")
	require.Equal(t, accepted.Load(), delivered.Load(), "events")
	require.Equal(t, uint64(accepted.Load()), l.State().Completed)
}

func TestOperationsHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for op := lane.OpNone; op <= lane.OpOther; op++ {
		require.NotEmpty(t, op.String())
		require.False(t, seen[op.String()], "two operations are called %s", op)
		seen[op.String()] = true
	}
	require.Equal(t, "op-200", lane.Op(200).String())
	require.Equal(t, "full-scan", lane.OpScan.String())
}

// State is read by every health check and metrics scrape, also while the lane hangs.
func BenchmarkState(b *testing.B) {
	l, events := start(b, "ha-bench")
	run, release := blockedRead(b)
	require.True(b, l.Start(lane.Request{Op: lane.OpWrite, Segment: 7, Run: run}))
	b.ReportAllocs()
	for b.Loop() {
		if !l.State().Busy {
			b.Fatal("not busy")
		}
	}
	release()
	receive(b, events)
}

// What handing a request to another thread costs, there and back.
func BenchmarkRoundTrip(b *testing.B) {
	l, events := start(b, "ha-bench")
	b.ReportAllocs()
	for b.Loop() {
		l.Start(lane.Request{Op: lane.OpRead, Run: func() error { return nil }})
		<-events
	}
}

// The two counters are not one word: whoever looks between them must not see more failures than ends.
func TestStateNeverShowsMoreFailuresThanEnds(t *testing.T) {
	done := make(chan lane.Done, 1)
	l := lane.New("t-count", func(d lane.Done) { done <- d })
	defer func() { l.Close(); <-l.Ended() }()
	stop, looked := make(chan struct{}), make(chan lane.State, 1)
	go func() {
		var bad lane.State
		for {
			if s := l.State(); s.Failed > s.Completed {
				bad = s
			}
			select {
			case <-stop:
				looked <- bad
				return
			default:
			}
		}
	}()
	for range 20_000 {
		require.True(t, l.Start(lane.Request{Op: lane.OpWrite, Run: func() error { return errors.New("failed") }}))
		<-done
	}
	close(stop)
	bad := <-looked
	require.LessOrEqual(t, bad.Failed, bad.Completed)
}
