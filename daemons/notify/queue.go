package notify

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// Limits are how a Queue tries.
type Limits struct {
	Length             int           // notices that may wait
	Attempts           int           // to send one notice
	RetryMin, RetryMax time.Duration // between two attempts: the first is doubled each time up to the second
}

// Queue is the notices that wait, in order. It is a state machine without clock or I/O: its owner tells it the time
// and what happened, and tries what Next returns. It is not safe for concurrent use.
type Queue struct {
	limits Limits
	wait   []*entry
	trying *entry // handed out by Next and not answered yet; still in wait

	serverFailures  int        // since the mail server last took or refused something
	serverNotBefore clock.Mono // nothing is tried before
	sent, dropped   int
	problem         string
	since           clock.Mono
	failedAt        clock.Mono // the newest failure
}

// remembered is for how long a failure is told of when nothing is tried after it, in multiples of Limits.RetryMax: 1 h with the
// default. While a notice waits there is an attempt after RetryMax at the latest; on a quiet cluster there may be none for weeks, and an
// old failure does not tell whether the mail server works.
const remembered = 12

// entry is one notice.
type entry struct {
	notice    Notice
	attempts  int
	notBefore clock.Mono
	settled   []string // recipients that need not be tried again
	reached   bool     // at least one of them got it
}

// Try is an attempt to make.
type Try struct {
	Notice  Notice
	Settled []string // recipients that are not to be sent to again
}

// Outcome is what came of an attempt.
type Outcome struct {
	// Settled are the recipients for whom the mail server took the message or refused it for good.
	Settled []string
	// Reached says that it took it for at least one.
	Reached bool
	// Err is why not all recipients got it; nil if they did.
	Err error
	// Final says that trying again is useless.
	Final bool
	// Server says that the mail server cannot be talked to, so that trying other notices is useless now.
	Server bool
}

// Verdict says what became of a notice.
type Verdict int

// Verdicts.
const (
	Sent       Verdict = iota // at least one recipient got it; the error, if any, is about the others
	Delayed                   // it will be tried again
	Dropped                   // given up, or not taken for want of room
	Refused                   // a rule asks for it, but no mail can be made of it
	Unreadable                // no notice: broker.conf or a template has an error, and the last good one stays in force
)

// String returns the verdict as a word.
func (v Verdict) String() string {
	words := [...]string{"sent", "delayed", "dropped", "refused", "unreadable"}
	if v < 0 || int(v) >= len(words) {
		return "verdict " + strconv.Itoa(int(v))
	}
	return words[v]
}

// NewQueue returns an empty queue.
func NewQueue(limits Limits) *Queue {
	limits.Length, limits.Attempts = max(limits.Length, 1), max(limits.Attempts, 1)
	limits.RetryMin = max(limits.RetryMin, time.Millisecond)
	limits.RetryMax = max(limits.RetryMax, limits.RetryMin)
	return &Queue{limits: limits}
}

// Add takes a notice; false if too many wait, and it is counted as dropped then.
func (q *Queue) Add(n Notice) bool {
	if len(q.wait) >= q.limits.Length {
		q.dropped++
		return false
	}
	q.wait = append(q.wait, &entry{notice: n})
	return true
}

// Next returns the attempt to make now; false if there is none, or if one is being made. at is when to ask again in the
// latter cases; 0 = when something has happened.
func (q *Queue) Next(now clock.Mono) (try Try, ok bool, at clock.Mono) {
	if q.trying != nil {
		return Try{}, false, 0
	}
	if q.isForgotten(now) {
		q.problem, q.since = "", 0
	}
	for _, e := range q.wait {
		due := max(e.notBefore, q.serverNotBefore)
		if due <= now {
			q.trying = e
			return Try{Notice: e.notice, Settled: slices.Clone(e.settled)}, true, 0
		}
		if at == 0 || due < at {
			at = due
		}
	}
	return Try{}, false, at
}

// Done takes in what came of the attempt that Next returned last. notice is what it was about.
func (q *Queue) Done(now clock.Mono, o Outcome) (notice Notice, v Verdict, err error) {
	e := q.trying
	if e == nil {
		return Notice{}, Dropped, errors.New("notify: nothing was being tried")
	}
	q.trying = nil
	e.attempts++
	e.settled = append(e.settled, o.Settled...)
	e.reached = e.reached || o.Reached
	q.server(now, o)
	isOver := o.Err == nil || o.Final || e.attempts >= q.limits.Attempts
	switch {
	case isOver && (o.Err == nil || e.reached):
		q.sent++
		q.problem, q.since = "", 0
		q.remove(e)
		return e.notice, Sent, o.Err
	case isOver:
		err = fmt.Errorf("given up after %d of %d attempts: %w", e.attempts, q.limits.Attempts, o.Err)
		q.dropped++
		q.trouble(now, err)
		q.remove(e)
		return e.notice, Dropped, err
	}
	e.notBefore = now.Add(q.backoff(e.attempts))
	if o.Server { // one pause for all of them, which the queue has already
		e.notBefore = 0
	}
	q.trouble(now, o.Err)
	return e.notice, Delayed, o.Err
}

// server notes how the mail server fares.
func (q *Queue) server(now clock.Mono, o Outcome) {
	if !o.Server {
		q.serverFailures, q.serverNotBefore = 0, 0
		return
	}
	q.serverFailures++
	q.serverNotBefore = now.Add(q.backoff(q.serverFailures))
}

// backoff is the pause after so many failures.
func (q *Queue) backoff(failures int) time.Duration {
	pause := q.limits.RetryMin
	for range failures - 1 {
		if pause *= 2; pause >= q.limits.RetryMax {
			return q.limits.RetryMax
		}
	}
	return pause
}

func (q *Queue) trouble(now clock.Mono, err error) {
	if q.problem == "" {
		q.since = now
	}
	q.problem, q.failedAt = err.Error(), now
}

// isForgotten says whether the newest failure is too old to mean anything.
func (q *Queue) isForgotten(now clock.Mono) bool {
	return q.trying == nil && now.Sub(q.failedAt) > remembered*q.limits.RetryMax
}

func (q *Queue) remove(e *entry) {
	q.wait = slices.DeleteFunc(q.wait, func(other *entry) bool { return other == e })
}

// State is how a Courier fares.
type State struct {
	Queued  int        // notices that wait or are being sent
	Sent    int        // that a mail server took
	Dropped int        // given up, or not taken for want of room
	Problem string     // why the newest attempt failed, unless that is long ago, or what is wrong with the files; "" = all is well
	Since   clock.Mono // when that began; 0 if all is well
}

// State tells how the queue fares.
func (q *Queue) State(now clock.Mono) State {
	s := State{Queued: len(q.wait), Sent: q.sent, Dropped: q.dropped}
	if !q.isForgotten(now) {
		s.Problem, s.Since = q.problem, q.since
	}
	return s
}
