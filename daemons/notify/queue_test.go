package notify

import (
	"bufio"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

func newReplyReader(text string) *bufio.Reader {
	return bufio.NewReaderSize(strings.NewReader(text), maxReplyLine)
}

var (
	limits  = Limits{Length: 3, Attempts: 4, RetryMin: 10 * time.Second, RetryMax: 30 * time.Second}
	errAway = errors.New("away")
	away    = Outcome{Err: errAway, Server: true}
)

func TestADeadServerIsTriedWithPausesAndThenGivenUp(t *testing.T) {
	q := NewQueue(limits)
	now := clock.Mono(time.Hour)
	for _, detail := range []string{"one", "two", "three"} {
		require.True(t, q.Add(notice(detail)))
	}
	require.False(t, q.Add(notice("four")), "no room")
	require.Equal(t, State{Queued: 3, Dropped: 1}, q.State(now))
	began := now
	for i, pause := range []time.Duration{10 * time.Second, 20 * time.Second, 30 * time.Second, 30 * time.Second} {
		try, ok, _ := q.Next(now)
		require.True(t, ok)
		require.Equal(t, "one", try.Notice.Detail, "the order is kept")
		_, ok, at := q.Next(now)
		require.False(t, ok, "one at a time")
		require.Zero(t, at)
		_, verdict, err := q.Done(now, away)
		require.ErrorIs(t, err, errAway)
		require.Equal(t, i == 3, verdict == Dropped)
		_, ok, at = q.Next(now)
		require.False(t, ok, "nor are the others tried while the server is away")
		require.Equal(t, pause, at.Sub(now))
		now = at
	}
	s := q.State(now)
	require.Equal(t, State{Queued: 2, Dropped: 2, Problem: "given up after 4 of 4 attempts: away", Since: began}, s)

	for _, want := range []string{"two", "three"} {
		try, ok, _ := q.Next(now)
		require.True(t, ok)
		require.Equal(t, want, try.Notice.Detail, "the server is back: no more pauses")
		_, verdict, err := q.Done(now, Outcome{Reached: true})
		require.NoError(t, err)
		require.Equal(t, Sent, verdict)
	}
	require.Equal(t, State{Sent: 2, Dropped: 2}, q.State(now))
}

func TestARefusedNoticeDoesNotHoldTheOthersUp(t *testing.T) {
	q := NewQueue(limits)
	q.Add(notice("one"))
	q.Add(notice("two"))
	q.Add(notice("three"))
	q.Next(0)
	_, verdict, _ := q.Done(0, Outcome{Err: errAway, Settled: []string{"a@example.org"}})
	require.Equal(t, Delayed, verdict)
	try, ok, _ := q.Next(0)
	require.True(t, ok)
	require.Equal(t, "two", try.Notice.Detail)
	_, verdict, err := q.Done(0, Outcome{Err: errAway, Final: true})
	require.Equal(t, Dropped, verdict)
	require.ErrorContains(t, err, "given up after 1 of 4 attempts")
	q.Next(0)
	_, verdict, _ = q.Done(0, Outcome{Reached: true})
	require.Equal(t, Sent, verdict)
	_, ok, at := q.Next(0)
	require.False(t, ok)
	require.Equal(t, clock.Mono(10*time.Second), at)
	try, ok, _ = q.Next(at)
	require.True(t, ok)
	require.Equal(t, []string{"a@example.org"}, try.Settled)
	require.Equal(t, 1, q.State(at).Dropped)
}

func TestANoticeThatSomebodyGotIsSent(t *testing.T) {
	q := NewQueue(limits)
	q.Add(notice("one"))
	q.Next(0)
	_, verdict, _ := q.Done(0, Outcome{Reached: true, Err: errAway, Settled: []string{"a@example.org"}})
	require.Equal(t, Delayed, verdict)
	try, _, _ := q.Next(clock.Mono(time.Hour))
	require.Equal(t, []string{"a@example.org"}, try.Settled)
	_, verdict, err := q.Done(clock.Mono(time.Hour), Outcome{Err: errAway, Final: true})
	require.Equal(t, Sent, verdict)
	require.ErrorIs(t, err, errAway, "what is said of the others")
	require.Equal(t, State{Sent: 1}, q.State(clock.Mono(time.Hour)))
	_, _, err = q.Done(0, Outcome{})
	require.Error(t, err, "nothing is being tried")
}

// Whatever happens: each notice ends exactly once, nothing is tried too often, and there is never nothing to wait for.
func TestQueueProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := Limits{Length: 4, Attempts: 3, RetryMin: time.Second, RetryMax: 3 * time.Second}
		q := NewQueue(l)
		now, added := clock.Mono(0), 0
		tries := map[string]int{}
		var waiting []string
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "add") {
				name := strconv.Itoa(added)
				added++
				if q.Add(notice(name)) {
					waiting = append(waiting, name)
				}
			}
			try, ok, at := q.Next(now)
			if !ok {
				if len(waiting) > 0 && at <= now {
					t.Fatalf("%d wait, and the next is due at %v, which is not after %v", len(waiting), at, now)
				}
				now += clock.Mono(time.Second)
				continue
			}
			name := try.Notice.Detail
			if tries[name]++; tries[name] > l.Attempts || !slices.Contains(waiting, name) {
				t.Fatalf("%s is tried for the %d. time; waiting: %v", name, tries[name], waiting)
			}
			o := rapid.SampledFrom([]Outcome{{Reached: true}, away, {Err: errAway}, {Err: errAway, Final: true}, {Err: errAway, Reached: true}}).Draw(t, "outcome")
			if _, verdict, _ := q.Done(now, o); verdict != Delayed {
				waiting = slices.DeleteFunc(waiting, func(n string) bool { return n == name })
			}
			if s := q.State(now); s.Queued != len(waiting) || s.Queued+s.Sent+s.Dropped != added {
				t.Fatalf("got %+v of %d, %d waiting", s, added, len(waiting))
			}
		}
	})
}

func TestAFailureIsForgottenOnAQuietCluster(t *testing.T) {
	q := NewQueue(limits)
	now := clock.Mono(time.Hour)
	require.True(t, q.Add(notice("one")))
	for range limits.Attempts {
		if _, ok, at := q.Next(now); !ok {
			now = at
			_, ok, _ = q.Next(now)
			require.True(t, ok)
		}
		_, _, _ = q.Done(now, away)
	}
	failed := q.State(now)
	require.Equal(t, 1, failed.Dropped)
	require.NotEmpty(t, failed.Problem)
	later := now.Add(remembered * limits.RetryMax)
	require.Equal(t, failed, q.State(later), "long enough for people to see it")
	later = later.Add(time.Second)
	require.Equal(t, State{Dropped: 1}, q.State(later), "and not for ever")

	require.True(t, q.Add(notice("two")))
	_, ok, _ := q.Next(later)
	require.True(t, ok)
	require.Equal(t, State{Queued: 1, Dropped: 1}, q.State(later))
	_, _, _ = q.Done(later, away)
	require.Equal(t, later, q.State(later).Since, "a new failure is not the old one")
	require.Equal(t, "away", q.State(later.Add(time.Minute)).Problem)
}
