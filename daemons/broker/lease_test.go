package broker

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/health"
)

func TestLockSaysOkOnlyWhenHeld_S2(t *testing.T) {
	r := newRig(t, testSettings())
	require.False(t, r.lock().OK)
	require.Equal(t, LeasePoll, r.leasing, "first it is asked what sanlock holds already")
	r.finishLease(SeenAbsent, nil)
	require.Equal(t, LeaseJoin, r.leasing)
	require.False(t, r.lock().OK)
	r.finishLease(0, nil)
	require.Equal(t, "joining", r.snapshot.Lease.State.String())
	require.False(t, r.lock().OK)
	r.poll(SeenAdding)
	require.False(t, r.lock().OK)
	require.True(t, r.warns(health.LeasePending))
	r.poll(SeenHeld)
	require.True(t, r.lock().OK)
	require.False(t, r.warns(health.LeasePending))
	require.Equal(t, 3, r.snapshot.Lease.HostID)
	require.Equal(t, r.now, r.snapshot.Lease.ConfirmedAt)
}

func TestLockOfAnotherHostIDIsRefused(t *testing.T) {
	r := newRig(t, testSettings())
	got := r.ask(func(token Token) Event { return LockWanted{Token: token, HostID: 4} })
	require.False(t, got.OK)
	require.Contains(t, got.Reason, "which is 3")
	require.False(t, r.core.lease.wanted)
}

func TestALeaseLeftByAnEarlierProcessIsFound(t *testing.T) {
	r := newRig(t, testSettings())
	r.step(Tick{})
	r.finishLease(SeenHeld, nil)
	require.True(t, r.lock().OK, "the lockspace belongs to sanlock and outlives a broker")
}

func TestAFailedJoinIsTriedAgainAndSaysWhy(t *testing.T) {
	r := newRig(t, testSettings())
	r.lock()
	r.finishLease(SeenAbsent, nil)
	r.finishLease(0, errors.New("cannot open the path (sanlock error -19)"))
	require.Equal(t, None, r.core.lease.state)
	require.Contains(t, r.snapshot.Lease.Detail, "-19")
	require.True(t, r.warns(health.LeasePending))
	r.poll(SeenAbsent)
	r.wait(2 * time.Second)
	r.poll(SeenAbsent)
	r.wait(time.Second)
	if r.leasing == LeasePoll {
		r.finishLease(SeenAbsent, nil)
	}
	require.Equal(t, LeaseJoin, r.leasing, "after rejoin_backoff")
	r.finishLease(0, nil)
	require.Equal(t, Joining, r.core.lease.state)
	r.poll(SeenAbsent) // the asynchronous join failed inside sanlock
	require.Equal(t, None, r.core.lease.state)
	require.Contains(t, r.snapshot.Lease.Detail, "sanlock's log")
}

func TestALeaseThatSanlockForgotIsJoinedAgain(t *testing.T) {
	r := newRig(t, testSettings())
	r.hold()
	r.poll(SeenAbsent)
	require.Equal(t, Lost, r.core.lease.state)
	require.True(t, r.warns(health.LeaseLost))
	require.False(t, r.lock().OK)
	r.wait(4 * time.Second)
	if r.leasing == LeasePoll {
		r.finishLease(SeenAbsent, nil)
	}
	require.Zero(t, r.leasing)
	r.wait(time.Second)
	require.Equal(t, LeaseJoin, r.leasing)
	r.finishLease(0, nil)
	require.True(t, r.warns(health.LeaseLost), "still lost while it is joining")
	r.poll(SeenHeld)
	require.False(t, r.warns(health.LeaseLost))
	require.True(t, r.lock().OK)
}

func TestADeadSanlockIsALostLeaseAndASilentOneIsNotAtOnce(t *testing.T) {
	r := newRig(t, testSettings())
	r.hold()
	for r.leasing == 0 {
		r.wait(100 * time.Millisecond)
	}
	r.finishLease(0, errors.New("timeout"))
	require.Equal(t, Held, r.core.lease.state, "silence says nothing about the lease")
	require.True(t, r.core.board.Holds(health.LeaseUnconfirmed))
	for range 100 {
		r.wait(time.Second)
		if r.leasing != 0 {
			r.finishLease(0, errors.New("timeout"))
		}
	}
	require.Equal(t, Lost, r.core.lease.state, "80 s without confirmation is longer than the lease can live")
	r.wait(10 * time.Second)
	r.poll(SeenHeld)
	require.Equal(t, Held, r.core.lease.state)

	for r.leasing == 0 {
		r.wait(100 * time.Millisecond)
	}
	r.finishLease(0, fmt.Errorf("connect: %w", ErrSanlockGone))
	require.Equal(t, Lost, r.core.lease.state)
}

