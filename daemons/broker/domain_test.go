package broker

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/health"
)

var good = DomainFacts{Valid: true, Delay: 3 * time.Millisecond, Acquired: true}

func (r *rig) wantDomain(on bool, limit time.Duration) Token {
	r.t.Helper()
	return r.call(limit, func(token Token, until clock.Mono) Event {
		return DomainWanted{Token: token, On: on, HostID: 3, Until: until}
	})
}

// domainOn brings the monitor to on, valid and acquired.
func (r *rig) domainOn() {
	r.t.Helper()
	token := r.wantDomain(true, time.Minute)
	require.Equal(r.t, DomainStart, r.domain)
	r.finishDomain(DomainFacts{}, nil)
	require.Equal(r.t, DomainCheck, r.domain)
	r.finishDomain(good, nil)
	r.mustAnswer(token, true, "")
}

func (r *rig) nextDomainOp() {
	r.t.Helper()
	for range 1000 {
		if r.domain != 0 {
			return
		}
		r.wait(100 * time.Millisecond)
	}
	r.t.Fatal("no domain operation in 100 s")
}

func TestTheMonitorIsStartedOnCommandAndAnsweredWhenAcquired(t *testing.T) {
	r := newRig(t, testSettings())
	require.Equal(t, Domain{State: "never"}, r.snapshot.Domain)
	r.wait(time.Minute)
	require.Zero(t, r.domain, "not without a command")
	token := r.wantDomain(true, time.Minute)
	require.Equal(t, DomainStart, r.domain)
	require.Equal(t, "starting", r.snapshot.Domain.State)
	r.finishDomain(DomainFacts{}, nil)
	require.Equal(t, "on", r.snapshot.Domain.State)
	require.False(t, r.snapshot.Domain.Valid, "not checked yet")
	r.mustWait(token)
	r.finishDomain(DomainFacts{Valid: true}, nil)
	require.True(t, r.snapshot.Domain.Valid)
	require.False(t, r.snapshot.Domain.Acquired)
	r.mustWait(token) // upstream waits for the host id too
	r.nextDomainOp()
	at := r.now
	r.finishDomain(good, nil)
	r.mustAnswer(token, true, "")
	require.Equal(t, Domain{State: "on", Valid: true, Delay: 3 * time.Millisecond, CheckedAt: at, Acquired: true, HostID: 3}, r.snapshot.Domain)
	r.mustAnswer(r.wantDomain(true, 0), true, "")
	r.wait(9900 * time.Millisecond)
	require.Zero(t, r.domain)
	r.wait(100 * time.Millisecond)
	require.Equal(t, DomainCheck, r.domain, "10 s from check to check")
}

func TestTheMonitorIsStartedForTheOwnHostIDOnly_S33(t *testing.T) {
	r := newRig(t, testSettings())
	got := r.ask(func(token Token) Event {
		return DomainWanted{Token: token, On: true, HostID: 4, Until: r.now.Add(time.Minute)}
	})
	require.Contains(t, got.Reason, "which is 3")
	require.Zero(t, r.domain)
}

func TestWhatMakesADomainInvalid_S10(t *testing.T) {
	for name, tc := range map[string]struct {
		facts DomainFacts
		err   error
		want  string
	}{
		"the check fails":      {DomainFacts{}, errIO, "input/output error"},
		"it says so":           {DomainFacts{Acquired: true, Detail: "no such volume group"}, nil, "no such volume group"},
		"it says so, silently": {DomainFacts{Acquired: true}, nil, "not valid"},
		"too slow":             {DomainFacts{Valid: true, Acquired: true, Delay: 12 * time.Second}, nil, "12s, more than 10s"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, testSettings())
			r.domainOn()
			r.nextDomainOp()
			r.finishDomain(tc.facts, tc.err)
			require.False(t, r.snapshot.Domain.Valid)
			require.Contains(t, r.snapshot.Domain.Detail, tc.want)
			require.True(t, r.warns(health.DomainInvalid))
			r.mustAnswer(r.wantDomain(true, 0), false, tc.want)
			r.nextDomainOp()
			r.finishDomain(good, nil)
			require.True(t, r.snapshot.Domain.Valid)
			require.False(t, r.warns(health.DomainInvalid))
		})
	}
}

