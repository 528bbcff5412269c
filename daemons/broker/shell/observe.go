package shell

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/daemons/broker"
	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/health"
	"github.com/holdfast-ha/holdfast/daemons/lane"
	"github.com/holdfast-ha/holdfast/daemons/monitor"
)

// observer tells the core of conditions that the rooms around it find, each when it changes. Only for the loop's goroutine.
type observer struct {
	told      map[health.Code]string
	badConfig string // what of the configuration cannot be used
	clocks    clocks
	seenAt    clock.Mono // of the last look
}

// observePeriod is how often the rooms are looked at.
const observePeriod = 100 * time.Millisecond

// observe looks at the rooms and tells the core what has changed. Details carry no ages, for each would be a change.
func (s *shell) observe() {
	now := clock.Now()
	o := &s.observer
	if now.Sub(o.seenAt) < observePeriod {
		return
	}
	o.seenAt = now
	tell := func(code health.Code, detail string) {
		if o.told[code] != detail {
			o.told[code] = detail
			s.step(broker.Observed{Code: code, Detail: detail})
		}
	}
	tell(health.ConfigBad, o.badConfig)
	tell(health.EngineUnknown, s.engineProblem())
	tell(health.ClockJump, o.clocks.look(now))
	room := s.room.State()
	tell(health.OVFStale, s.ovfProblem(now))
	archive := ""
	if room.Archive.Problem != "" && (room.Archive.Damaged || now.Sub(room.Archive.ProblemSince) > s.Config.Timing.OVFStaleAfter) {
		archive = room.Archive.Problem
	}
	tell(health.ArchiveInvalid, archive)
	mail := s.courier.State()
	tell(health.NotifyFailing, mail.Problem)
}

// engineProblem is why the state of the engine is not known; empty if it is, or if nobody watches it.
func (s *shell) engineProblem() string {
	for _, r := range s.monitors.Results() {
		if r.Type == monitor.EngineHealthType {
			return r.Problem
		}
	}
	return ""
}

// ovfProblem is why the engine VM's configuration is out of date; empty if it is not, or if nobody wants it.
func (s *shell) ovfProblem(now clock.Mono) string {
	if !s.ovfWanted() {
		return ""
	}
	room := s.room.State()
	since := max(room.LastSuccess, s.started)
	if now.Sub(since) <= s.Config.Timing.OVFStaleAfter {
		return ""
	}
	problem := room.Problem
	if problem == "" {
		problem = "the refresh has not come to an end"
	}
	return problem
}

// ovfWanted: the submonitor that refreshes it runs.
func (s *shell) ovfWanted() bool {
	for _, r := range s.monitors.Results() {
		if r.Type == monitor.OVFType {
			return true
		}
	}
	return false
}

// others are the lanes that the core does not run.
func (s *shell) others() []broker.LaneFact {
	lanes := s.lanes()[ownLanes:]
	facts := make([]broker.LaneFact, 0, len(lanes))
	for _, state := range lanes {
		fact := broker.LaneFact{Name: state.Name, Op: state.Op.String(), Segment: state.Segment}
		if state.Busy {
			fact.BusySince = state.Since
		}
		facts = append(facts, fact)
	}
	return facts
}

// ownLanes is how many lanes the core runs; they come first.
const ownLanes = 5

// lanes returns what each lane is doing, always in the same order.
func (s *shell) lanes() []lane.State {
	return []lane.State{
		s.storage.writer.State(), s.storage.reader.State(), s.lease.State(), s.mount.State(), s.domain.State(),
		s.room.Lane(), s.courier.Lane(),
	}
}

// clocks finds jumps: of the wall clock against CLOCK_MONOTONIC, and times at which the machine was suspended. Neither
// hurts the broker, which measures with CLOCK_MONOTONIC, but people and other programs should know.
type clocks struct {
	wall, boot int64 // nanoseconds ahead of CLOCK_MONOTONIC at the last look; 0 = none yet
	jump       string
	at         clock.Mono // when jump was found
}

const (
	// jumpAbove is the least step that is called a jump.
	jumpAbove = 2 * time.Second
	// jumpShown is how long it is shown.
	jumpShown = 10 * time.Minute
)

// look returns the last jump as long as it is to be shown, else "".
func (c *clocks) look(now clock.Mono) string {
	return c.judge(now, read(unix.CLOCK_REALTIME)-read(unix.CLOCK_MONOTONIC), read(unix.CLOCK_BOOTTIME)-read(unix.CLOCK_MONOTONIC))
}

func (c *clocks) judge(now clock.Mono, wall, boot int64) string {
	if c.wall != 0 {
		slept := time.Duration(boot - c.boot)
		set := time.Duration(wall-c.wall) - slept // a suspended machine's wall clock goes on
		switch {
		case slept > jumpAbove:
			c.jump, c.at = fmt.Sprintf("the machine was suspended for %s", slept.Round(time.Second)), now
		case set > jumpAbove:
			c.jump, c.at = fmt.Sprintf("the wall clock was set forward by %s", set.Round(time.Second)), now
		case set < -jumpAbove:
			c.jump, c.at = fmt.Sprintf("the wall clock was set back by %s", (-set).Round(time.Second)), now
		}
	}
	c.wall, c.boot = wall, boot
	if c.jump != "" && now.Sub(c.at) > jumpShown {
		c.jump = ""
	}
	return c.jump
}

// read returns a clock in nanoseconds. clock_gettime fails only for a clock that the kernel does not know.
func read(id int32) int64 {
	var ts unix.Timespec
	_ = unix.ClockGettime(id, &ts)
	return ts.Nano()
}
