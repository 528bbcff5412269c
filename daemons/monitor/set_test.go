package monitor_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/monitor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const soon, patience = 5 * time.Millisecond, 10 * time.Second

// counting is a submonitor for tests. block, if not nil, holds a measurement up, whatever its context says.
type counting struct {
	made    atomic.Int32 // actions
	begun   atomic.Int32 // measurements
	running atomic.Int32
	overlap atomic.Bool
	block   chan struct{}
	fail    atomic.Bool
}

func (c *counting) kind(deadline time.Duration) monitor.Kind {
	return monitor.Kind{
		Type: "counting", Interval: soon, Deadline: deadline,
		New: func(options monitor.Options) (monitor.Action, error) {
			if options["bad"] != nil {
				return nil, errors.New("option bad is bad")
			}
			return action{c, c.made.Add(1)}, nil
		},
		Unknown: func(why string) string { return "unknown: " + why },
	}
}

type action struct {
	c      *counting
	number int32
}

func (a action) Measure(ctx context.Context) (string, error) {
	if a.c.running.Add(1) > 1 {
		a.c.overlap.Store(true)
	}
	defer a.c.running.Add(-1)
	a.c.begun.Add(1)
	if a.c.block != nil {
		<-a.c.block
	}
	if a.c.fail.Load() {
		<-ctx.Done()
		return "", ctx.Err()
	}
	return fmt.Sprintf("action %d", a.number), nil
}

func newSet(t *testing.T, clk clock.Clock, kinds ...monitor.Kind) *monitor.Set {
	t.Helper()
	s, err := monitor.New(clk, 30*time.Second, nil, kinds...)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, s.Close(ctx))
	})
	return s
}

func eventually(t *testing.T, s *monitor.Set, id, want string) {
	t.Helper()
	var got string
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if got, _ = s.Status(id); got == want {
			return
		}
	}
	t.Fatalf("status of %s: got %q, want %q", id, got, want)
}

func TestStartRunStatusStop(t *testing.T) {
	c := &counting{}
	s := newSet(t, clock.System(), c.kind(time.Second))
	_, ok := s.Status("counting")
	require.False(t, ok, "not started: as after a restart of the broker")
	require.False(t, s.Stop("counting"))

	id, err := s.Start("counting", nil)
	require.NoError(t, err)
	require.Equal(t, "counting", id, "the id is the type")
	eventually(t, s, id, "action 1")
	require.Len(t, s.Results(), 1)
	require.True(t, s.Stop(id))
	_, ok = s.Status(id)
	require.False(t, ok)
	require.False(t, s.Stop(id))
	require.Empty(t, s.Results())

	_, err = s.Start("counting", nil)
	require.NoError(t, err)
	eventually(t, s, id, "action 2")
}

func TestUnknownTypesAndBadOptionsAreRefused(t *testing.T) {
	s := newSet(t, clock.System(), (&counting{}).kind(time.Second))
	_, err := s.Start("nonsense", nil)
	require.ErrorContains(t, err, `unknown type "nonsense"; known are counting`)
	_, err = s.Start("counting", monitor.Options{"bad": true})
	require.ErrorContains(t, err, "option bad is bad")
}

func TestEqualOptionsGoOnUndisturbed_S35(t *testing.T) {
	c := &counting{}
	s := newSet(t, clock.System(), c.kind(time.Second))
	for range 10 {
		_, err := s.Start("counting", monitor.Options{"addr": "0", "timeout": int64(5)})
		require.NoError(t, err)
		eventually(t, s, "counting", "action 1")
	}
	_, err := s.Start("counting", monitor.Options{"addr": "1", "timeout": int64(5)})
	require.NoError(t, err)
	text, _ := s.Status("counting")
	require.NotEqual(t, "action 1", text, "a result of the old options must not be shown for the new ones")
	eventually(t, s, "counting", "action 11")
}

