package monitor

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// noResultYet is the problem of a submonitor that has just been started.
const noResultYet = "no result yet"

// errNotYet is returned by an action that needs another measurement before it has a value. It is not a failure.
var errNotYet = errors.New(noResultYet)

// slot is the one place where a type's submonitor runs.
type slot struct {
	kind   Kind
	clk    clock.Clock
	keep   time.Duration // how old a result may at least be
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

	pace    Pace
	text    string
	at      clock.Mono // when the newest value was observed; 0 = none yet
	problem string     // why the newest measurement yielded no value
}

func newSlot(s *Set, kind Kind) *slot {
	return &slot{kind: kind, clk: s.clk, keep: s.maxAge, report: s.report, wake: make(chan struct{}, 1)}
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
	t := &task{options: options, action: action, pace: s.kind.pace(action, s.keep)}
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
	timer := time.NewTimer(s.kind.Interval) // the first start wakes
	defer timer.Stop()
	var prompt <-chan struct{} // of the task measured last
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		case <-prompt:
		case <-timer.C:
		}
		begun, interval := time.Now(), s.kind.Interval
		prompt = nil
		if t := s.current(); t != nil {
			if prompted, ok := t.action.(Prompted); ok {
				prompt = prompted.Prompt()
			}
			interval = s.measure(t)
		}
		timer.Reset(max(interval-time.Since(begun), 0))
	}
}

func (s *slot) current() *task {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.measuring = s.task != nil
	return s.task
}

// measure measures once and returns the interval to the next start.
func (s *slot) measure(t *task) time.Duration {
	ctx, cancel := context.WithTimeoutCause(t.ctx, t.pace.Deadline, fmt.Errorf("no answer within %s", t.pace.Deadline))
	text, err := s.try(ctx, t)
	cause := context.Cause(ctx)
	cancel()
	at := s.clk.Now()
	if dated, ok := t.action.(Dated); ok && err == nil {
		at = dated.At()
	}
	pace := s.kind.pace(t.action, s.keep)

	s.mu.Lock()
	s.measuring = false
	if s.task != t { // stopped or replaced meanwhile
		s.mu.Unlock()
		return s.kind.Interval // a new one wakes
	}
	t.pace = pace
	if errors.Is(err, errNotYet) {
		s.mu.Unlock()
		return pace.Interval
	}
	t.at, t.text, t.problem = at, text, ""
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
	return pace.Interval
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
func (s *slot) result(now clock.Mono) (Result, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.task
	if t == nil {
		return Result{}, false
	}
	r := Result{Type: s.kind.Type, Text: t.text, At: t.at, Problem: t.problem}
	if t.at != 0 {
		r.Age = max(now.Sub(t.at), 0)
	}
	switch {
	case t.at == 0:
		r.Problem = noResultYet
	case r.Age > t.pace.Keep:
		r.Problem = fmt.Sprintf("the last result is older than %s", t.pace.Keep)
	}
	aging, isAging := t.action.(Aging)
	switch {
	case isAging:
		r.Text = aging.Text(now)
	case t.at == 0 && s.kind.Initial != "":
		r.Text = s.kind.Initial
	case r.Problem != "":
		r.Text = s.kind.Unknown(r.Problem)
	}
	return r, true
}

func (s *slot) isMeasuring() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.measuring
}
