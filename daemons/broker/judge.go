package broker

import (
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/health"
)

// watchLanes finds operations that have become stalls.
func (c *Core) watchLanes(now clock.Mono, out *outcome) {
	if c.writer.flying != nil {
		c.stalled(WriterLane, "write", c.writer.flying.segment, now.Sub(c.writer.since), &c.writer.stall, out)
	}
	if c.reader.busy {
		c.stalled(ReaderLane, "read", -1, now.Sub(c.reader.since), &c.reader.stall, out)
	}
	if c.lease.op != 0 {
		c.stalled(LeaseLane, c.lease.op.String(), -1, now.Sub(c.lease.opAt), &c.lease.stall, out)
	}
}

func (c *Core) stalled(lane, op string, segment int, lasts time.Duration, noted *bool, out *outcome) {
	if *noted || lasts < c.set.StallAfter {
		return
	}
	*noted = true
	out.changed = true
	out.add(LaneStalled{Lane: lane, Op: op, Segment: segment, For: lasts})
}

// recovered notes the end of an operation that had been reported as stalled.
func (c *Core) recovered(lane, op string, segment int, lasted time.Duration, noted *bool, out *outcome) {
	if !*noted {
		return
	}
	*noted = false
	out.add(LaneRecovered{Lane: lane, Op: op, Segment: segment, For: lasted})
}

// judge brings the board up to date.
func (c *Core) judge(now clock.Mono, out *outcome) {
	changed := false
	note := func(code health.Code, holds bool, detail string) {
		if c.board.Put(now, code, holds, detail) {
			changed = true
		}
	}
	note(health.Config, c.set.ConfigRemarks != "", c.set.ConfigRemarks)
	c.judgeStorage(now, note)
	c.judgeRecords(now, note)
	c.judgeLease(note)
	raised, cleared := c.board.Turn(now)
	for _, w := range raised {
		out.add(RaiseWarning{Warning: w})
	}
	for _, w := range cleared {
		out.add(ClearWarning{Warning: w})
	}
	if changed || len(raised)+len(cleared) > 0 {
		out.changed = true
	}
}

func (c *Core) judgeStorage(now clock.Mono, note func(health.Code, bool, string)) {
	r := &c.reader
	missing := c.set.StorageMissing
	if missing == "" && (r.missing || c.writer.missing) {
		missing = c.storageProblem()
	}
	note(health.StorageMissing, missing != "", missing)

	var stalls []string
	if c.writer.stall {
		stalls = append(stalls, fmt.Sprintf("%s in a write of segment %d since %.1f s after boot", WriterLane, c.writer.flying.segment, c.writer.since.Seconds()))
	}
	if r.stall {
		stalls = append(stalls, fmt.Sprintf("%s in a read since %.1f s after boot", ReaderLane, r.since.Seconds()))
	}
	note(health.StorageStalled, len(stalls) > 0, strings.Join(stalls, "; "))

	problem := c.storageProblem()
	note(health.StorageErrors, problem != "", problem)

	seenAt := max(r.lastAt, c.started)
	note(health.ReaderBlind, c.set.StorageMissing != "" || now.Sub(seenAt) > c.set.ViewLimit,
		fmt.Sprintf("no complete read for more than %s", c.set.ViewLimit))
}

// storageProblem joins the last errors of both lanes.
func (c *Core) storageProblem() string {
	problems := c.mail.problems(c.mayWrite)
	if c.reader.problem != "" {
		problems = append(problems, c.reader.problem)
	}
	return strings.Join(problems, "; ")
}

func (c *Core) judgeRecords(now clock.Mono, note func(health.Code, bool, string)) {
	own := c.claimOf(c.set.HostID)
	// While the first join is under way nobody expects a record; a lease that is lost is another matter.
	expected := c.lease.wanted && (c.lease.held || c.lease.lost)
	late := own.waitingSince != 0 && expected && now.Sub(max(own.waitingSince, own.durableAt)) > c.set.ViewLimit
	note(health.RecordLate, late, fmt.Sprintf("not written for more than %s", c.set.ViewLimit))
	note(health.SegmentOverwritten, c.overwritten, fmt.Sprintf("segment %d, %d times since the start", c.set.HostID, c.overwrites))

	var unreadable []string
	const enough = 8 // a volume full of noise must not become a detail of 2000 lines
	bad := 0
	for _, s := range c.reader.seen {
		if s.problem != "" {
			if bad++; bad <= enough {
				unreadable = append(unreadable, s.problem)
			}
		}
	}
	if bad > enough {
		unreadable = append(unreadable, fmt.Sprintf("and %d more", bad-enough))
	}
	note(health.SegmentUnreadable, bad > 0, strings.Join(unreadable, "; "))
}

func (c *Core) judgeLease(note func(health.Code, bool, string)) {
	l := &c.lease
	configured := c.set.LeaseMissing == ""
	detail := l.detail
	if !configured {
		detail = c.set.LeaseMissing
	}
	if detail == "" {
		detail = "sanlock has not been asked yet"
	}
	note(health.LeaseUnconfirmed, l.problem != "", l.problem)
	note(health.LeaseLost, l.lost, detail)
	note(health.LeasePending, l.wanted && !l.held && !l.lost, detail)
	note(health.LeaseNone, !l.wanted && l.state == None, detail)
}

// observed notes a condition that another room watches.
func (c *Core) observed(now clock.Mono, e Observed, out *outcome) {
	switch e.Code {
	case health.ConfigBad, health.ClockJump, health.EngineUnknown, health.OVFStale, health.ArchiveInvalid, health.NotifyFailing:
		if c.board.Put(now, e.Code, e.Detail != "", e.Detail) {
			out.changed = true
		}
	}
}
