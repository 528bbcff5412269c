package run

import (
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/harness/verdict"
)

// watch is what was seen of one host: by its probe, in its agent's and its engine's logs. Times are seconds since the run
// began. The followers write it, the steps and the judge read it.
type watch struct {
	hostID int

	mu sync.Mutex

	turns   []turn
	puts    []float64 // when a record with another timestamp showed in the broker's view
	stamp   string    // the timestamp of the newest
	engines []engineLine

	lanes   map[string]laneSight   // latest look of the broker at each lane
	threads map[string]threadSight // latest look of the kernel at each ha- thread of the broker
	blocked map[string]verdict.Lane
	spans   map[string]*laneSpan // the operation under way, for the event log

	warnings map[string]warningSight // present now, by code
	healthAt float64                 // when get_health was last answered
	raised   []warningSight          // every warning that was ever seen, in order

	lease    leaseSight
	view     viewSight
	calls    map[string][]verdict.Call
	inflight map[string]inflightCall
	usage    map[string][]usage // by daemon: broker, agent
	late     []verdict.Late     // how late the machine woke the probe up
	dropped  int                // lines that the probe lost
	unread   []error            // files of this host that could not be read
}

func newWatch(hostID int) *watch {
	return &watch{
		hostID: hostID,
		lanes:  map[string]laneSight{}, threads: map[string]threadSight{}, blocked: map[string]verdict.Lane{},
		spans: map[string]*laneSpan{}, warnings: map[string]warningSight{}, calls: map[string][]verdict.Call{},
		inflight: map[string]inflightCall{}, usage: map[string][]usage{},
	}
}

// turn is one turn of the agent's loop, from its own log.
type turn struct {
	t     float64
	state string
}

// engineLine is one line of the stand-in engine's own log.
type engineLine struct {
	t      float64
	event  string
	pid    int
	detail string
}

// laneSight is one lane as get_lanes showed it.
type laneSight struct {
	t       float64
	tid     int
	busy    bool
	op      string
	segment int
	since   float64 // when the operation began
	blocked float64 // seconds
	stalled bool
}

// threadSight is one thread as /proc showed it.
type threadSight struct {
	t       float64
	tid     int
	state   string
	syscall string
	wchan   string
	since   float64 // since when it sits in this same call
	still   bool    // it sits in one call and has not run since
}

// laneSpan is an operation that lasts, as it goes into the event log.
type laneSpan struct {
	since   float64
	written float64 // when it was last written to the event log
}

// warningSight is a warning in get_health: when a client first saw it, and since when the broker says that it holds.
type warningSight struct {
	t      float64
	since  float64
	code   string
	detail string
	// opSince is when the operation began that stalled longest at that time; 0 where none was stalled.
	opSince float64
}

type leaseSight struct {
	state string
	since float64
}

// viewSight is the latest get_view in short.
type viewSight struct {
	t       float64
	readAge float64
}

// inflightCall is a call that has had no answer for longer than a window of the probe.
type inflightCall struct {
	t     float64 // when it was last seen without an answer
	began float64
}

// usage is what a daemon holds at one moment.
type usage struct {
	t           float64
	threads     int
	descriptors int
	rssKB       int
}

// staleSight is how old a look at a lane or a thread may be and still count as evidence.
const staleSight = 1.5

// warnsNow reports whether get_health shows the warning; known is false when it was not answered from time t on, and what it
// showed before is no evidence for now.
func (w *watch) warnsNow(code string, t float64) (s warningSight, present, known bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.healthAt < t {
		return s, false, false
	}
	s, present = w.warnings[code]
	return s, present, true
}

// everWarned returns the first sight of the warning from time t on.
func (w *watch) everWarned(code string, t float64) (warningSight, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.raised {
		if s.code == code && s.t >= t {
			return s, true
		}
	}
	return warningSight{}, false
}

// lastTurn returns the agent's latest turn.
func (w *watch) lastTurn() (turn, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.turns) == 0 {
		return turn{}, false
	}
	return w.turns[len(w.turns)-1], true
}

// published counts the records that the agent put from time t on, by their timestamps in the broker's view.
func (w *watch) published(t float64) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for i := len(w.puts) - 1; i >= 0 && w.puts[i] >= t; i-- {
		n++
	}
	return n
}

// leaseState returns the lease as the broker has shown it from time t on, "" when it has not.
func (w *watch) leaseState(t float64) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.view.t < t {
		return ""
	}
	return w.lease.state
}

// engineState returns the latest word of the newest engine on this host: "" for none.
func (w *watch) engineState() (engineLine, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.engines) == 0 {
		return engineLine{}, false
	}
	return w.engines[len(w.engines)-1], true
}

// until waits for done to hold, looking every 20 ms, until the deadline. It reports whether it came to hold in time; a look that
// ends after the deadline came too late, whatever it saw.
func until(stop <-chan struct{}, deadline time.Time, done func() bool) bool {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		held, now := done(), time.Now()
		if held || now.After(deadline) {
			return held && !now.After(deadline)
		}
		select {
		case <-stop:
			return false
		case <-tick.C:
		}
	}
}