func TestReleaseWritesTheLastRecordFirst_S19(t *testing.T) {
	r := newRig(t, testSettings())
	r.hold()
	r.mustPut(3, record(t, 3, 100))
	r.mustPut(3, record(t, 3, 110)) // the record that says: stopped
	token := r.release()
	require.Equal(t, "leaving", r.snapshot.Lease.State.String())
	r.poll(SeenHeld)
	r.finishWrite(nil)
	require.NotNil(t, r.writing, "the last record must be written before the lease is given back")
	require.NotEqual(t, LeaseLeave, r.leasing)
	r.finishWrite(nil)
	if r.leasing == LeasePoll {
		r.finishLease(SeenHeld, nil)
	}
	require.Equal(t, LeaseLeave, r.leasing)
	r.mustPut(3, record(t, 3, 120))
	require.Nil(t, r.writing, "from here on nothing of the own segment is written")
	r.finishLease(0, nil)
	r.poll(SeenRemoving)
	require.Equal(t, "leaving", r.snapshot.Lease.State.String())
	r.mustWait(token)
	r.poll(SeenAbsent)
	r.mustAnswer(token, true, "")
	require.Equal(t, "none", r.snapshot.Lease.State.String())
	r.wait(time.Minute)
	require.NotEqual(t, LeaseJoin, r.leasing, "released is released")
}

func TestReleaseDoesNotWaitForAStuckWriter(t *testing.T) {
	r := newRig(t, testSettings())
	r.hold()
	r.mustPut(3, record(t, 3, 100))
	r.release()
	r.poll(SeenHeld)
	r.wait(4 * time.Second)
	if r.leasing == LeasePoll {
		r.finishLease(SeenHeld, nil)
	}
	r.wait(time.Second)
	if r.leasing == LeasePoll {
		r.finishLease(SeenHeld, nil)
	}
	require.Equal(t, LeaseLeave, r.leasing)
}

// "ok" means that the lease is gone. A sanlock that has been silent for so long that the lease must have expired has
// released nothing: it may come back and hold it again.
func TestALeaseThatExpiresDuringItsReleaseIsStillToBeLeft(t *testing.T) {
	r := newRig(t, testSettings())
	r.hold()
	r.mustPut(3, record(t, 3, 100)) // and the writer hangs
	for r.core.lease.held && r.now.Sub(r.core.lease.confirmedAt) < testSettings().LeaseLife-3*time.Second {
		r.wait(time.Second)
		if r.leasing != 0 {
			r.finishLease(0, errors.New("timeout"))
		}
	}
	token := r.release()
	r.wait(4 * time.Second)
	require.False(t, r.core.lease.held, "nothing may be written under it any more")
	require.Equal(t, Draining, r.core.lease.state)
	require.Contains(t, r.snapshot.Lease.Detail, "not confirmed by sanlock")
	r.mustWait(token)
	r.waitUntil(func() bool {
		if r.leasing == LeasePoll {
			r.finishLease(0, errors.New("timeout"))
		}
		return r.leasing == LeaseLeave
	})
	r.finishLease(0, nil)
	r.poll(SeenAbsent)
	r.mustAnswer(token, true, "")
}

func TestASanlockThatDiesDuringTheReleaseIsNotCalledARelease(t *testing.T) {
	r := newRig(t, testSettings())
	r.hold()
	r.release()
	r.waitUntil(func() bool {
		if r.leasing == LeaseLeave {
			r.finishLease(0, nil)
		}
		return r.leasing == LeasePoll
	})
	r.finishLease(0, fmt.Errorf("connect: %w", ErrSanlockGone))
	require.Equal(t, None, r.core.lease.state)
	require.Equal(t, "no sanlock renews it any more", r.snapshot.Lease.Detail)
}

