package broker

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

func (r *rig) putWait(segment int, data []byte, limit time.Duration) Token {
	r.t.Helper()
	return r.call(limit, func(token Token, until clock.Mono) Event {
		return Put{Token: token, Segment: segment, Data: data, Wait: true, Until: until}
	})
}

func (r *rig) lockWait(limit time.Duration) Token {
	r.t.Helper()
	return r.call(limit, func(token Token, until clock.Mono) Event { return LockWanted{Token: token, HostID: 3, Until: until} })
}

func TestPutAndWaitIsAnsweredWhenDurable_S7(t *testing.T) {
	r := newRig(t, testSettings())
	token := r.putWait(0, on(), time.Minute)
	r.mustWait(token)
	r.wait(20 * time.Second)
	r.mustWait(token)
	r.finishWrite(errIO)
	r.mustWait(token)
	r.wait(time.Second)
	r.finishWrite(nil)
	r.mustAnswer(token, true, "")
	require.True(t, r.replies[token].Accepted)
}

func TestPutAndWaitTellsTheTruthAtItsDeadline(t *testing.T) {
	r := newRig(t, testSettings())
	token := r.putWait(0, on(), 10*time.Second)
	r.wait(9900 * time.Millisecond)
	r.mustWait(token)
	r.wait(100 * time.Millisecond)
	r.mustAnswer(token, false, "ha-writer has been in a write of segment 0")
	require.True(t, r.replies[token].Accepted, "it is not lost")
	own := r.putWait(3, record(t, 3, 1), 0)
	r.mustAnswer(own, false, "lease is none")
	require.True(t, r.replies[own].Accepted)
	r.finishWrite(nil)
	require.True(t, r.state(0).Durable, "it went on")
}

func TestPutAndWaitWhatIsRefusedOrReplaced(t *testing.T) {
	r := newRig(t, testSettings())
	refused := r.putWait(4, record(t, 4, 1), time.Minute)
	r.mustAnswer(refused, false, "neither 0 nor")
	require.False(t, r.replies[refused].Accepted)

	flying := r.putWait(0, on(), time.Minute)
	waiting := r.putWait(0, off(), time.Minute)
	newest := r.putWait(0, on(), time.Minute)
	r.mustAnswer(waiting, false, "replaced by a newer record")
	require.True(t, r.replies[waiting].Accepted)
	r.mustWait(flying) // it may still get there
	r.finishWrite(nil)
	r.mustAnswer(flying, true, "")
	r.mustWait(newest)
	r.finishWrite(nil)
	r.mustAnswer(newest, true, "")
}

func TestPutAndWaitCountsALaterWriteOfTheSameData(t *testing.T) {
	r := newRig(t, testSettings())
	r.mustPut(0, off())
	first := r.putWait(0, on(), time.Minute)
	second := r.putWait(0, on(), time.Minute)
	r.mustWait(first) // the same was put again: nobody has taken it back
	r.finishWrite(nil)
	r.finishWrite(nil)
	r.mustAnswer(first, true, "")
	r.mustAnswer(second, true, "")
}

func TestPutAndWaitOfTheSameOwnRecordAgain(t *testing.T) {
	r := newRig(t, testSettings())
	r.hold()
	data := record(t, 3, 100)
	first := r.putWait(3, data, time.Minute)
	second := r.putWait(3, data, time.Minute)
	r.mustWait(second)
	r.finishWrite(nil)
	r.mustAnswer(first, true, "")
	r.mustAnswer(second, true, "")
	r.mustAnswer(r.putWait(3, data, time.Minute), true, "")
}

func TestLockWaitsUntilHeld_S2(t *testing.T) {
	r := newRig(t, testSettings())
	token := r.lockWait(time.Minute)
	r.poll(SeenAbsent)
	r.finishLease(0, errIO)
	r.mustWait(token) // it is tried again
	r.wait(5 * time.Second)
	r.poll(SeenAdding)
	r.mustWait(token)
	r.poll(SeenHeld)
	r.mustAnswer(token, true, "")
}

func TestLockTellsTheTruthAtItsDeadline_S2(t *testing.T) {
	r := newRig(t, testSettings())
	token := r.lockWait(20 * time.Second)
	r.poll(SeenAbsent)
	r.finishLease(0, errIO)
	for range 200 {
		if r.leasing != 0 {
			r.finishLease(SeenAbsent, errIO)
		}
		r.wait(100 * time.Millisecond)
	}
	r.mustAnswer(token, false, "not held yet")
	r.mustAnswer(token, false, "input/output error")
}

