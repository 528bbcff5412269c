package faultfs

import (
	"math/rand/v2"
	"sync"
	"time"
)

// liveRule is a rule in effect. Requests may hold on to one that is removed already; its channel is closed then, and it
// holds nothing any more.
type liveRule struct {
	Rule
	cleared chan struct{} // closed when the rule is removed

	mu         sync.Mutex
	matched    int64                  // guarded by mu, as all below
	taken      int64                  // requests of others that were held, delayed or failed, or are now
	probesHeld int64                  // the server's own
	waiting    map[*Request]time.Time // requests of others held now, and since when
	released   int64                  // how many of taken have gone on
	worst      time.Duration          // longest and shortest wait of those
	least      time.Duration
}

func newLiveRule(r Rule) *liveRule {
	return &liveRule{Rule: r, cleared: make(chan struct{}), waiting: map[*Request]time.Time{}}
}

// take counts a request that the rule selects and says whether the rule affects it.
func (l *liveRule) take(probe bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if probe {
		l.probesHeld++
		return true
	}
	l.matched++
	if l.First > 0 && l.taken >= int64(l.First) {
		return false
	}
	if l.Probability > 0 && l.Probability < 1 && rand.Float64() >= l.Probability {
		return false
	}
	l.taken++
	return true
}

// hold makes one request wait until the rule is cleared or its delay is over. It returns false when giveUp was closed before.
func (l *liveRule) hold(giveUp <-chan struct{}, q *Request, probe bool) bool {
	start := time.Now()
	if !probe {
		l.mu.Lock()
		l.waiting[q] = start
		l.mu.Unlock()
		defer l.release(q, start)
	}
	var over <-chan time.Time
	if l.Kind == Latency {
		t := time.NewTimer(l.Delay())
		defer t.Stop()
		over = t.C
	}
	select {
	case <-over:
		return true
	case <-l.cleared:
		return true
	case <-giveUp:
		return false
	}
}

// release counts the end of a wait.
func (l *liveRule) release(q *Request, start time.Time) {
	waited := time.Since(start)
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.waiting, q)
	l.released++
	l.worst = max(l.worst, waited)
	if l.released == 1 || waited < l.least {
		l.least = waited
	}
}

func (l *liveRule) status() RuleStatus {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := RuleStatus{
		Rule: l.Rule, Matched: l.matched, Held: int64(len(l.waiting)), ProbesHeld: l.probesHeld,
		WorstDelayMS: milliseconds(l.worst), LeastDelayMS: milliseconds(l.least),
	}
	switch l.Kind {
	case Hang:
		s.HeldTotal = l.taken
	case Latency:
		s.DelayedTotal = l.taken
	case Fail:
		s.FailedTotal = l.taken
	}
	for _, since := range l.waiting {
		s.OldestHeld = max(s.OldestHeld, time.Since(since).Seconds())
	}
	return s
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
