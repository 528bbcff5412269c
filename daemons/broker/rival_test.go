package broker

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/health"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
)

// untilLease answers lease operations and passes until an operation of the given kind is in flight.
func (r *rig) untilLease(want LeaseOp, seen LeaseSeen) {
	r.t.Helper()
	for range 2000 {
		switch r.leasing {
		case want:
			return
		case 0:
			r.wait(100 * time.Millisecond)
		default:
			r.finishLease(seen, nil)
		}
		if r.reading {
			r.finishRead(nil, nil)
		}
	}
	r.t.Fatalf("no %v in 200 s", want)
}

func (r *rig) examined(owner LeaseOwner, err error) {
	r.t.Helper()
	require.Equal(r.t, LeaseExamine, r.leasing)
	r.leasing = 0
	r.step(LeaseObserved{Op: LeaseExamine, Owner: owner, Err: err, Started: r.now, Ended: r.now})
}

// A join that fails because another host lives with this host id fails silently: sanlock writes it to its log only. The
// lease on storage tells.
func TestAnotherHostWithTheSameHostIDIsNamed(t *testing.T) {
	r := newRig(t, testSettings())
	r.finishRead(nil, nil)
	r.step(LockWanted{HostID: 3})
	r.untilLease(LeaseJoin, SeenAbsent)
	r.finishLease(0, nil)
	r.poll(SeenAdding)
	r.poll(SeenAbsent)
	require.Equal(t, None, r.core.lease.state)
	require.Equal(t, LeaseExamine, r.leasing)
	r.examined(LeaseOwner{Name: "other.example", Timestamp: 5000, Generation: 7}, nil)
	require.Contains(t, r.snapshot.Lease.Detail, `"other.example"`)
	require.Contains(t, r.snapshot.Lease.Detail, "not known yet")
	require.Equal(t, "other.example", r.snapshot.Lease.Owner.Name)
	require.False(t, r.warns(health.HostIDTaken), "it may be this very host before a reboot")

	r.untilLease(LeaseJoin, SeenAbsent)
	r.finishLease(0, nil)
	r.poll(SeenAdding)
	r.poll(SeenAbsent)
	r.untilLease(LeaseExamine, SeenAbsent)
	r.examined(LeaseOwner{Name: "other.example", Timestamp: 5020, Generation: 7}, nil)
	require.True(t, r.warns(health.HostIDTaken))
	require.False(t, r.warns(health.LeasePending), "the other host is the cause")
	require.Contains(t, r.snapshot.Lease.Detail, `host "other.example" holds the lease of host id 3 and renews it`)
	require.Contains(t, r.lock().Reason, "other.example", "who asks is told")

	// The other host goes away.
	r.untilLease(LeaseJoin, SeenAbsent)
	r.finishLease(0, nil)
	r.poll(SeenHeld)
	require.False(t, r.warns(health.HostIDTaken))
	require.Zero(t, r.snapshot.Lease.Owner)
	for range 100 {
		require.NotEqual(t, LeaseExamine, r.leasing, "nothing to wonder about while it is held")
		r.poll(SeenHeld)
	}
}

func TestAJoinThatTakesLongSaysWhoIsInTheWay(t *testing.T) {
	r := newRig(t, testSettings())
	r.step(LockWanted{HostID: 3})
	r.untilLease(LeaseJoin, SeenAbsent)
	r.finishLease(0, nil)
	joined := r.now
	r.untilLease(LeaseExamine, SeenAdding)
	require.GreaterOrEqual(t, r.now.Sub(joined), 30*time.Second, "a join takes 20 s when nobody is in the way")
	mine := LeaseOwner{Name: "host3-before-the-crash", Timestamp: 77, Generation: 2}
	r.examined(mine, nil)
	require.Equal(t, Joining, r.core.lease.state)
	r.untilLease(LeaseExamine, SeenAdding)
	r.examined(mine, nil)
	require.Contains(t, r.snapshot.Lease.Detail, "does not renew it; sanlock waits until it has expired")
	require.False(t, r.warns(health.HostIDTaken))
	r.untilLease(LeaseExamine, SeenAdding)
	r.examined(LeaseOwner{Name: mine.Name, Generation: 2}, nil)
	require.Contains(t, r.snapshot.Lease.Detail, "is free")
	r.poll(SeenHeld)
	require.Equal(t, Held, r.core.lease.state)
}

func TestSanlocksOwnWordThatTheHostIDIsTaken(t *testing.T) {
	r := newRig(t, testSettings())
	r.finishRead(nil, nil)
	r.step(LockWanted{HostID: 3})
	r.untilLease(LeaseJoin, SeenAbsent)
	r.finishLease(0, fmt.Errorf("%w: sanlock error -262", ErrHostIDTaken))
	require.True(t, r.warns(health.HostIDTaken))
	r.examined(LeaseOwner{Name: "other.example", Timestamp: 5000, Generation: 7}, nil)
	require.Contains(t, r.core.rivalText(r.now), "other.example")
}

// Reading the lease is a read of storage. While storage hangs or fails it would hold up the lane that has to join.
func TestTheLeaseIsNotLookedAtWhileStorageDoesNotAnswer(t *testing.T) {
	r := newRig(t, testSettings())
	r.step(LockWanted{HostID: 3})
	for range 600 {
		require.NotEqual(t, LeaseExamine, r.leasing)
		switch r.leasing {
		case 0:
			r.wait(100 * time.Millisecond)
		case LeaseJoin:
			r.finishLease(0, errIO)
		default:
			r.finishLease(SeenAbsent, nil)
		}
	}
	require.True(t, r.reading, "hangs since the start")
	r.finishRead(nil, nil)
	r.waitForRead()
	r.finishRead(nil, nil)
	r.untilLease(LeaseExamine, SeenAbsent)
	r.examined(LeaseOwner{}, errIO)
	require.Contains(t, r.snapshot.Lease.Detail, "cannot be read")
}

