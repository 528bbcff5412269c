package agent

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
)

// peerSegment is what a peer publishes.
func peerSegment(t testing.TB, id int, timestamp int64, score int, engine string) []byte {
	t.Helper()
	r := whiteboard.Record{Timestamp: timestamp, HostID: id, Score: score, EngineStatus: engine, HostName: fmt.Sprintf("host%d", id)}
	segment, err := whiteboard.Encode(r, r.HumanPart(time.Unix(0, 0), time.Unix(0, 0)))
	require.NoError(t, err)
	return segment[:]
}

const (
	upGood = `{"vm": "up", "health": "good", "detail": "Up"}`
	isDown = `{"vm": "down", "health": "bad", "detail": "unknown", "reason": "vm not running on this host"}`
)

func TestOneBadSegmentSpoilsNoOther_S13(t *testing.T) {
	good := peerSegment(t, 2, 100, 3400, upGood)
	torn := append([]byte(nil), peerSegment(t, 3, 100, 3400, isDown)...)
	torn[5] ^= 1
	foreign := peerSegment(t, 9, 100, 3400, isDown)
	tooNew := append([]byte("2|1|"), good[4:]...)
	c := readCluster(1, 10, 20, View{ReadAge: 5, Segments: []Segment{
		{HostID: 8, Data: good[:300]},
		{HostID: 7, Data: []byte{0xff, 0xfe}},
		{HostID: 6, Data: tooNew},
		{HostID: 5, Data: foreign},
		{HostID: 4, Data: nil},
		{HostID: 3, Data: torn},
		{HostID: 2, Data: good},
		{HostID: 2, Data: torn},
		{HostID: -1, Data: good},
		{HostID: 2001, Data: good},
		{HostID: 10, Data: peerSegment(t, 10, 7, 0, `{"vm": "gone", "health": "odd", "detail": 5}`)},
		{HostID: 11, Data: peerSegment(t, 11, 7, 0, "null")},
	}})
	require.Equal(t, []int{2, 10, 11}, ids(c.Peers))
	require.Equal(t, whiteboard.EngineStatus{VM: "up", Health: "good", Detail: "Up"}, c.Peers[0].Engine)
	require.Equal(t, "unknown", c.Peers[1].Engine.VM, "a status that cannot be read is unknown; the host lives")
	require.Equal(t, "unknown", c.Peers[2].Engine.VM)
	require.Len(t, c.Ignored, 5, "each with its reason; an absent segment is not worth one: %q", c.Ignored)
}

func TestOwnSegmentIsNoPeer(t *testing.T) {
	c := readCluster(2, 10, 20, View{ReadAge: 5, Segments: []Segment{{HostID: 2, Data: peerSegment(t, 2, 100, 3400, upGood), DurableAge: -1}}})
	require.Empty(t, c.Peers)
	require.Equal(t, int64(100), c.OwnTimestamp)
	require.Zero(t, c.DurableAt)
}

func TestCorruptGlobalBlockDoesNotEndMaintenance(t *testing.T) {
	f := facts{}
	view := func(segments ...Segment) {
		f.view(1, 100, ViewAnswer{Sent: 90, View: View{ReadAge: 1, Segments: segments}}, testTiming())
	}
	on := whiteboard.EncodeGlobal(whiteboard.Global{Maintenance: true})
	view(Segment{Data: on[:]})
	require.True(t, f.globalMaintenance)
	view(Segment{Data: []byte("maint")})
	require.True(t, f.globalMaintenance)
	require.Contains(t, f.cluster.Global.Failure, "its last known value stays")
	view()
	require.False(t, f.globalMaintenance, "a global block that is gone means no maintenance")
}

func TestViewOfABrokerThatHasReadNothingYet(t *testing.T) {
	f := facts{}
	second := clock.Mono(time.Second)
	on := whiteboard.EncodeGlobal(whiteboard.Global{Maintenance: true})
	f.view(1, 100*second, ViewAnswer{Sent: 100 * second, View: View{ReadAge: 0, Segments: []Segment{
		{HostID: 0, Data: on[:]}, {HostID: 2, Data: peerSegment(t, 2, 100, 3400, upGood)},
	}}}, testTiming())
	f.view(1, 110*second, ViewAnswer{Sent: 110 * second, View: View{ReadAge: -1, Lease: Lease{State: "joining"}}}, testTiming())
	age, ok := f.viewAge(110 * second)
	require.True(t, ok)
	require.Equal(t, 10*time.Second, age, "what the broker before it saw is as old as it is")
	require.Equal(t, []int{2}, ids(f.cluster.Peers))
	require.True(t, f.globalMaintenance)
	require.Equal(t, "joining", f.cluster.Lease.State)
	require.True(t, f.blind(131*second, 30*time.Second))
}

