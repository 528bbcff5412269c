package broker

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/health"
)

func (r *rig) disconnect(limit time.Duration) Token {
	r.t.Helper()
	return r.call(limit, func(token Token, until clock.Mono) Event { return DisconnectWanted{Token: token, Until: until} })
}

func TestDisconnectWritesLeavesAndStopsFirst(t *testing.T) {
	r := newRig(t, testSettings())
	r.hold()
	r.domainOn()
	if r.leasing != 0 {
		r.finishLease(SeenHeld, nil)
	}
	r.finishRead(nil, nil)
	r.mustPut(3, record(t, 3, 100))
	token := r.disconnect(time.Minute)
	require.Equal(t, "disconnecting", r.snapshot.Mount.State)
	require.NotEqual(t, LeaseLeave, r.leasing, "the last record first")
	require.Equal(t, DomainStop, r.domain, "the domain monitor is stopped meanwhile")
	r.finishWrite(nil)
	require.Equal(t, LeaseLeave, r.leasing)
	r.finishDomain(DomainFacts{}, nil)
	r.finishLease(0, nil)
	require.Zero(t, r.mounting, "sanlock still has the lockspace")
	r.poll(SeenAbsent)
	require.Equal(t, MountDisconnect, r.mounting)
	require.Equal(t, Ready{}, r.snapshot.Mount.Ready)
	r.mustWait(token)
	r.finishMount(nil)
	r.mustAnswer(token, true, "")
	require.Equal(t, "disconnected", r.snapshot.Mount.State)
	r.mustAnswer(r.disconnect(0), true, "")

	// Away on command: nothing is started, nothing is forgotten, and it is said once, quietly.
	r.mustPut(0, on())
	r.mustPut(3, record(t, 3, 110))
	require.Contains(t, r.lock().Reason, "disconnected on command")
	r.wait(10 * time.Minute)
	r.nothingStarted()
	require.Zero(t, r.mounting)
	require.True(t, r.warns(health.StorageDisconnected))
	require.True(t, health.OK(r.core.board.Visible(r.now)), "%v", r.core.board)
	require.Contains(t, r.snapshot.Storage, "disconnected")
	require.Equal(t, "starting", r.snapshot.Domain.State)
	require.False(t, r.snapshot.Domain.Valid)

	back := r.connect(time.Minute)
	require.Equal(t, MountConnect, r.mounting)
	r.finishMount(nil)
	r.mustAnswer(back, true, "")
	require.Equal(t, 0, r.writing.Segment, "what was accepted meanwhile is written")
	require.True(t, r.reading)
	require.True(t, r.full, "what is there now is read as a whole")
	require.Equal(t, LeasePoll, r.leasing, "sanlock is asked first")
	require.Equal(t, DomainStart, r.domain, "it is still wanted")
	require.True(t, r.state(3).Pending)
}

func TestDisconnectIsGivenUpWhileTheEngineUsesTheLockspace(t *testing.T) {
	r := newRig(t, testSettings())
	r.hold()
	r.finishRead(nil, nil)
	token := r.disconnect(time.Minute)
	require.Equal(t, LeaseLeave, r.leasing)
	r.finishLease(0, fmt.Errorf("%w: pid 77 is the engine", ErrLeaseInUse))
	r.mustAnswer(token, false, "pid 77 is the engine")
	require.Equal(t, "connected", r.snapshot.Mount.State)
	require.Contains(t, r.snapshot.Mount.Detail, "pid 77 is the engine")
	require.Zero(t, r.mounting)
	require.True(t, r.core.lease.wanted, "nobody has to ask for it again")
	r.poll(SeenHeld)
	require.True(t, r.lock().OK, "the lease is wanted and held as before")
	r.mustPut(3, record(t, 3, 100))
	require.NotNil(t, r.writing)
	r.wait(time.Minute)
	require.Zero(t, r.mounting)
}

func TestDisconnectDoesNotWaitForStuckLanes(t *testing.T) {
	r := newRig(t, testSettings())
	r.hold()
	require.True(t, r.reading)
	r.mustPut(3, record(t, 3, 100))
	token := r.disconnect(time.Minute)
	for range 100 {
		r.wait(100 * time.Millisecond)
		if r.leasing == LeasePoll && r.core.lease.state == Leaving {
			r.finishLease(SeenAbsent, nil)
		} else if r.leasing != 0 {
			r.finishLease(SeenHeld, nil)
		}
	}
	require.NotNil(t, r.writing, "stuck")
	require.True(t, r.reading, "stuck")
	require.Equal(t, MountDisconnect, r.mounting, "drain limit and the removal of the lockspace")
	r.finishMount(nil)
	r.mustAnswer(token, true, "")
}

func TestDisconnectIsGivenUpIfSanlockDoesNotLetGo(t *testing.T) {
	r := newRig(t, testSettings())
	r.hold()
	token := r.disconnect(time.Minute)
	r.finishLease(0, nil)
	require.Equal(t, Leaving, r.core.lease.state)
	for range 1000 {
		if r.replies[token].Token != 0 {
			break
		}
		if r.leasing != 0 {
			r.finishLease(SeenRemoving, nil)
		}
		r.wait(100 * time.Millisecond)
		require.Zero(t, r.mounting, "storage must not be taken from under a lease")
	}
	r.mustAnswer(token, false, "has not been left")
	require.Equal(t, "connected", r.snapshot.Mount.State)
	r.poll(SeenAbsent)
	r.poll(SeenHeld)
	require.Equal(t, Held, r.core.lease.state, "as before")
}

