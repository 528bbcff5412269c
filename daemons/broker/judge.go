package broker

import (
	"fmt"
	"strings"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/health"
)

// judge brings the board up to date.
func (c *Core) judge(now clock.Mono, out *outcome) {
	changed := false
	note := func(code health.Code, holds bool, detail string) {
		if c.board.Put(now, code, holds, detail) {
			changed = true
		}
	}
	note(health.Config, c.set.ConfigRemarks != "", c.set.ConfigRemarks)
	bad := c.configBad
	if err := c.hostIDLimit(); err != nil {
		bad = strings.TrimPrefix(bad+"; "+err.Error(), "; ")
	}
	note(health.ConfigBad, bad != "", bad)
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
	m, r := &c.mount, &c.reader
	note(health.StorageDisconnected, m.state == StorageDisconnected, m.detail)
	note(health.MountFailing, m.problem != "", m.problem)
	missing := c.set.StorageMissing
	if missing == "" && (r.missing || c.writer.missing) {
		missing = c.storageProblem()
	}
	note(health.StorageMissing, missing != "", missing)
	stalls := c.storageStalls()
	note(health.StorageStalled, stalls != "", stalls)
	stalls = c.otherStalls()
	note(health.LaneStalled, stalls != "", stalls)
	problem := c.storageProblem()
	note(health.StorageErrors, problem != "", problem)

	blind := ""
	if c.set.StorageMissing != "" || now.Sub(max(r.lastAt, c.started)) > c.set.ViewLimit {
		blind = fmt.Sprintf("no complete read for more than %s", c.set.ViewLimit)
	}
	note(health.ReaderBlind, blind != "", blind)
	invalid := c.domainInvalid(now)
	note(health.DomainInvalid, invalid != "", invalid)
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
	late := ""
	if own.waitingSince != 0 && expected && now.Sub(max(own.waitingSince, own.durableAt)) > c.set.ViewLimit {
		late = fmt.Sprintf("not written for more than %s", c.set.ViewLimit)
	}
	note(health.RecordLate, late != "", late)

	rival := c.rivalText(now)
	note(health.HostIDTaken, rival != "", rival)
	overwritten := c.stranger()
	if c.overwritten {
		text := fmt.Sprintf("segment %d, %d times since the start", c.set.HostID, c.overwrites)
		overwritten = strings.TrimPrefix(overwritten+"; "+text, "; ")
	}
	note(health.SegmentOverwritten, overwritten != "", overwritten)
	note(health.SegmentUnreadable, c.reader.unreadable != "", c.reader.unreadable)
}

func (c *Core) judgeLease(note func(health.Code, bool, string)) {
	l := &c.lease
	detail := c.leaseBlocked()
	if detail == "" {
		detail = l.detail
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
	case health.ConfigBad:
		c.configBad = e.Detail
	case health.ClockJump, health.EngineUnknown, health.OVFStale, health.ArchiveInvalid, health.NotifyFailing:
		if c.board.Put(now, e.Code, e.Detail != "", e.Detail) {
			out.changed = true
		}
	}
}
