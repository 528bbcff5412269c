package broker

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStopDrainsThenReleases_S5_S19(t *testing.T) {
	r := newRig(t, testSettings())
	r.hold()
	r.mustPut(3, record(t, 3, 100))
	r.mustPut(0, on())
	r.step(Stop{})
	require.Nil(t, r.stopped)
	r.finishWrite(nil)
	require.Equal(t, 0, r.writing.Segment)
	if r.leasing == LeasePoll {
		r.finishLease(SeenHeld, nil)
	}
	require.Equal(t, LeaseLeave, r.leasing, "segment 0 needs no lease")
	r.finishLease(0, nil)
	r.poll(SeenRemoving)
	require.Nil(t, r.stopped)
	r.finishWrite(nil)
	r.poll(SeenAbsent)
	require.Equal(t, &Stopped{Clean: true}, r.stopped)
	require.Nil(t, r.writing)
}

func TestStopWithNothingToDoIsImmediate(t *testing.T) {
	r := newRig(t, testSettings())
	r.step(Tick{})
	r.finishLease(SeenAbsent, nil)
	r.step(Stop{})
	require.Equal(t, &Stopped{Clean: true}, r.stopped, "even with a pass in flight")
	require.True(t, r.reading)
}

func TestStopDoesNotWaitForAStuckWriter_S5(t *testing.T) {
	r := newRig(t, testSettings())
	r.hold()
	r.mustPut(3, record(t, 3, 100))
	began := r.now
	r.step(Stop{})
	for r.stopped == nil {
		r.wait(100 * time.Millisecond)
		if r.leasing == LeasePoll && r.core.lease.state == Leaving {
			r.finishLease(SeenAbsent, nil)
		} else if r.leasing != 0 {
			r.finishLease(SeenHeld, nil)
		}
		require.LessOrEqual(t, r.now.Sub(began), 10*time.Second, "shutdown_grace")
	}
	require.False(t, r.stopped.Clean, "it gave up a record")
	require.Contains(t, r.stopped.Detail, "ha-writer has been in a write of segment 3")
	require.Equal(t, None, r.core.lease.state, "but released the lease")
	require.LessOrEqual(t, r.now.Sub(began), 6*time.Second, "drain limit and the removal")
}

func TestStopGivesUpOnASilentSanlock(t *testing.T) {
	r := newRig(t, testSettings())
	r.hold()
	began := r.now
	r.step(Stop{})
	for r.stopped == nil {
		r.wait(time.Second)
		if r.leasing != 0 {
			r.finishLease(0, errors.New("timeout"))
		}
		require.LessOrEqual(t, r.now.Sub(began), 10*time.Second)
	}
	require.False(t, r.stopped.Clean)
	require.Contains(t, r.stopped.Detail, "lease is still leaving")
}

// Pauses after errors may be longer than an end may take: each record has one more try.
func TestStopTriesARecordThatPauses(t *testing.T) {
	for _, segment := range []int{0, 3} {
		t.Run(fmt.Sprintf("segment %d", segment), func(t *testing.T) {
			r := newRig(t, testSettings())
			r.hold()
			data := on()
			if segment == 3 {
				data = record(t, 3, 100)
			}
			r.mustPut(segment, data)
			for r.core.mail.cellOf(segment).failures < 6 {
				r.wait(100 * time.Millisecond)
				if r.writing != nil {
					r.finishWrite(errIO)
				}
				if r.leasing != 0 {
					r.finishLease(SeenHeld, nil)
				}
			}
			require.Nil(t, r.writing)
			r.step(Stop{})
			require.NotNil(t, r.writing, "the pause lasts longer than the end")
			r.finishWrite(nil)
			if r.leasing == LeasePoll {
				r.finishLease(SeenHeld, nil)
			}
			r.finishLease(0, nil)
			r.poll(SeenAbsent)
			require.Equal(t, &Stopped{Clean: true}, r.stopped)
		})
	}
}

func TestReleaseTriesARecordThatPauses(t *testing.T) {
	r := newRig(t, testSettings())
	r.hold()
	r.mustPut(3, record(t, 3, 100))
	r.finishWrite(errIO)
	require.Nil(t, r.writing)
	r.release()
	require.NotNil(t, r.writing, "peers wait for the stopped record")
}

func TestStopLeavesTheLeaseToARunningEngine(t *testing.T) {
	r := newRig(t, testSettings())
	r.hold()
	r.step(Stop{})
	require.Equal(t, LeaseLeave, r.leasing)
	r.finishLease(0, fmt.Errorf("%w: the engine", ErrLeaseInUse))
	require.NotNil(t, r.stopped)
	require.True(t, r.stopped.Clean, "meant, not given up")
	require.Contains(t, r.stopped.Detail, "stays with sanlock")
}

func TestStopTwiceIsStopOnce(t *testing.T) {
	r := newRig(t, testSettings())
	r.hold()
	r.step(Stop{})
	until := r.core.stop.until
	r.wait(time.Second)
	r.step(Stop{})
	require.Equal(t, until, r.core.stop.until, "a second signal must not lengthen the end")
	require.False(t, r.lock().OK)
}

func TestACoreCanBeCopied(t *testing.T) {
	r := newRig(t, testSettings())
	r.hold()
	r.mustPut(3, record(t, 3, 100))
	r.mustPut(0, on())
	before := r.core.String()
	snap := r.core.Snapshot(r.now)
	fork := r.core
	for _, ev := range []Event{
		Put{Segment: 3, Data: record(t, 3, 200)},
		Put{Segment: 0, Data: off()},
		WriteDone{Segment: 3, Ended: r.now},
		ReleaseWanted{},
		HostsPushed{Alive: []int{9}},
		ReadDone{Err: errIO},
		WriteDone{Segment: 0, Err: errIO},
		Stop{},
	} {
		fork.Step(r.now.Add(time.Minute), ev)
	}
	require.Equal(t, before, r.core.String(), "stepping a copy must not change the original")
	require.Equal(t, snap, r.core.Snapshot(r.now))
	require.NotEqual(t, before, fork.String())
}

func TestSettingsAreChecked(t *testing.T) {
	require.NoError(t, testSettings().Check())
	for name, change := range map[string]func(*Settings){
		"host id 0":         func(s *Settings) { s.HostID = 0 },
		"host id 2001":      func(s *Settings) { s.HostID = 2001 },
		"no delay":          func(s *Settings) { s.StorageDelay = 0 },
		"retry upside down": func(s *Settings) { s.RetryMin = time.Hour },
		"drain over stop":   func(s *Settings) { s.DrainLimit = time.Hour },
	} {
		set := testSettings()
		change(&set)
		require.Error(t, set.Check(), name)
		_, err := NewCore(set, 0)
		require.Error(t, err, name)
	}
}