func TestConnectCallsADisconnectOff(t *testing.T) {
	t.Run("while it drains", func(t *testing.T) {
		r := newRig(t, testSettings())
		r.hold()
		r.mustPut(3, record(t, 3, 100))
		gone := r.disconnect(time.Minute)
		back := r.connect(time.Minute)
		r.mustAnswer(gone, false, "connecting was asked for")
		r.mustAnswer(back, true, "")
		r.finishWrite(nil)
		r.wait(time.Minute)
		require.Zero(t, r.mounting)
	})
	t.Run("while the mount lane works", func(t *testing.T) {
		r := newRig(t, testSettings())
		r.finishRead(nil, nil)
		r.finishLease(SeenAbsent, nil)
		gone := r.disconnect(time.Minute)
		require.Equal(t, MountDisconnect, r.mounting)
		back := r.connect(time.Minute)
		r.mustAnswer(gone, false, "given up")
		r.finishMount(nil)
		require.Equal(t, MountConnect, r.mounting)
		r.finishMount(nil)
		r.mustAnswer(back, true, "")
	})
}

func TestADisconnectThatFailsIsRepeated(t *testing.T) {
	r := newRig(t, testSettings())
	r.finishRead(nil, nil)
	r.finishLease(SeenAbsent, nil)
	token := r.disconnect(time.Minute)
	r.finishMount(errMount)
	r.mustWait(token)
	require.Contains(t, r.snapshot.Mount.Detail, "Connection refused")
	r.nothingStarted()
	r.wait(5 * time.Second)
	require.Equal(t, MountDisconnect, r.mounting)
	r.finishMount(nil)
	r.mustAnswer(token, true, "")
}

func TestADisconnectWhileConnectingTakesAwayWhatComes(t *testing.T) {
	for _, err := range []error{nil, errMount} {
		r := newBareRig(t, testSettings())
		r.step(Tick{})
		token := r.disconnect(time.Minute)
		require.Equal(t, MountConnect, r.mounting, "the lane has one operation at a time")
		r.finishMount(err)
		r.nothingStarted()
		require.Equal(t, MountDisconnect, r.mounting, "even a failed attempt may have left something")
		r.finishMount(nil)
		r.mustAnswer(token, true, "")
	}
}

func TestAMonitorThatCouldNotBeStoppedIsStartedAnew(t *testing.T) {
	r := newRig(t, testSettings())
	r.finishRead(nil, nil)
	r.domainOn()
	token := r.disconnect(time.Minute)
	require.Equal(t, DomainStop, r.domain)
	r.finishDomain(DomainFacts{}, errIO)
	for range 100 {
		if r.mounting != 0 {
			break
		}
		r.wait(100 * time.Millisecond)
		if r.leasing != 0 {
			r.finishLease(SeenAbsent, nil)
		}
		if r.domain != 0 {
			r.finishDomain(DomainFacts{}, errIO)
		}
	}
	r.finishMount(nil)
	r.mustAnswer(token, true, "")
	r.wait(time.Minute)
	require.Zero(t, r.domain, "it has lost its storage; there is nothing to stop")
	r.connect(0)
	r.finishMount(nil)
	require.Equal(t, DomainStart, r.domain)
}

func TestAFreshConnectionIsNotBlamedForTheOldOne(t *testing.T) {
	r := newRig(t, testSettings())
	r.finishLease(SeenAbsent, nil)
	r.finishRead(nil, nil)
	r.idleReader()
	r.mustPut(0, on())
	for range 3 {
		r.waitForWrite()
		r.finishWrite(errIO)
	}
	r.finishMount(nil)
	require.Equal(t, "failing", r.snapshot.Mount.State)
	token := r.disconnect(time.Minute)
	for range 1000 {
		if r.mounting != 0 {
			break
		}
		r.wait(100 * time.Millisecond)
		if r.leasing != 0 {
			r.finishLease(SeenAbsent, nil)
		}
		if r.writing != nil {
			r.finishWrite(errIO)
		}
	}
	r.finishMount(nil)
	r.mustAnswer(token, true, "")
	r.connect(0)
	r.finishMount(nil)
	require.Equal(t, "connected", r.snapshot.Mount.State)
	r.finishRead(nil, errIO) // began before
	r.finishRead(nil, errIO)
	require.Equal(t, "connected", r.snapshot.Mount.State)
}

func TestDisconnectLetsTheLeaseLaneFinish(t *testing.T) {
	r := newRig(t, testSettings())
	r.finishRead(nil, nil)
	require.Equal(t, LeasePoll, r.leasing)
	r.disconnect(time.Minute)
	require.Zero(t, r.mounting, "the lane may be reading the lockspace")
	r.finishLease(SeenAbsent, nil)
	require.Equal(t, MountDisconnect, r.mounting)
}

func TestDisconnectTellsTheTruthAtItsDeadline(t *testing.T) {
	r := newRig(t, testSettings())
	r.finishRead(nil, nil)
	r.finishLease(SeenAbsent, nil)
	token := r.disconnect(10 * time.Second)
	r.wait(10 * time.Second)
	r.mustAnswer(token, false, "disconnecting")
}

func TestDisconnectIsRefusedWithoutStorageAndAtTheEnd(t *testing.T) {
	set := testSettings()
	set.StorageMissing = "storage is not set"
	r := newRig(t, set)
	r.mustAnswer(r.disconnect(time.Minute), false, "storage is not set")
	r.mustAnswer(r.connect(time.Minute), false, "storage is not set")

	r = newRig(t, testSettings())
	r.hold()
	r.step(Stop{})
	r.mustAnswer(r.disconnect(time.Minute), false, "ending")
	r.mustAnswer(r.connect(time.Minute), false, "ending")
}
