package faultfs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Gate holds the rules and makes requests meet them. The zero value is not usable; use NewGate.
type Gate struct {
	start  time.Time
	passed atomic.Int64
	rules  atomic.Pointer[[]*liveRule] // what requests read: never nil, replaced as a whole

	mu     sync.Mutex
	lastID int  // guarded by mu
	closed bool // guarded by mu
}

// NewGate returns a gate without rules.
func NewGate() *Gate {
	g := &Gate{start: time.Now()}
	g.rules.Store(&[]*liveRule{})
	return g
}

// Add puts a rule into effect and returns its id. Requests that wait at the gate for another rule meet the new one afterwards.
func (g *Gate) Add(r Rule) (string, error) {
	if err := r.Validate(); err != nil {
		return "", err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	old := *g.rules.Load()
	switch {
	case g.closed:
		return "", errors.New("the file system is shutting down")
	case len(old) >= maxRules:
		return "", fmt.Errorf("there are %d rules already, the limit: clear some", maxRules)
	case slices.ContainsFunc(old, func(l *liveRule) bool { return r.ID != "" && l.ID == r.ID }):
		return "", fmt.Errorf("rule id %q is in use: clear that rule first, or leave the id out", r.ID)
	}
	for r.ID == "" {
		g.lastID++
		id := fmt.Sprintf("r%d", g.lastID)
		if !slices.ContainsFunc(old, func(l *liveRule) bool { return l.ID == id }) {
			r.ID = id
		}
	}
	r.Ops = slices.Clone(r.Ops)
	next := append(slices.Clone(old), newLiveRule(r))
	g.rules.Store(&next)
	return r.ID, nil
}

// Clear removes a rule, lets go of what it holds, and returns its last status, taken just before.
func (g *Gate) Clear(id string) (RuleStatus, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	old := *g.rules.Load()
	i := slices.IndexFunc(old, func(l *liveRule) bool { return l.ID == id })
	if i < 0 {
		return RuleStatus{}, fmt.Errorf("%s: %w", id, ErrNoRule)
	}
	next := slices.Delete(slices.Clone(old), i, i+1)
	g.rules.Store(&next)
	s := old[i].status()
	close(old[i].cleared)
	return s, nil
}

// ClearAll removes all rules and returns their last status.
func (g *Gate) ClearAll() []RuleStatus {
	g.mu.Lock()
	defer g.mu.Unlock()
	old := *g.rules.Load()
	g.rules.Store(&[]*liveRule{})
	cleared := make([]RuleStatus, len(old))
	for i, l := range old {
		cleared[i] = l.status()
		close(l.cleared)
	}
	return cleared
}

// Close removes all rules for good: no rule can be added afterwards.
func (g *Gate) Close() []RuleStatus {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	return g.ClearAll()
}

// Rules returns the status of every rule, in the order of Add.
func (g *Gate) Rules() []RuleStatus {
	live := *g.rules.Load()
	all := make([]RuleStatus, len(live))
	for i, l := range live {
		all[i] = l.status()
	}
	return all
}

// Passed returns how many requests have gone through since the start, and Uptime the time since then.
func (g *Gate) Passed() int64 { return g.passed.Load() }

// Uptime is the time since NewGate.
func (g *Gate) Uptime() time.Duration { return time.Since(g.start) }

// Pass returns when no rule that the request meets holds it any longer, with the error that one of them makes it fail with, or 0. It
// heeds nothing else, in particular no FUSE interrupt: a process that gets a signal while its medium hangs stays blocked, and
// Go's runtime sends signals to itself.
func (g *Gate) Pass(q Request) syscall.Errno {
	var errno syscall.Errno
	if len(*g.rules.Load()) > 0 {
		_, errno, _ = g.wait(nil, q, false)
	}
	g.passed.Add(1)
	return errno
}

// Test sends a probe through the gate: it meets every rule that selects it whatever First and Probability say, and gives up
// when the context ends. It returns the ids of the rules that held or failed it, the name of the error that it failed with ("" for
// none), and the context's error if it gave up.
func (g *Gate) Test(ctx context.Context, q Request) (heldBy []string, failed string, err error) {
	heldBy, errno, gaveUp := g.wait(ctx.Done(), q, true)
	if gaveUp {
		return heldBy, "", ctx.Err()
	}
	return heldBy, unix.ErrnoName(errno), nil
}

// wait lets the request meet each rule that selects it, one after the other, until there is none that it has not met. The
// rules are read anew after each wait, so that a request released by one rule meets the rules added meanwhile. It returns early
// when a rule makes the request fail, and when giveUp is closed; nil never is.
func (g *Gate) wait(giveUp <-chan struct{}, q Request, probe bool) (heldBy []string, failed syscall.Errno, gaveUp bool) {
	var met []*liveRule
	for {
		rules := *g.rules.Load()
		i := slices.IndexFunc(rules, func(l *liveRule) bool { return l.selects(q) && !slices.Contains(met, l) })
		if i < 0 {
			return heldBy, 0, false
		}
		l := rules[i]
		met = append(met, l)
		if !l.take(probe) {
			continue
		}
		heldBy = append(heldBy, l.ID)
		if l.Kind == Fail {
			return heldBy, errnoOf(l.Error), false
		}
		if !l.hold(giveUp, &q, probe) {
			return heldBy, 0, true
		}
	}
}