func TestAHungCheckMakesTheDomainInvalidAndDelaysNothing(t *testing.T) {
	r := newRig(t, testSettings())
	r.domainOn()
	r.nextDomainOp()
	r.wait(5100 * time.Millisecond)
	require.Contains(t, r.log, "stalled ha-domain")
	require.True(t, r.warns(health.LaneStalled))
	require.True(t, r.snapshot.Domain.Valid, "the last check is not too old yet")
	r.wait(15 * time.Second)
	require.False(t, r.snapshot.Domain.Valid, "and now it is")
	require.Contains(t, r.snapshot.Domain.Detail, "not checked for more than 30s")
	r.mustPut(0, on())
	require.NotNil(t, r.writing)

	// Off on command, while the check hangs: the truth is that it has not stopped.
	token := r.wantDomain(false, 20*time.Second)
	require.Equal(t, "stopping", r.snapshot.Domain.State)
	require.True(t, r.snapshot.Domain.Valid, "nobody is to look any more")
	r.wait(20 * time.Second)
	r.mustAnswer(token, false, "stopping")
	r.finishDomain(good, nil)
	require.Contains(t, r.log, "recovered ha-domain")
	require.Equal(t, DomainStop, r.domain)
	r.finishDomain(DomainFacts{}, nil)
	require.Equal(t, "off", r.snapshot.Domain.State)
}

// In local maintenance nobody validates the domain, and the broker still publishes and reads.
func TestOffOnCommandTheDomainCountsAsValidAndPublishingGoesOn(t *testing.T) {
	r := newRig(t, testSettings())
	r.hold()
	r.domainOn()
	token := r.wantDomain(false, time.Minute)
	require.Equal(t, DomainStop, r.domain)
	r.mustWait(token)
	r.finishDomain(DomainFacts{}, nil)
	r.mustAnswer(token, true, "")
	require.Equal(t, Domain{State: "off", Valid: true}, r.snapshot.Domain)
	require.False(t, r.warns(health.DomainInvalid))
	for range 60 {
		r.wait(time.Second)
		r.poll(SeenHeld)
	}
	require.Zero(t, r.domain, "no check")
	require.True(t, r.reading)
	r.mustPut(3, record(t, 3, 100))
	require.NotNil(t, r.writing)
	r.mustAnswer(r.wantDomain(false, 0), true, "")
}

func TestAMonitorLeftByAnEarlierProcessIsStopped(t *testing.T) {
	r := newRig(t, testSettings())
	token := r.wantDomain(false, time.Minute)
	require.Equal(t, DomainStop, r.domain)
	require.Equal(t, "stopping", r.snapshot.Domain.State)
	r.finishDomain(DomainFacts{}, errIO)
	r.mustWait(token)
	r.nextDomainOp()
	require.Equal(t, DomainStop, r.domain)
	r.finishDomain(DomainFacts{}, nil)
	r.mustAnswer(token, true, "")
}

func TestWithStorageAwayAMonitorThatWasNeverStartedIsOff(t *testing.T) {
	r := newBareRig(t, testSettings())
	r.step(Tick{})
	r.mustAnswer(r.wantDomain(false, 0), true, "")
	require.Equal(t, Domain{State: "off", Valid: true}, r.snapshot.Domain)
	r.finishMount(nil)
	require.Equal(t, DomainStop, r.domain, "an earlier process may have left one")
}

func TestAStartThatFailsIsRepeated(t *testing.T) {
	r := newRig(t, testSettings())
	token := r.wantDomain(true, 30*time.Second)
	for range 3 {
		r.nextDomainOp()
		require.Equal(t, DomainStart, r.domain)
		r.finishDomain(DomainFacts{}, errors.New("VDSM does not answer"))
		require.Zero(t, r.domain, "not at once")
	}
	require.True(t, r.warns(health.DomainInvalid))
	r.wait(30 * time.Second)
	r.mustAnswer(token, false, "VDSM does not answer")
}

func TestTheNewestCommandHolds(t *testing.T) {
	r := newRig(t, testSettings())
	on := r.wantDomain(true, time.Minute)
	off := r.wantDomain(false, time.Minute)
	r.mustAnswer(on, false, "stopping was asked for")
	r.mustWait(off)
	again := r.wantDomain(true, time.Minute)
	r.mustAnswer(off, false, "starting was asked for")
	r.finishDomain(DomainFacts{}, nil)
	r.finishDomain(good, nil)
	r.mustAnswer(again, true, "")
}
