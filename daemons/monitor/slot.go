package monitor

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// slot is the one place where a type's submonitor runs.
type slot struct {
	kind   Kind
	clk    clock.Clock
	report func(typ string, err error)
	wake   chan struct{} // capacity 1: there is a new task, or none

	mu        sync.Mutex
	task      *task // what is to run; nil = stopped; guarded by mu
	measuring bool  // guarded by mu
}

// task is one start of the submonitor. Its result fields are guarded by the slot's mu.
type task struct {
	options Options
	action  Action
	ctx     context.Context // ends when the task is stopped or replaced
	cancel  context.CancelFunc

	text    string
	at      clock.Mono // end of the newest measurement; 0 = none yet
	problem string     // why it yielded no value
}

func newSlot(s *Set, kind Kind) *slot {
	return &slot{kind: kind, clk: s.clk, report: s.report, wake: make(chan struct{}, 1)}
}

// start makes the action the slot's task, unless the same runs already.
func (s *slot) start(ctx context.Context, options Options, action Action) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.task != nil {
		if reflect.DeepEqual(s.task.options, options) {
			return
		}
		s.task.cancel()
	}
	t := &task{options: options, action: action}
	t.ctx, t.cancel = context.WithCancel(ctx)
	s.task = t
	s.nudge()
}

// stop forgets the task and reports whether there was one.
func (s *slot) stop() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.task == nil {
		return false
	}
	s.task.cancel()
	s.task = nil
	s.nudge()
	return true
}

func (s *slot) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run measures until ctx ends. At most one measurement runs at a time, whatever start and stop do.
func (s *slot) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		case <-timer.C:
		}
		begun := time.Now()
		if t := s.current(); t != nil {
			s.measure(t) //nolint:contextcheck // a task has a context of its own, which ends earlier when it is stopped
		}
		timer.Reset(max(s.kind.Interval-time.Since(begun), 0))
	}
}

func (s *slot) current() *task {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.measuring = s.task != nil
	return s.task
}

func (s *slot) measure(t *task) {
	ctx, cancel := context.WithTimeoutCause(t.ctx, s.kind.Deadline, fmt.Errorf("no answer within %s", s.kind.Deadline))
	text, err := s.try(ctx, t)
	cause := context.Cause(ctx)
	cancel()

	s.mu.Lock()
	s.measuring = false
	if s.task != t { // stopped or replaced meanwhile
		s.mu.Unlock()
		return
	}
	t.at, t.text, t.problem = s.clk.Now(), text, ""
	if err != nil {
		t.problem = err.Error()
		if cause != nil {
			t.problem = fmt.Sprintf("%v: %v", cause, err)
		}
	}
	s.mu.Unlock()
	if err != nil {
		s.report(s.kind.Type, err)
	}
}

// try contains a panic of the action: it costs one result.
func (s *slot) try(ctx context.Context, t *task) (text string, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return t.action.Measure(ctx)
}

// result returns what the submonitor shows now; false if it does not run.
func (s *slot) result(now clock.Mono, maxAge time.Duration) (Result, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.task
	if t == nil {
		return Result{}, false
	}
	r := Result{Type: s.kind.Type, Text: t.text, At: t.at, Problem: t.problem}
	switch {
	case t.at == 0:
		r.Problem = "no result yet"
	case now.Sub(t.at) > maxAge:
		r.Problem = fmt.Sprintf("the last result is older than %s", maxAge)
	}
	if r.Problem != "" {
		r.Text = s.kind.Unknown(r.Problem)
	}
	return r, true
}

func (s *slot) isMeasuring() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.measuring
}
