package probe

import (
	"math"
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// form is how a turn of a method's loop called the broker.
type form int

const (
	formReal     form = iota // a call that does the method's work
	formDispatch             // a call that the broker refuses for its arguments
	formSkip                 // no call: nothing to repeat
)

// window gathers one method's calls until they are drained into a line.
type window struct {
	method string

	mu       sync.Mutex
	started  clock.Mono // of the call in progress; 0 none
	latency  []float64
	failed   []float64
	err      string
	nils     int
	dispatch int
	skipped  int
}

// maxErr bounds an error's text in a line, in bytes.
const maxErr = 300

func (w *window) skip() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.skipped++
}

func (w *window) begin(now clock.Mono) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.started = now
}

// abandon forgets the call in progress, which the probe itself cut short.
func (w *window) abandon() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.started = 0
}

func (w *window) end(now clock.Mono, f form, isNil bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	took := milliseconds(now.Sub(w.started))
	w.started = 0
	if f == formDispatch {
		w.dispatch++
	}
	if err != nil {
		w.failed = append(w.failed, took)
		w.err = err.Error()
		if len(w.err) > maxErr {
			w.err = w.err[:maxErr]
		}
		return
	}
	w.latency = append(w.latency, took)
	if isNil {
		w.nils++
	}
}

// drain returns what ended since from, if anything did, and the call in
// progress if it began before from.
func (w *window) drain(from, now clock.Mono) (*RPC, *InFlight) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var ended *RPC
	if len(w.latency)+len(w.failed)+w.skipped > 0 {
		ended = &RPC{
			Head: Head{KindRPC, from.Seconds()}, End: now.Seconds(), Method: w.method,
			LatencyMS: w.latency, Failed: len(w.failed), FailedMS: w.failed, Err: w.err,
			Nil: w.nils, Dispatch: w.dispatch, Skipped: w.skipped,
		}
		if ended.LatencyMS == nil {
			ended.LatencyMS = []float64{}
		}
		w.latency, w.failed, w.err = nil, nil, ""
		w.nils, w.dispatch, w.skipped = 0, 0, 0
	}
	if w.started == 0 || w.started >= from {
		return ended, nil
	}
	return ended, &InFlight{Head{KindInFlight, now.Seconds()}, w.method, milliseconds(now.Sub(w.started))}
}

// milliseconds rounds to the microsecond, which keeps lines short.
func milliseconds(d time.Duration) float64 {
	return math.Round(float64(d)/float64(time.Microsecond)) / 1000
}