// The lane that reads the lease from storage is the one that asks sanlock. It reads only while nothing is held, so a read
// that hangs keeps a lease from being noticed, never from being missed; and everybody is told the truth in time.
func TestALookAtTheLeaseThatHangsHarmsNoJudgement(t *testing.T) {
	hanging := func(t *testing.T) *rig {
		r := newRig(t, testSettings())
		r.finishRead(nil, nil)
		r.step(LockWanted{HostID: 3})
		r.untilLease(LeaseJoin, SeenAbsent)
		r.finishLease(0, nil)
		r.mustPut(3, record(t, 3, 1))
		for range 600 {
			if r.reading {
				r.finishRead(nil, nil)
			}
			switch r.leasing {
			case LeaseExamine:
				require.Equal(t, Joining, r.core.lease.state)
				return r
			case 0:
				r.wait(100 * time.Millisecond)
			default:
				r.finishLease(SeenAdding, nil)
			}
		}
		t.Fatal("the lease is not looked at")
		return nil
	}
	t.Run("nothing is written meanwhile", func(t *testing.T) {
		r := hanging(t)
		require.False(t, r.core.lease.held)
		for range 100 {
			r.wait(time.Second)
			if r.reading {
				r.finishRead(nil, nil)
			}
			require.Nil(t, r.writing)
		}
		require.True(t, r.warns(health.LaneStalled))
		require.False(t, r.lock().OK)
		r.finishLease(0, nil)
		r.poll(SeenHeld)
		require.NotNil(t, r.writing, "and once it is back all is as it should be")
	})
	t.Run("a release tells the truth at its deadline", func(t *testing.T) {
		r := hanging(t)
		token := r.release()
		r.wait(25 * time.Second)
		r.mustAnswer(token, false, "not released yet")
	})
	t.Run("a disconnect is given up", func(t *testing.T) {
		r := hanging(t)
		token := r.call(time.Minute, func(token Token, until clock.Mono) Event { return DisconnectWanted{Token: token, Until: until} })
		r.wait(testSettings().DrainLimit + leaveLimit)
		r.mustAnswer(token, false, "the lockspace has not been left")
		require.True(t, r.core.lease.wanted)
	})
	t.Run("the end is bounded and says what is left", func(t *testing.T) {
		r := hanging(t)
		r.step(Stop{})
		r.wait(testSettings().StopLimit)
		require.NotNil(t, r.stopped)
		require.False(t, r.stopped.Clean)
	})
}

func TestReleaseWithoutALeaseSaysSo(t *testing.T) {
	r := newRig(t, testSettings())
	r.mustAnswer(r.release(), false, "no host id is held")
	r.lock()
	r.mustAnswer(r.release(), false, "no host id is held") // wanted, but nothing was joined yet
	r.finishLease(SeenAbsent, nil)
	require.NotEqual(t, LeaseJoin, r.leasing, "and the wish is gone")
}

func TestReleaseWhileJoiningLeaves(t *testing.T) {
	r := newRig(t, testSettings())
	r.lock()
	r.finishLease(SeenAbsent, nil)
	r.finishLease(0, nil)
	require.Equal(t, Joining, r.core.lease.state)
	r.release()
	require.Equal(t, LeaseLeave, r.leasing)
	r.finishLease(0, nil)
	r.poll(SeenAbsent)
	require.Equal(t, None, r.core.lease.state)
}

func TestALockDuringTheDrainKeepsTheLease(t *testing.T) {
	r := newRig(t, testSettings())
	r.hold()
	r.mustPut(3, record(t, 3, 100))
	token := r.release()
	require.True(t, r.lock().OK)
	r.mustAnswer(token, false, "locking was asked for meanwhile")
	r.finishWrite(nil)
	r.poll(SeenHeld)
	require.Equal(t, Held, r.core.lease.state)
}

func TestALeaseInUseIsNotTakenFromUnderTheEngine(t *testing.T) {
	r := newRig(t, testSettings())
	r.hold()
	token := r.release()
	require.Equal(t, LeaseLeave, r.leasing)
	r.finishLease(0, fmt.Errorf("%w: pid 77 holds hosted-engine:engine", ErrLeaseInUse))
	require.Equal(t, Held, r.core.lease.state)
	require.Contains(t, r.snapshot.Lease.Detail, "pid 77")
	r.mustAnswer(token, false, "pid 77")
	r.poll(SeenHeld)
	require.True(t, r.core.lease.held)
}

// The release comes while the command to join is on its way to sanlock: what it brings is given back at once.
func TestReleaseWhileTheJoinIsBeingAskedFor(t *testing.T) {
	asked := func(t *testing.T) *rig {
		r := newRig(t, testSettings())
		r.step(Tick{})
		r.finishLease(SeenAbsent, nil)
		require.False(t, r.lock().OK)
		require.Equal(t, LeaseJoin, r.leasing)
		return r
	}
	t.Run("released", func(t *testing.T) {
		r := asked(t)
		token := r.release()
		r.mustWait(token) // there will be something to release
		r.finishLease(0, nil)
		require.Equal(t, LeaseLeave, r.leasing)
		r.finishLease(0, nil)
		r.poll(SeenAbsent)
		r.mustAnswer(token, true, "")
		require.Equal(t, None, r.core.lease.state)
	})
	t.Run("released and wanted again", func(t *testing.T) {
		r := asked(t)
		r.release()
		require.False(t, r.lock().OK)
		r.finishLease(0, nil)
		r.poll(SeenHeld)
		require.Equal(t, Held, r.core.lease.state)
	})
	t.Run("released, and the join fails", func(t *testing.T) {
		r := asked(t)
		r.release()
		r.finishLease(0, errIO)
		require.Equal(t, None, r.core.lease.state)
		r.poll(SeenAbsent)
		require.Equal(t, None, r.core.lease.state)
	})
	t.Run("stopped", func(t *testing.T) {
		r := asked(t)
		r.step(Stop{})
		require.Nil(t, r.stopped, "sanlock is about to hold the host id")
		r.finishLease(0, nil)
		require.Equal(t, LeaseLeave, r.leasing)
		r.finishLease(0, nil)
		require.Nil(t, r.stopped)
		r.poll(SeenAbsent)
		require.Equal(t, &Stopped{Clean: true}, r.stopped)
	})
	t.Run("stopped, and sanlock does not answer", func(t *testing.T) {
		r := asked(t)
		r.step(Stop{})
		r.wait(testSettings().StopLimit)
		require.NotNil(t, r.stopped)
		require.False(t, r.stopped.Clean)
	})
}

