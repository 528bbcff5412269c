package agent

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

const (
	window = 60 * time.Second
	keep   = 900 * time.Second
	gap    = 30 * time.Second
)

// observe adds an observation at second s with one timestamp for each host: -1 is absent.
func observe(h History, s int, timestamps ...int64) (History, []Peer) {
	c := Cluster{ObservedAt: clock.Mono(time.Duration(s) * time.Second)}
	for i, timestamp := range timestamps {
		if timestamp >= 0 {
			c.Peers = append(c.Peers, Peer{HostID: i + 2, Timestamp: timestamp})
		}
	}
	return h.add(c, gap, keep), c.Peers
}

func ids(peers []Peer) []int {
	var all []int
	for _, p := range peers {
		all = append(all, p.HostID)
	}
	return all
}

func TestNobodyIsAliveWithoutAReference(t *testing.T) {
	var h History
	var peers []Peer
	for s := 100; s <= 160; s += 10 {
		h, peers = observe(h, s, int64(s), 7)
		require.Empty(t, h.alive(peers, window), "at %d s", s)
		_, ok := h.reference(window)
		require.False(t, ok, "60 s is not more than 60 s")
	}
	h, peers = observe(h, 161, 161, 7)
	require.Equal(t, []int{2}, ids(h.alive(peers, window)), "host 3 has not changed its timestamp since 100 s")
}

func TestAliveMeansAnotherTimestampThanInTheReference(t *testing.T) {
	var h History
	var peers []Peer
	for s := 0; s <= 600; s += 10 {
		// Host 2 lives. Host 3 dies at 300. Host 4 appears at 300 and never moves. Host 5 runs backwards, as after a reboot.
		three, four := int64(min(s, 300)), int64(-1)
		if s >= 300 {
			four = 5
		}
		h, peers = observe(h, s+1, int64(s), three, four, int64(10000-s))
		switch alive := ids(h.alive(peers, window)); {
		case s <= 60:
			require.Empty(t, alive)
		case s < 300:
			require.Equal(t, []int{2, 3, 5}, alive, "at %d s", s)
		case s <= 360:
			// The reference, 70 s back, does not know host 4 yet, and has another timestamp of host 3.
			require.Equal(t, []int{2, 3, 4, 5}, alive, "at %d s", s)
		case s >= 370:
			require.Equal(t, []int{2, 5}, alive, "at %d s", s)
		}
	}
}

func TestGapBeginsTheHistoryAnew_S37(t *testing.T) {
	var h History
	for s := 1; s <= 101; s += 10 {
		h, _ = observe(h, s, int64(s))
	}
	_, ok := h.reference(window)
	require.True(t, ok)
	h, peers := observe(h, 101+30, 131)
	require.NotEmpty(t, h.alive(peers, window), "a gap of 30 s is allowed")
	h, peers = observe(h, 131+31, 131)
	require.Empty(t, h.alive(peers, window))
	_, ok = h.reference(window)
	require.False(t, ok, "31 s without a view: nothing is known about the time in between")
}

func TestHistoryIgnoresWhatIsNotNew(t *testing.T) {
	h, _ := observe(History{}, 50, 1)
	same, _ := observe(h, 50, 2)
	require.Equal(t, h, same)
	older, _ := observe(h, 49, 2)
	require.Equal(t, h, older)
	require.Equal(t, h, h.add(Cluster{}, gap, keep), "never read")
}

func TestHistoryIsBoundedAndAddLeavesTheOldOneAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h History
		s := 1
		for range rapid.IntRange(1, 300).Draw(t, "observations") {
			s += rapid.IntRange(-3, 40).Draw(t, "later")
			before := len(h.observations)
			next, peers := observe(h, max(s, 1), int64(s))
			require.Len(t, h.observations, before)
			if o, ok := next.reference(window); ok {
				require.Greater(t, next.observations[0].at.Sub(o.at), window)
			} else {
				require.Empty(t, next.alive(peers, window))
			}
			newest, oldest := next.observations[0].at, next.observations[len(next.observations)-1].at
			require.LessOrEqual(t, newest.Sub(oldest), keep)
			h = next
		}
	})
}
