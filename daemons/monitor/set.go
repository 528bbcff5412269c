package monitor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// Set is the submonitors of one daemon. Its methods never block on a measurement.
type Set struct {
	clk    clock.Clock
	maxAge time.Duration
	report func(typ string, err error)
	kinds  []Kind

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	ending sync.WaitGroup // the slots' goroutines

	mu     sync.Mutex
	slots  map[string]*slot // by type; guarded by mu
	closed bool             // guarded by mu
}

// Result is a submonitor as Results shows it.
type Result struct {
	Type    string
	Text    string        // what Status answers
	At      clock.Mono    // when the newest value was observed, or the newest attempt failed; 0 = none since the start
	Age     time.Duration // how long ago that was; 0 if At is
	Problem string        // why the value is not known, or with an Aging one, why it is not renewed; empty if it is
}

// New returns a set that knows the given types. A result that is older than maxAge,
// and than a few of its type's intervals, is not known any more. report, if not nil,
// hears of measurements that failed; it must not block.
func New(clk clock.Clock, maxAge time.Duration, report func(typ string, err error), kinds ...Kind) (*Set, error) {
	for i, k := range kinds {
		if err := k.check(); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(kinds[:i], func(other Kind) bool { return other.Type == k.Type }) {
			return nil, fmt.Errorf("monitor: type %q is there twice", k.Type)
		}
	}
	if report == nil {
		report = func(string, error) {}
	}
	s := &Set{clk: clk, maxAge: maxAge, report: report, kinds: slices.Clone(kinds), slots: map[string]*slot{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

// Start starts the submonitor of a type and returns its id, which is the type. If it runs with equal options already,
// it goes on undisturbed; with other options the old one is abandoned.
func (s *Set) Start(typ string, options Options) (id string, err error) {
	i := slices.IndexFunc(s.kinds, func(k Kind) bool { return k.Type == typ })
	if i < 0 {
		return "", fmt.Errorf("monitor: unknown type %q; known are %s", typ, s.types())
	}
	action, err := s.kinds[i].New(options)
	if err != nil {
		return "", fmt.Errorf("monitor %s: %w", typ, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return "", fmt.Errorf("monitor %s: the daemon is ending", typ)
	}
	sl, ok := s.slots[typ]
	if !ok {
		sl = newSlot(s, s.kinds[i])
		s.slots[typ] = sl
		s.ending.Add(1)
		go func() {
			defer s.ending.Done()
			sl.run(s.ctx)
		}()
	}
	sl.start(s.ctx, options, action)
	return typ, nil
}

// Stop stops a submonitor and reports whether it ran. A measurement in progress is abandoned, not waited for.
func (s *Set) Stop(id string) bool {
	sl := s.slot(id)
	return sl != nil && sl.stop()
}

// Status returns the newest result of a submonitor, or its type's text for "not known"; false if it does not run.
func (s *Set) Status(id string) (text string, ok bool) {
	sl := s.slot(id)
	if sl == nil {
		return "", false
	}
	r, ok := sl.result(s.clk.Now())
	return r.Text, ok
}

// Results returns all submonitors that run, by type.
func (s *Set) Results() []Result {
	var all []Result
	for _, k := range s.kinds {
		if sl := s.slot(k.Type); sl != nil {
			if r, ok := sl.result(s.clk.Now()); ok {
				all = append(all, r)
			}
		}
	}
	return all
}

// Close ends all submonitors and waits for their goroutines until ctx ends. The error names what is left behind.
func (s *Set) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	ended := make(chan struct{})
	go func() { s.ending.Wait(); close(ended) }() // ends with the last slot
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("monitor: abandoned at the end: %s: %w", s.busy(), context.Cause(ctx))
	}
}

func (s *Set) slot(typ string) *slot {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.slots[typ]
}

func (s *Set) types() string {
	var names []string
	for _, k := range s.kinds {
		names = append(names, k.Type)
	}
	return strings.Join(names, ", ")
}

func (s *Set) busy() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for typ, sl := range s.slots {
		if sl.isMeasuring() {
			names = append(names, typ)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
