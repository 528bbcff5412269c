package broker

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/health"
)

func TestHostIDsEndWhereTheLockspaceEnds_S29(t *testing.T) {
	for _, tc := range []struct{ sector, align, want int }{
		{512, 0, 2000},
		{512, 1, 2000},
		{512, 8, 2000},
		{4096, 0, 250},
		{4096, 1, 250},
		{4096, 2, 500},
		{4096, 4, 1000},
		{4096, 8, 2000},
	} {
		got, err := MaxHostID(tc.sector, tc.align)
		require.NoError(t, err)
		require.Equal(t, tc.want, got, "%+v", tc)
	}
	for _, bad := range [][2]int{{0, 1}, {1024, 1}, {512, 3}, {4096, -1}, {4096, 16}} {
		_, err := MaxHostID(bad[0], bad[1])
		require.Error(t, err, "%v", bad)
	}
}

func TestAHostIDBeyondTheLockspaceIsRefusedAndSaidWhy_S29(t *testing.T) {
	set := testSettings()
	set.HostID, set.Sector = 300, 4096
	r := newRig(t, set)
	got := r.lock()
	require.False(t, got.OK)
	for _, part := range []string{"host_id 300", "4096", "lockspace_align", "250"} {
		require.Contains(t, got.Reason, part)
	}
	require.True(t, r.warns(health.ConfigBad))
	for range 100 {
		r.poll(SeenAbsent)
		require.NotEqual(t, LeaseJoin, r.leasing)
	}
	require.Contains(t, r.core.board.String(), "lockspace_align")
	r.mustPut(0, on())
	require.NotNil(t, r.writing, "everything else works")

	set.LockspaceAlign = 2
	r = newRig(t, set)
	r.hold()
	require.False(t, r.warns(health.ConfigBad))
}

func TestTheSectorSizeThatTheStorageHasCounts_S29(t *testing.T) {
	set := testSettings()
	set.HostID = 300
	r := newBareRig(t, set)
	token := r.call(time.Minute, func(token Token, until clock.Mono) Event { return LockWanted{Token: token, HostID: 300, Until: until} })
	require.NotZero(t, r.mounting)
	r.mustWait(token)
	r.mounting = 0
	found := ready()
	found.Sector = 4096
	r.step(MountDone{Op: MountConnect, Ready: found})
	r.mustAnswer(token, false, "lockspace_align")
	for range 20 {
		r.poll(SeenAbsent)
		require.NotEqual(t, LeaseJoin, r.leasing, "it was wanted before the sector size was known")
	}
	r.step(Observed{Code: health.ConfigBad, Detail: "broker.conf:3"})
	require.Contains(t, r.core.board.String(), "config-bad(broker.conf:3; host_id 300")
}
