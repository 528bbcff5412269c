package broker

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/health"
)

func (r *rig) others(facts ...LaneFact) {
	r.t.Helper()
	r.now = r.now.Add(100 * time.Millisecond)
	r.step(Tick{Others: facts})
}

func TestStallsOfLanesThatTheCoreDoesNotRunAreSaid(t *testing.T) {
	set := testSettings()
	set.LeaseMissing = "no lockspace" // keeps the lease lane idle
	r := newRig(t, set)
	began := r.now
	ovf := LaneFact{Name: OVFLane, Op: "read", Segment: -1, BusySince: began}
	idle := LaneFact{Name: NotifyLane, Segment: -1}
	for r.now.Sub(began) < 4900*time.Millisecond {
		r.others(ovf, idle)
	}
	require.False(t, r.warns(health.LaneStalled))
	r.others(ovf, idle)
	require.True(t, r.warns(health.LaneStalled))
	require.Contains(t, r.last, Effect(LaneStalled{Lane: OVFLane, Op: "read", Segment: -1, For: 5 * time.Second}))
	require.Contains(t, r.core.otherStalls(), "ha-ovf in a read since 1000.0 s after boot")

	late := LaneFact{Name: NotifyLane, Op: "send", Segment: -1, BusySince: r.now}
	for range 60 {
		r.others(ovf, late)
	}
	require.Contains(t, r.core.otherStalls(), "; ha-notify in a send")
	next := LaneFact{Name: OVFLane, Op: "read", Segment: -1, BusySince: r.now}
	r.others(next, late)
	require.Contains(t, r.log, "recovered ha-ovf", "a newer operation means that the old one has ended")
	require.True(t, r.warns(health.LaneStalled))
	r.others(next)
	require.Contains(t, r.log, "recovered ha-notify", "a lane that is missing is idle")
	require.False(t, r.warns(health.LaneStalled))
	said := 0
	for _, line := range r.log {
		if line == "stalled ha-ovf" || line == "stalled ha-notify" {
			said++
		}
	}
	require.Equal(t, 2, said, "each once: %v", r.log)
}

func TestTheCoresOwnLanesAreNotJudgedByFacts(t *testing.T) {
	r := newRig(t, testSettings())
	r.finishRead(nil, nil)
	r.finishLease(SeenAbsent, nil)
	var facts []LaneFact
	for _, name := range []string{WriterLane, ReaderLane, LeaseLane, MountLane, DomainLane} {
		facts = append(facts, LaneFact{Name: name, Op: "x", BusySince: clock.Mono(1)})
	}
	r.others(facts...)
	require.Empty(t, r.core.others)
	require.False(t, r.warns(health.LaneStalled))
}

func TestEveryLaneOfTheCoreIsFoundWhenItStalls(t *testing.T) {
	r := newBareRig(t, testSettings())
	r.step(Tick{})
	r.wait(5100 * time.Millisecond)
	require.Contains(t, r.log, "stalled ha-mount")
	require.True(t, r.warns(health.LaneStalled))
	r.finishMount(nil)
	require.Contains(t, r.log, "recovered ha-mount")
	r.step(DomainWanted{On: true, HostID: 3})
	r.mustPut(0, on())
	r.wait(5100 * time.Millisecond)
	for _, name := range []string{WriterLane, ReaderLane, LeaseLane, DomainLane} {
		require.Contains(t, r.log, "stalled "+name)
	}
	require.True(t, r.warns(health.StorageStalled))
	require.True(t, r.warns(health.LaneStalled))
	r.finishWrite(nil)
	r.finishRead(nil, nil)
	r.finishLease(SeenAbsent, nil)
	r.finishDomain(good, nil)
	for _, name := range []string{WriterLane, ReaderLane, LeaseLane, DomainLane} {
		require.Contains(t, r.log, "recovered "+name)
	}
	require.False(t, r.warns(health.StorageStalled))
	require.False(t, r.warns(health.LaneStalled))
}

func TestConditionsThatOtherRoomsWatchAreShown(t *testing.T) {
	r := newRig(t, testSettings())
	for _, code := range []health.Code{
		health.EngineUnknown, health.OVFStale, health.ArchiveInvalid, health.NotifyFailing, health.ClockJump, health.ConfigBad,
	} {
		r.step(Observed{Code: code, Detail: "first"})
		r.step(Observed{Code: code, Detail: "second"})
		r.wait(5100 * time.Millisecond)
		require.True(t, r.warns(code), code)
		require.True(t, r.snapshot.Board.Holds(code), "%s: the snapshot must show it", code)
		for _, w := range r.core.board.Visible(r.now) {
			if w.Code == code {
				require.Equal(t, "second", w.Detail)
			}
		}
		r.step(Observed{Code: code})
		require.False(t, r.warns(code), code)
	}
}

func TestConditionsThatTheCoreJudgesItselfAreNotForOthersToSet(t *testing.T) {
	r := newRig(t, testSettings())
	r.finishRead(nil, nil)
	r.finishLease(SeenAbsent, nil)
	before := r.core.board
	for _, row := range health.Table() {
		switch row.Code {
		case health.EngineUnknown, health.OVFStale, health.ArchiveInvalid, health.NotifyFailing, health.ClockJump, health.ConfigBad:
			continue
		}
		r.step(Observed{Code: row.Code, Detail: "nonsense"})
		require.Equal(t, before, r.core.board, row.Code)
	}
	r.step(Observed{Code: "no-such-code", Detail: "nonsense"})
	require.Equal(t, before, r.core.board)
}