func TestTheLeaseIsNotLookedAtOnceAPassIsStalled(t *testing.T) {
	r := newRig(t, testSettings())
	r.finishRead(nil, nil)
	r.finishLease(SeenAbsent, nil)
	r.wait(10 * time.Second)
	if r.leasing != 0 {
		r.finishLease(SeenAbsent, nil)
	}
	r.wait(5100 * time.Millisecond)
	require.True(t, r.core.reader.stall)
	require.LessOrEqual(t, r.now.Sub(r.core.reader.lastAt), 30*time.Second, "the view is still young")
	if r.leasing != 0 {
		r.finishLease(SeenAbsent, nil)
	}
	r.step(LockWanted{HostID: 3})
	r.untilLeaseOnly(LeaseJoin)
	r.finishLease(0, errIO)
	for range 50 {
		r.wait(100 * time.Millisecond)
		require.NotEqual(t, LeaseExamine, r.leasing)
		if r.leasing != 0 {
			r.finishLease(SeenAbsent, nil)
		}
	}
}

// untilLeaseOnly is untilLease for tests in which the reader hangs.
func (r *rig) untilLeaseOnly(want LeaseOp) {
	r.t.Helper()
	for range 100 {
		if r.leasing == want {
			return
		}
		if r.leasing != 0 {
			r.finishLease(SeenAbsent, nil)
		}
		r.wait(100 * time.Millisecond)
	}
	r.t.Fatalf("no %v in 10 s", want)
}

func namedRecord(t *testing.T, hostID int, name string, timestamp int64) []byte {
	t.Helper()
	wall := time.Unix(1_700_000_000, 0).UTC()
	s, err := whiteboard.Encode(whiteboard.Record{Timestamp: timestamp, HostID: hostID, Score: 3400, EngineStatus: `null`, HostName: name},
		whiteboard.Human{Timestamp: timestamp, HostID: hostID, Score: 3400, TimestampWall: wall, ConfWall: wall})
	require.NoError(t, err)
	return s[:]
}

func TestAnotherHostThatPublishesInTheOwnSegmentIsNamed(t *testing.T) {
	r := newRig(t, testSettings())
	r.hold()
	r.finishRead(map[int][]byte{3: namedRecord(t, 3, "other", 10)}, nil)
	require.Empty(t, r.core.stranger(), "this host's own name is not known yet")
	r.mustPut(3, record(t, 3, 100))
	require.Contains(t, r.core.stranger(), `record of host "other", this host is "host3"`)
	require.True(t, r.warns(health.SegmentOverwritten))
	require.False(t, r.warns(health.HostIDTaken), "it may be that of the machine which had the host id before")
	r.finishWrite(nil)
	r.wait(10 * time.Second)
	r.finishRead(map[int][]byte{3: record(t, 3, 100)}, nil)
	require.False(t, r.warns(health.SegmentOverwritten))

	r.wait(10 * time.Second)
	r.finishRead(map[int][]byte{3: namedRecord(t, 3, "other", 20)}, nil)
	require.True(t, r.warns(health.HostIDTaken))
	require.True(t, r.warns(health.SegmentOverwritten))
	require.Contains(t, r.core.rivalText(r.now), `host "other" publishes with host id 3`)
	r.finishWrite(nil)
	r.wait(10 * time.Second)
	r.finishRead(map[int][]byte{3: record(t, 3, 100)}, nil)
	require.True(t, r.warns(health.HostIDTaken), "two that write in turns must not make it flicker")
	for range 60 {
		r.wait(time.Second)
		if r.leasing != 0 {
			r.finishLease(SeenHeld, nil)
		}
		if r.reading {
			r.finishRead(map[int][]byte{3: record(t, 3, 100)}, nil)
		}
	}
	require.False(t, r.warns(health.HostIDTaken), "it is gone")
}

func TestTheRecordOfTheMachineBeforeIsNoRival(t *testing.T) {
	r := newRig(t, testSettings())
	r.mustPut(3, record(t, 3, 100))
	for range 3 {
		r.finishRead(map[int][]byte{3: namedRecord(t, 3, "the machine before", 10)}, nil)
		require.True(t, r.warns(health.SegmentOverwritten))
		require.False(t, r.warns(health.HostIDTaken), "it does not change, so nobody lives there")
		r.wait(10 * time.Second)
	}
	r.finishRead(map[int][]byte{3: namedRecord(t, 3, "the machine before", 20)}, nil)
	require.True(t, r.warns(health.HostIDTaken), "now it does")
}

func TestARecordOfAnotherHostIDInTheOwnSegmentIsNamed_S15(t *testing.T) {
	r := newRig(t, testSettings())
	r.finishRead(map[int][]byte{3: namedRecord(t, 8, "stray", 10)}, nil)
	require.True(t, r.warns(health.SegmentOverwritten))
	require.Contains(t, r.core.stranger(), `host id 8, host name "stray"`)
}

func TestTheOwnRecordOfAnEarlierProcessIsNoStranger(t *testing.T) {
	r := newRig(t, testSettings())
	r.hold()
	r.finishRead(map[int][]byte{3: record(t, 3, 50)}, nil)
	r.mustPut(3, record(t, 3, 100))
	require.False(t, r.warns(health.SegmentOverwritten))
	require.Empty(t, r.core.stranger())
}
