package broker

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
)

func all(int) bool { return true } // every segment may be written

// Upstream's writer has one slot for everything: the agent's own record, put while storage was blocked, threw the
// operator's global maintenance away.
func TestMailboxKeepsGlobalMaintenance_S7(t *testing.T) {
	var m mailbox
	maintenance := &version{number: 1, segment: 0, data: segment(on())}
	m.put(maintenance)
	for n := range uint64(5) {
		m.put(&version{number: 2 + n, segment: 3, data: segment(nil)})
	}
	require.Same(t, maintenance, m.take(0, all), "global maintenance must still be there, and first")
	own := m.take(0, all)
	require.EqualValues(t, 6, own.number, "of the own records only the newest waits")
	require.Nil(t, m.take(0, all))
}

func TestMailboxNewerReplacesOlderInPlace(t *testing.T) {
	var m mailbox
	m.put(&version{number: 1, segment: 3})
	m.put(&version{number: 2, segment: 0})
	m.put(&version{number: 3, segment: 3})
	require.EqualValues(t, 3, m.take(0, all).number, "a replaced record keeps its turn")
	require.EqualValues(t, 2, m.take(0, all).number)
}

func TestMailboxBackOffDoublesAndSurvivesReplacement(t *testing.T) {
	var m mailbox
	now := clock.Mono(100 * time.Second)
	v := &version{number: 1, segment: 3}
	m.put(v)
	for i, want := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
		want *= time.Second
		require.NotNil(t, m.take(now, all), "try %d", i)
		m.failed(now, v, "EIO", time.Second, 30*time.Second)
		m.put(&version{number: uint64(10 + i), segment: 3}) // the agent goes on putting
		require.Nil(t, m.take(now.Add(want-1), all), "failure %d: a newer record must not cut the pause short", i+1)
		now = now.Add(want)
	}
	require.NotNil(t, m.take(now, all))
	m.written(3)
	m.put(v)
	require.NotNil(t, m.take(now, all), "after a success there is no pause")
}

func TestMailboxOneSegmentsPauseDoesNotHoldUpTheOther(t *testing.T) {
	var m mailbox
	v := &version{number: 1, segment: 3}
	m.put(v)
	require.NotNil(t, m.take(0, all))
	m.failed(0, v, "EIO", time.Second, time.Second)
	m.put(&version{number: 2, segment: 0})
	require.EqualValues(t, 2, m.take(0, all).number)
}

func TestMailboxCopyIsIndependent(t *testing.T) {
	var m mailbox
	m.put(&version{number: 1, segment: 3})
	before := m.String()
	c := m
	c.put(&version{number: 2, segment: 3})
	c.put(&version{number: 3, segment: 0})
	c.take(0, all)
	require.Equal(t, before, m.String())
}

// The model: for each segment the newest record that was put and not written; the order in which segments that wait
// began to wait.
func TestMailboxAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var m mailbox
		now := clock.Mono(time.Hour)
		newest := map[int]uint64{} // waiting, by segment
		queue := []int{}           // segments in the order in which they began to wait
		pausedUntil := map[int]clock.Mono{}
		failures := map[int]int{}
		var flying *version
		number := uint64(0)
		segmentGen := rapid.SampledFrom([]int{0, 1, 7, whiteboard.MaxHostID})
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				number++
				s := segmentGen.Draw(t, "segment")
				m.put(&version{number: number, segment: s})
				if _, waits := newest[s]; !waits {
					queue = append(queue, s)
				}
				newest[s] = number
			},
			"time passes": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(1, 5000).Draw(t, "ms")) * time.Millisecond)
			},
			"take": func(t *rapid.T) {
				if flying != nil {
					t.Skip("one write at a time")
				}
				forbidden := segmentGen.Draw(t, "forbidden")
				got := m.take(now, func(s int) bool { return s != forbidden })
				want := -1
				for i, s := range queue {
					if s != forbidden && now >= pausedUntil[s] {
						want = i
						break
					}
				}
				if want < 0 {
					require.Nil(t, got)
					return
				}
				require.NotNil(t, got, "segment %d must be written now", queue[want])
				require.Equal(t, queue[want], got.segment, "not its turn")
				require.Equal(t, newest[got.segment], got.number, "not the newest record of segment %d", got.segment)
				delete(newest, got.segment)
				queue = append(queue[:want:want], queue[want+1:]...)
				flying = got
			},
			"succeed": func(t *rapid.T) {
				if flying == nil {
					t.Skip("nothing in flight")
				}
				m.written(flying.segment)
				failures[flying.segment], pausedUntil[flying.segment] = 0, 0
				flying = nil
			},
			"fail": func(t *rapid.T) {
				if flying == nil {
					t.Skip("nothing in flight")
				}
				s := flying.segment
				m.failed(now, flying, fmt.Sprintf("segment %d", s), time.Second, 8*time.Second)
				failures[s]++
				pausedUntil[s] = now.Add(min(time.Second<<min(failures[s]-1, 10), 8*time.Second))
				if _, waits := newest[s]; !waits {
					newest[s] = flying.number
					queue = append(queue, s)
				}
				flying = nil
			},
			"": func(t *rapid.T) {
				for _, s := range []int{0, 1, 7, whiteboard.MaxHostID} {
					_, waits := newest[s]
					require.Equal(t, waits, m.waits(s), "segment %d", s)
				}
			},
		})
	})
}
