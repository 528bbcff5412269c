// Package lane runs what may block for ever, such as a write to storage that hangs, where it harms nobody.
//
// A Lane is one goroutine locked to its own OS thread with a name in the kernel, and one request in flight. Its user
// hands it a request and later gets a Done event; nobody ever waits for it. Because the thread has a name, anyone can see from
// outside (/proc/PID/task/*/comm, and wchan, syscall and stack beside it) which lane is stuck and where in the kernel.
// State shows the same from inside, at the price of one atomic load.
//
// The contract, in full:
//
//   - Start never blocks. It returns false while a request is in flight and after Close.
//   - For each Start that returned true, done is called exactly once, from the lane's thread, after Run has returned. If
//     Run never returns, done is never called; that is what State and its Since are for.
//   - Before done is called the lane is already idle again, so the receiver of Done may Start the next request at once.
//   - Between Start and Run, and between Run and done, the Go memory model orders what both sides wrote: results may
//     travel in variables that Run's closure shares with the receiver of Done. Before Done those variables belong to the lane.
//   - done must not block. It hands the event over and returns.
//   - Close ends an idle lane's thread and abandons a stuck one. A lane is the only goroutine in the daemons that may
//     never end; no shutdown waits for it.
package lane

import (
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// Request is one thing to do.
type Request struct {
	// Op names it; OpNone is taken as OpOther.
	Op Op
	// Segment is the whiteboard segment concerned, 0 to 4094, or NoSegment.
	Segment int
	// Run does it, on the lane's thread. It may block for ever; it must not call the lane's own methods other than State.
	Run func() error
}

// Done tells that a request has ended.
type Done struct {
	Lane    string
	Op      Op
	Segment int // NoSegment if none
	Err     error
	Started clock.Mono // when Start accepted the request
	Ended   clock.Mono // when Run had returned
}

// State is what a lane is doing now.
type State struct {
	// Name is the thread's name, at most 15 bytes.
	Name string
	// TID is the thread's id, the N of /proc/self/task/N; it stays the same for the life of the lane.
	TID int
	// Busy says that a request is in flight; Op, Segment and Since describe it. On an idle lane they are OpNone,
	// NoSegment and 0.
	Busy    bool
	Op      Op
	Segment int
	// Since is when Start accepted the request, rounded down to 100 microseconds.
	Since clock.Mono
	// Completed counts the requests that have ended, Failed those among them that ended with an error.
	Completed, Failed uint64
}

// Lane is one named thread. Its methods may be called from any goroutine.
type Lane struct {
	name  string
	tid   int // set before New returns
	done  func(Done)
	ended chan struct{}

	current   atomic.Uint64 // see pack
	completed atomic.Uint64
	failed    atomic.Uint64

	mu       sync.Mutex    // held for a few instructions, never while Run or done run
	closed   bool          // guarded by mu
	busy     bool          // guarded by mu
	requests chan accepted // capacity 1; sent to and closed under mu, and empty whenever busy is false
}

type accepted struct {
	Request
	started clock.Mono
}

// New starts a lane whose thread is called name in the kernel; the kernel keeps the first 15 bytes. It returns when
// the thread is up.
func New(name string, done func(Done)) *Lane {
	if len(name) > 15 {
		name = name[:15]
	}
	l := &Lane{name: name, done: done, ended: make(chan struct{}), requests: make(chan accepted, 1)}
	up := make(chan struct{})
	go l.settle(up)
	<-up
	return l
}

// settle finds the lane a thread of its own and runs it there. The process's first thread will not do: its name is the
// name of the process, and it cannot end before the process does.
func (l *Lane) settle(up chan struct{}) {
	runtime.LockOSThread()
	if unix.Gettid() == unix.Getpid() {
		// While this goroutine holds the first thread, the next one must get another.
		go l.settle(up)
		<-up
		runtime.UnlockOSThread()
		return
	}
	l.tid = unix.Gettid()
	setThreadName(l.name)
	close(up)
	l.serve()
	// The goroutine ends without UnlockOSThread, and so its thread ends with it.
}

func setThreadName(name string) {
	text := append([]byte(name), 0)
	// PR_SET_NAME fails only for a bad address.
	_ = unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(&text[0])), 0, 0, 0)
}

func (l *Lane) serve() {
	defer close(l.ended)
	for r := range l.requests {
		err := r.Run()
		ended := clock.Now()
		l.completed.Add(1)
		if err != nil {
			l.failed.Add(1) // after completed, and State reads them the other way round: never more failures than ends
		}
		_, segment, _ := unpack(l.current.Load())
		l.mu.Lock()
		l.busy = false
		l.current.Store(0)
		l.mu.Unlock()
		l.done(Done{Lane: l.name, Op: r.Op, Segment: segment, Err: err, Started: r.started, Ended: ended})
	}
}

// Start hands r to the lane. It returns false, and does nothing, if a request is in flight or the lane is closed.
func (l *Lane) Start(r Request) bool {
	if r.Op == OpNone {
		r.Op = OpOther
	}
	now := clock.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy || l.closed {
		return false
	}
	l.busy = true
	l.current.Store(pack(r.Op, r.Segment, now))
	l.requests <- accepted{Request: r, started: now} // has room: the lane took the last one before busy went false
	return true
}

// State tells what the lane is doing, without a lock. The operation, its segment and its start belong together; the
// counters are read beside them and may already include the end of the operation shown.
func (l *Lane) State() State {
	s := State{Name: l.name, TID: l.tid, Segment: NoSegment}
	if word := l.current.Load(); word != 0 {
		s.Busy = true
		s.Op, s.Segment, s.Since = unpack(word)
	}
	s.Failed = l.failed.Load() // before completed
	s.Completed = l.completed.Load()
	return s
}

// Close refuses all further requests and lets the thread end as soon as it is idle. It does not wait: a lane that is
// stuck is abandoned, and still calls done if it ever comes back. Closing twice is harmless.
func (l *Lane) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.closed = true
		close(l.requests)
	}
}

// Ended is closed when the lane's goroutine has returned; its thread ends at the same time. A stuck lane's never is.
func (l *Lane) Ended() <-chan struct{} { return l.ended }