func TestALockThatIsReleasedIsAnswered(t *testing.T) {
	r := newRig(t, testSettings())
	lock := r.lockWait(time.Minute)
	r.poll(SeenAbsent)
	require.Equal(t, LeaseJoin, r.leasing)
	release := r.release()
	r.mustAnswer(lock, false, "releasing was asked for meanwhile")
	r.mustWait(release)
	r.finishLease(0, errIO)
	r.mustAnswer(release, true, "")
}

func TestReleaseTellsTheTruthAtItsDeadline(t *testing.T) {
	r := newRig(t, testSettings())
	r.hold()
	r.mustAnswer(r.call(0, func(token Token, _ clock.Mono) Event { return ReleaseWanted{Token: token} }), false, "not released yet: leaving")
	token := r.release()
	r.finishLease(0, nil)
	for range 250 {
		if r.leasing != 0 {
			r.finishLease(SeenRemoving, nil)
		}
		r.wait(100 * time.Millisecond)
	}
	r.mustAnswer(token, false, "leaving")
}

func TestALostLeaseIsReleasedAtOnce(t *testing.T) {
	r := newRig(t, testSettings())
	r.hold()
	r.poll(SeenAbsent)
	require.Equal(t, Lost, r.core.lease.state)
	r.mustAnswer(r.release(), true, "")
}

func TestResetTellsTheTruthAtItsDeadline(t *testing.T) {
	r := newRig(t, testSettings())
	r.finishLease(SeenAbsent, nil)
	r.finishRead(nil, nil)
	token := r.call(10*time.Second, func(token Token, until clock.Mono) Event { return ResetWanted{Token: token, Until: until} })
	require.Equal(t, LeaseReset, r.leasing)
	r.wait(10 * time.Second)
	r.mustAnswer(token, false, "not done yet")
	r.finishLease(0, nil) // nobody is answered twice
}

func TestACallerThatWentAwayIsForgotten(t *testing.T) {
	r := newRig(t, testSettings())
	r.hold()
	first, second := r.putWait(3, record(t, 3, 1), time.Hour), r.wantDomain(true, time.Hour)
	r.step(CallerGone{Token: first})
	require.Len(t, r.core.calls, 1)
	r.step(CallerGone{Token: 999})
	r.mustWait(second)
	r.finishWrite(nil)
	r.mustWait(first) // nobody is there to be answered
	require.True(t, r.state(3).Durable, "and what was asked for went on")
}

// The lane was busy; meanwhile another host came to life. A lockspace that is written now would take its lease away.
func TestAResetThatHadToWaitIsLookedAtAgain(t *testing.T) {
	r := newRig(t, testSettings())
	r.finishLease(SeenAbsent, nil)
	r.finishRead(nil, nil)
	r.waitUntil(func() bool { return r.leasing == LeasePoll })
	token := r.call(time.Hour, func(token Token, until clock.Mono) Event { return ResetWanted{Token: token, Until: until} })
	r.mustWait(token)
	r.step(HostsPushed{Alive: []int{5}})
	r.finishLease(SeenAbsent, nil)
	require.NotEqual(t, LeaseReset, r.leasing)
	r.mustAnswer(token, false, "[5] are alive")
	again := r.call(time.Hour, func(token Token, until clock.Mono) Event { return ResetWanted{Token: token, Until: until} })
	r.mustAnswer(again, false, "[5] are alive")
}

func TestTheEndAnswersEverybody(t *testing.T) {
	r := newRig(t, testSettings())
	r.hold()
	r.mustPut(0, off())
	waiting := []Token{r.putWait(0, on(), time.Hour), r.putWait(3, record(t, 3, 1), time.Hour), r.wantDomain(true, time.Hour)}
	r.step(Stop{})
	r.mustAnswer(waiting[2], false, "ending")
	r.mustWait(waiting[0])
	r.wait(10 * time.Second)
	require.NotNil(t, r.stopped)
	for _, token := range waiting {
		r.mustAnswer(token, false, "ending")
	}
	r.mustAnswer(r.lockWait(time.Hour), false, "ending")
	r.mustAnswer(r.putWait(0, on(), time.Hour), false, "ending")
	r.mustAnswer(r.release(), false, "")
}

func TestNobodyIsAnsweredUnderTokenZero(t *testing.T) {
	r := newRig(t, testSettings())
	until := r.now.Add(time.Second)
	for _, ev := range []Event{
		Put{Segment: 0, Data: on(), Wait: true, Until: until},
		Put{Segment: 7},
		LockWanted{HostID: 3, Until: until},
		LockWanted{HostID: 4},
		ReleaseWanted{Until: until},
		ResetWanted{Until: until},
		ConnectWanted{},
		DomainWanted{On: true, HostID: 3},
		DisconnectWanted{Until: until},
		HostsPushed{},
	} {
		r.step(ev)
	}
	r.wait(10 * time.Second)
	require.Empty(t, r.replies)
	require.Empty(t, r.core.calls)
}
