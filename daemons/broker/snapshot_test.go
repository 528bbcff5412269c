package broker

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// largeCluster is a core with 2000 hosts on its whiteboard and no lease.
func largeCluster(t *testing.T) *rig {
	t.Helper()
	set := testSettings()
	set.LeaseMissing = "no lockspace"
	r := newRig(t, set)
	segments := map[int][]byte{0: on()}
	for id := 1; id <= 2000; id++ {
		segments[id] = record(t, id, 1)
	}
	r.finishRead(segments, nil)
	return r
}

// Upstream copies and decodes everything at every turn.
func TestATickInALargeClusterCostsNothing_S38(t *testing.T) {
	r := largeCluster(t)
	others := []LaneFact{{Name: OVFLane, Segment: -1}, {Name: NotifyLane, Segment: -1, BusySince: r.now}}
	r.step(Tick{})
	var effects []Effect
	allocs := testing.AllocsPerRun(100, func() {
		effects = r.core.Step(r.now, Tick{Others: others})
	})
	require.Empty(t, effects)
	require.Zero(t, allocs)
}

func TestSegmentsArePutTogetherOnlyWhenOneChanged_S38(t *testing.T) {
	r := largeCluster(t)
	before := r.snapshot
	r.step(HostsPushed{Alive: []int{1, 2, 3}})
	require.NotSame(t, before, r.snapshot)
	require.Same(t, &before.Segments[0], &r.snapshot.Segments[0], "the same slice")

	r.mustPut(0, off())
	require.NotSame(t, &before.Segments[0], &r.snapshot.Segments[0])
	require.Equal(t, on(), before.Segments[0].Data[:512], "a snapshot is never changed")
	require.True(t, r.state(0).Pending)
	for i := 1; i <= 2000; i++ {
		require.Same(t, before.Segments[i].Data, r.snapshot.Segments[i].Data, "segment %d did not change", i)
	}
	before = r.snapshot
	r.finishWrite(nil)
	require.True(t, r.state(0).Durable)
	require.True(t, before.Segments[0].Pending)
}

func TestASnapshotShowsWhatIsGoingOn(t *testing.T) {
	r := newBareRig(t, testSettings())
	began := r.now
	r.step(Tick{})
	require.Equal(t, Mount{State: "connecting", Since: began}, r.snapshot.Mount)
	require.Equal(t, Domain{State: "never"}, r.snapshot.Domain)
	r.wait(time.Second)
	r.finishMount(nil)
	require.Equal(t, Mount{State: "connected", Since: r.now, Ready: ready()}, r.snapshot.Mount)
	require.Equal(t, began, r.snapshot.Started)
	require.Equal(t, r.now, r.snapshot.Reader.BusySince)
	require.NotEqual(t, clock.Mono(0), r.snapshot.At)
}
