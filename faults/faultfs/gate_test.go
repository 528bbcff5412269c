package faultfs

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const soon, patience = 5 * time.Millisecond, 10 * time.Second

// pass sends a request through the gate and returns a channel that is closed when it is through.
func pass(g *Gate, q Request) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = g.Pass(q)
	}()
	return done
}

func requireThrough(t *testing.T, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(patience):
		require.FailNow(t, "the request is still held")
	}
}

func requireHeld(t *testing.T, g *Gate, want int64) {
	t.Helper()
	require.Eventually(t, func() bool {
		held := int64(0)
		for _, r := range g.Rules() {
			held += r.Held
		}
		return held == want
	}, patience, time.Millisecond, "want %d held requests", want)
}

func TestHangHoldsUntilCleared(t *testing.T) {
	g := NewGate()
	id, err := g.Add(Rule{Kind: Hang, Ops: []Op{OpWrite}})
	require.NoError(t, err)
	done := pass(g, Request{Op: OpWrite, File: "w"})
	requireHeld(t, g, 1)
	requireThrough(t, pass(g, Request{Op: OpRead, File: "w"}))
	time.Sleep(soon)
	require.Greater(t, g.Rules()[0].OldestHeld, 0.0)

	s, err := g.Clear(id)
	require.NoError(t, err)
	require.EqualValues(t, 1, s.Held)
	require.EqualValues(t, 1, s.HeldTotal)
	requireThrough(t, done)
	require.Empty(t, g.Rules())
	_, err = g.Clear(id)
	require.ErrorIs(t, err, ErrNoRule)
}

func TestReleasedRequestMeetsTheRulesAddedMeanwhile(t *testing.T) {
	g := NewGate()
	a, err := g.Add(Rule{Kind: Hang})
	require.NoError(t, err)
	done := pass(g, Request{Op: OpWrite})
	requireHeld(t, g, 1)
	b, err := g.Add(Rule{Kind: Hang})
	require.NoError(t, err)
	_, err = g.Clear(a)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return g.Rules()[0].Held == 1 }, patience, time.Millisecond, "rule b holds it now")
	_, err = g.Clear(b)
	require.NoError(t, err)
	requireThrough(t, done)
}

func TestLatencyDelaysAndIsMeasured(t *testing.T) {
	g := NewGate()
	const delay = 30 * time.Millisecond
	_, err := g.Add(Rule{Kind: Latency, DelayMS: milliseconds(delay)})
	require.NoError(t, err)
	start := time.Now()
	_ = g.Pass(Request{Op: OpRead})
	require.GreaterOrEqual(t, time.Since(start), delay)
	r := g.Rules()[0]
	require.EqualValues(t, 1, r.DelayedTotal)
	require.GreaterOrEqual(t, r.LeastDelayMS, milliseconds(delay))
	require.GreaterOrEqual(t, r.WorstDelayMS, r.LeastDelayMS)
}

func TestClearedLatencyLetsItsWaitersGoAtOnce(t *testing.T) {
	g := NewGate()
	id, err := g.Add(Rule{Kind: Latency, DelayMS: milliseconds(MaxDelay)})
	require.NoError(t, err)
	done := pass(g, Request{Op: OpRead})
	requireHeld(t, g, 1)
	_, err = g.Clear(id)
	require.NoError(t, err)
	requireThrough(t, done)
}

func TestFirstLimitsARule(t *testing.T) {
	g := NewGate()
	_, err := g.Add(Rule{Kind: Hang, First: 2})
	require.NoError(t, err)
	one, two := pass(g, Request{Op: OpRead}), pass(g, Request{Op: OpRead})
	requireHeld(t, g, 2)
	requireThrough(t, pass(g, Request{Op: OpRead}))
	r := g.Rules()[0]
	require.EqualValues(t, 3, r.Matched)
	require.EqualValues(t, 2, r.HeldTotal)
	g.ClearAll()
	requireThrough(t, one)
	requireThrough(t, two)
}

func TestProbabilityAffectsSome(t *testing.T) {
	g := NewGate()
	_, err := g.Add(Rule{Kind: Latency, DelayMS: 0.001, Probability: 0.5})
	require.NoError(t, err)
	const n = 400
	for range n {
		_ = g.Pass(Request{Op: OpRead})
	}
	r := g.Rules()[0]
	require.EqualValues(t, n, r.Matched)
	require.InDelta(t, n/2, r.DelayedTotal, n/4) // 10 standard deviations
}

func TestProbeIsHeldButSpendsNothing(t *testing.T) {
	g := NewGate()
	id, err := g.Add(Rule{Kind: Hang, First: 1, Probability: 1e-12})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	heldBy, _, err := g.Test(ctx, Request{Op: OpRead})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, []string{id}, heldBy)
	r := g.Rules()[0]
	require.EqualValues(t, 1, r.ProbesHeld)
	require.Zero(t, r.Matched+r.HeldTotal+r.Held)
}

func TestIDsAreUnique(t *testing.T) {
	g := NewGate()
	_, err := g.Add(Rule{ID: "r1", Kind: Hang})
	require.NoError(t, err)
	_, err = g.Add(Rule{ID: "r1", Kind: Hang})
	require.ErrorContains(t, err, "in use")
	id, err := g.Add(Rule{Kind: Hang})
	require.NoError(t, err)
	require.NotEqual(t, "r1", id)
	for len(g.Rules()) < maxRules {
		_, err = g.Add(Rule{Kind: Hang})
		require.NoError(t, err)
	}
	_, err = g.Add(Rule{Kind: Hang})
	require.ErrorContains(t, err, "the limit")
}

func TestClosedGateTakesNoRules(t *testing.T) {
	g := NewGate()
	_, err := g.Add(Rule{Kind: Hang})
	require.NoError(t, err)
	done := pass(g, Request{Op: OpRead})
	requireHeld(t, g, 1)
	require.Len(t, g.Close(), 1)
	requireThrough(t, done)
	_, err = g.Add(Rule{Kind: Hang})
	require.ErrorContains(t, err, "shutting down")
}

// Many victims, rules that come and go: nobody is left behind.
func TestNoRequestIsForgotten(t *testing.T) {
	g := NewGate()
	var victims sync.WaitGroup
	stop := make(chan struct{})
	for range 8 {
		victims.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_ = g.Pass(Request{Op: OpWrite, File: "w"})
				}
			}
		})
	}
	for range 200 {
		id, err := g.Add(Rule{Kind: Hang, First: 4})
		require.NoError(t, err)
		time.Sleep(100 * time.Microsecond)
		_, err = g.Clear(id)
		require.NoError(t, err)
	}
	close(stop)
	victims.Wait()
	require.Empty(t, g.Rules())
	require.Positive(t, g.Passed())
}