func TestNothingSeemsFresherThanItIs(t *testing.T) {
	second := clock.Mono(time.Second)
	require.Equal(t, 85*second, observedAt(90*second, 100*second, 0, 5*time.Second), "from the beginning of the call")
	require.Equal(t, 90*second, observedAt(90*second, 100*second, 95*second, 5*time.Second), "from when the broker made it")
	require.Equal(t, 45*second, observedAt(90*second, 100*second, 50*second, 5*time.Second), "even if that is long ago")
	require.Equal(t, 85*second, observedAt(90*second, 100*second, 101*second, 5*time.Second), "but not if it is in the future")
	require.Zero(t, observedAt(90*second, 100*second, 95*second, -1))
	require.Equal(t, clock.Mono(1), observedAt(5, 6, 0, time.Hour), "before boot, but not never")
}

func TestRankIsTotal_S13(t *testing.T) {
	for want, statuses := range [][]whiteboard.EngineStatus{
		{{VM: "unknown", Health: "unknown"}, {}, {VM: "up", Health: "unknown"}, {VM: "up", Health: "splendid"}, {VM: "sideways", Health: "good"}},
		{{VM: "down", Health: "bad"}, {VM: "down_unexpected", Health: "bad"}, {VM: "down_missing", Health: "bad", Detail: "Paused"}},
		{{VM: "up", Health: "bad", Detail: "Paused"}, {VM: "up", Health: "good", Detail: "Paused"}},
		{{VM: "up", Health: "bad", Detail: "Up"}},
		{{VM: "up", Health: "good", Detail: "Up"}},
	} {
		for _, status := range statuses {
			require.Equal(t, want, rank(status), "%+v", status)
		}
	}
}

func TestBestEngine(t *testing.T) {
	peer := func(id int, vm, health string) Peer {
		return Peer{HostID: id, Engine: whiteboard.EngineStatus{VM: vm, Health: health, Detail: "Up"}}
	}
	up, bad, down := peer(2, "up", "good"), peer(3, "up", "bad"), peer(4, "down", "bad")
	require.Equal(t, BestEngine{Up: true, Local: true, HostID: 1}, bestEngine(1, 4, true, []Peer{up}), "the local one wins a tie")
	require.Equal(t, BestEngine{Up: true, HostID: 2}, bestEngine(1, 3, true, []Peer{up, bad, down}))
	require.Equal(t, BestEngine{Up: true, HostID: 3}, bestEngine(1, 1, false, []Peer{bad, peer(5, "up", "bad")}), "the first one wins a tie")
	require.Equal(t, BestEngine{Local: true, HostID: 1}, bestEngine(1, 1, false, []Peer{down}))
	require.Equal(t, BestEngine{HostID: 4}, bestEngine(1, 0, false, []Peer{down}))
	require.Equal(t, BestEngine{Local: true, HostID: 1}, bestEngine(1, 0, false, nil))
}

// Whatever stands in a segment, reading it ends, and what the core makes of it can be published again (S13).
func FuzzAnySegment(f *testing.F) {
	on := whiteboard.EncodeGlobal(whiteboard.Global{Maintenance: true})
	f.Add(0, on[:])
	f.Add(2, peerSegment(f, 2, 100, 3400, upGood))
	f.Add(3, peerSegment(f, 2, 100, 3400, upGood))
	f.Add(1, []byte("1|1|x|1|y|{}|h"))
	f.Add(2000, []byte{0xff, 0xfe})
	f.Fuzz(func(t *testing.T, id int, data []byte) {
		c, err := New(testSettings())
		require.NoError(t, err)
		for n := range 9 {
			c.Step(at10ths(100*n), tickAt(at10ths(100*n)))
			c.Step(at10ths(100*n), ViewAnswer{Sent: at10ths(100 * n), View: View{Segments: []Segment{{HostID: id, Data: data}, {HostID: 4, Data: data}}}})
			for _, p := range only[Publish](c.Step(at10ths(100*n+60), tickAt(at10ths(100*n+60)))) {
				_, err := whiteboard.Decode(1, p.Segment[:])
				require.NoError(t, err)
			}
		}
	})
}