func TestResetIsRefusedWhileTheLockspaceMayBeInUse(t *testing.T) {
	reset := func(r *rig) Reply {
		return r.ask(func(token Token) Event { return ResetWanted{Token: token} })
	}
	fresh := func(t *testing.T, segments map[int][]byte) *rig {
		r := newRig(t, testSettings())
		r.step(Tick{})
		r.finishLease(SeenAbsent, nil)
		r.finishRead(segments, nil)
		return r
	}
	t.Run("nothing known about the whiteboard", func(t *testing.T) {
		r := newRig(t, testSettings())
		r.step(Tick{})
		r.finishLease(SeenAbsent, nil)
		require.Contains(t, reset(r).Reason, "has not been read")
	})
	t.Run("held", func(t *testing.T) {
		r := newRig(t, testSettings())
		r.hold()
		require.Contains(t, reset(r).Reason, "the lease is held")
	})
	t.Run("joining", func(t *testing.T) {
		r := fresh(t, nil)
		r.lock()
		require.NotZero(t, r.leasing)
		require.NotEmpty(t, reset(r).Reason)
	})
	t.Run("the agent says that somebody lives", func(t *testing.T) {
		r := fresh(t, nil)
		r.step(HostsPushed{Alive: []int{5}})
		require.Contains(t, reset(r).Reason, "[5] are alive")
	})
	t.Run("the agent counts its own host among the living", func(t *testing.T) {
		r := fresh(t, nil)
		r.step(HostsPushed{Alive: []int{3}})
		r.step(ResetWanted{Token: 99, Until: r.now.Add(30 * time.Second)})
		require.Equal(t, LeaseReset, r.leasing)
	})
	t.Run("a record was seen to change lately", func(t *testing.T) {
		r := fresh(t, map[int][]byte{5: record(t, 5, 1)})
		require.Contains(t, reset(r).Reason, "host 5 published")
	})
	t.Run("a segment that cannot be read was seen to change lately", func(t *testing.T) {
		r := fresh(t, map[int][]byte{5: text("2|1|a record of a version to come")})
		require.Contains(t, reset(r).Reason, "host 5 published")
	})
	t.Run("sanlock is silent", func(t *testing.T) {
		r := newRig(t, testSettings())
		r.step(Tick{})
		r.finishLease(0, errors.New("timeout"))
		r.finishRead(nil, nil)
		require.Contains(t, reset(r).Reason, "sanlock did not tell")
	})
	t.Run("nobody is there", func(t *testing.T) {
		r := fresh(t, map[int][]byte{3: record(t, 3, 1)})
		r.step(ResetWanted{Token: 99, Until: r.now.Add(30 * time.Second)})
		require.NotContains(t, r.replies, Token(99), "answered when it is done")
		require.Equal(t, LeaseReset, r.leasing)
		require.Contains(t, reset(r).Reason, "under way")
		r.finishLease(0, nil)
		require.True(t, r.replies[99].OK)
		require.Contains(t, r.snapshot.Lease.Detail, "empty lockspace was written")
	})
	t.Run("an old record that never changes is nobody", func(t *testing.T) {
		r := fresh(t, map[int][]byte{5: record(t, 5, 1)})
		for range 7 {
			r.wait(10 * time.Second)
			if r.leasing != 0 {
				r.finishLease(SeenAbsent, nil)
			}
			r.finishRead(map[int][]byte{5: record(t, 5, 1)}, nil)
		}
		r.step(ResetWanted{Token: 99, Until: r.now.Add(30 * time.Second)})
		if r.leasing == LeasePoll {
			r.finishLease(SeenAbsent, nil)
		}
		require.Equal(t, LeaseReset, r.leasing)
		r.finishLease(0, errors.New("EIO"))
		require.False(t, r.replies[99].OK)
	})
}

func TestWithoutALockspaceNothingIsAskedOfSanlock(t *testing.T) {
	set := testSettings()
	set.LeaseMissing = "lockspace_path is not set"
	r := newRig(t, set)
	got := r.lock()
	require.False(t, got.OK)
	require.Equal(t, "lockspace_path is not set", got.Reason)
	r.wait(time.Minute)
	require.Zero(t, r.leasing)
}