// An agent that restarts every 10 s while the VM driver hangs must not pile up threads.
func TestRestartsDuringAHangDoNotPileUp_S35(t *testing.T) {
	c := &counting{block: make(chan struct{})}
	s := newSet(t, clock.System(), c.kind(soon))
	for i := range 50 {
		_, err := s.Start("counting", monitor.Options{"n": int64(i)})
		require.NoError(t, err)
		if i%7 == 1 {
			s.Stop("counting")
		}
	}
	require.Eventually(t, func() bool { return c.running.Load() == 1 }, patience, time.Millisecond)
	time.Sleep(5 * soon)
	require.EqualValues(t, 1, c.begun.Load(), "one measurement hangs, and no second one is begun beside it")
	text, _ := s.Status("counting")
	require.Equal(t, "unknown: no result yet", text)

	close(c.block)
	eventually(t, s, "counting", "action 50")
	require.False(t, c.overlap.Load())
}

func TestALateResultOfAStoppedSubmonitorIsDropped(t *testing.T) {
	c := &counting{block: make(chan struct{})}
	s := newSet(t, clock.System(), c.kind(soon))
	_, err := s.Start("counting", monitor.Options{"n": int64(1)})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return c.running.Load() == 1 }, patience, time.Millisecond)
	s.Stop("counting")
	close(c.block)
	require.Eventually(t, func() bool { return c.running.Load() == 0 }, patience, time.Millisecond)
	require.Empty(t, s.Results())
}

func TestADeadlineMakesTheValueUnknown_S24(t *testing.T) {
	c := &counting{}
	reported := make(chan error, 1000)
	s, err := monitor.New(clock.System(), time.Minute, func(_ string, err error) { reported <- err }, c.kind(soon))
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close(t.Context())) }()
	_, err = s.Start("counting", nil)
	require.NoError(t, err)
	eventually(t, s, "counting", "action 1")
	c.fail.Store(true)
	require.Eventually(t, func() bool {
		r := s.Results()
		return r[0].Problem != "" && r[0].Text == "unknown: "+r[0].Problem
	}, patience, time.Millisecond)
	require.Contains(t, s.Results()[0].Problem, "no answer within 5ms")
	require.ErrorIs(t, <-reported, context.DeadlineExceeded)
	c.fail.Store(false)
	eventually(t, s, "counting", "action 1")
}

func TestAnOldResultIsUnknown_S24(t *testing.T) {
	clk := clock.NewFake(clock.Mono(time.Hour), time.Unix(0, 0))
	c := &counting{}
	kind := c.kind(time.Second)
	kind.Interval = time.Hour
	s := newSet(t, clk, kind)
	_, err := s.Start("counting", nil)
	require.NoError(t, err)
	eventually(t, s, "counting", "action 1")
	clk.Advance(30 * time.Second)
	eventually(t, s, "counting", "action 1")
	clk.Advance(time.Second)
	eventually(t, s, "counting", "unknown: the last result is older than 30s")
}

func TestAPanicCostsOneResult(t *testing.T) {
	kind := (&counting{}).kind(time.Second)
	kind.New = func(monitor.Options) (monitor.Action, error) { return panicking{}, nil }
	s := newSet(t, clock.System(), kind)
	_, err := s.Start("counting", nil)
	require.NoError(t, err)
	eventually(t, s, "counting", "unknown: panic: boom")
}

type panicking struct{}

func (panicking) Measure(context.Context) (string, error) { panic("boom") }

func TestCloseIsBounded(t *testing.T) {
	c := &counting{block: make(chan struct{})}
	s, err := monitor.New(clock.System(), time.Second, nil, c.kind(soon))
	require.NoError(t, err)
	_, err = s.Start("counting", nil)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return c.running.Load() == 1 }, patience, time.Millisecond)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	require.ErrorContains(t, s.Close(ctx), "abandoned at the end: counting")
	_, err = s.Start("counting", nil)
	require.ErrorContains(t, err, "ending")
	close(c.block) // lets the abandoned goroutine end, for goleak
}

func TestAnIncompleteKindIsRefused(t *testing.T) {
	_, err := monitor.New(clock.System(), time.Second, nil, monitor.Kind{Type: "x"})
	require.ErrorContains(t, err, `type "x" is incomplete`)
	k := (&counting{}).kind(time.Second)
	_, err = monitor.New(clock.System(), time.Second, nil, k, k)
	require.ErrorContains(t, err, "twice")
}
