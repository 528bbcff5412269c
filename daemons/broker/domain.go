package broker

import (
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// monitoring is what the core knows about the storage domain and its monitor.
type monitoring struct {
	wish    domainWish
	wishAt  clock.Mono // when it became this
	runs    bool       // the monitor was started and has not been stopped since
	settled bool       // it was stopped or started by this process: none of an earlier one can be left

	op    DomainOp   // in flight; 0 = the lane is idle
	opAt  clock.Mono // its start
	stall bool       // it has been reported as stalled

	facts     DomainFacts
	checkedAt clock.Mono // start of the last check that ended, well or badly; 0 = none since the monitor was started
	checkAt   clock.Mono // no check before this
	failures  int        // starts or stops in a row that failed
	tryAt     clock.Mono // no start or stop before this
	problem   string     // why the last operation failed; empty if it did not
}

// domainWish is what was commanded last.
type domainWish uint8

const (
	wishNone domainWish = iota
	wishOn
	wishOff
)

// domainStale is after how many intervals without a check a domain is not valid any more.
const domainStale = 3

// domainWanted takes a command.
func (c *Core) domainWanted(now clock.Mono, e DomainWanted, out *outcome) {
	kind, wish := callDomainOff, wishOff
	if e.On {
		kind, wish = callDomainOn, wishOn
		if err := c.domainForbidden(e.HostID); err != nil {
			out.reply(e.Token, err)
			return
		}
	}
	if c.stop.wanted {
		out.reply(e.Token, errEnding)
		return
	}
	if d := &c.domain; d.wish != wish {
		d.wish, d.wishAt, d.failures, d.tryAt, d.problem = wish, now, 0, 0, ""
	}
	c.expect(call{token: e.Token, kind: kind, until: e.Until})
}

func (c *Core) domainForbidden(hostID int) error {
	switch {
	case hostID != c.set.HostID:
		return fmt.Errorf("host id %d is not this host's own, which is %d", hostID, c.set.HostID)
	case c.set.StorageMissing != "":
		return errors.New(c.set.StorageMissing)
	case !c.mount.wanted:
		return errors.New(c.disconnectedText())
	}
	return nil
}

// domainState tells whether a command has been carried out.
func (c *Core) domainState(on bool) (over bool, err error) {
	d, shown := &c.domain, &c.domainShown
	switch {
	case on && d.wish != wishOn:
		return true, errors.New("stopping was asked for meanwhile")
	case !on && d.wish != wishOff:
		return true, errors.New("starting was asked for meanwhile")
	case on:
		return shown.State == DomainOn && shown.Valid && shown.Acquired, nil
	}
	return shown.State == DomainOff, nil
}

// startDomain starts the next operation of the domain lane, if one is due and the lane is idle.
func (c *Core) startDomain(now clock.Mono, out *outcome) {
	d := &c.domain
	if d.op != 0 || c.stop.wanted {
		return
	}
	connected := c.mount.usable && c.mount.wanted
	op := DomainOp(0)
	switch {
	case d.runs && (d.wish != wishOn || !c.mount.wanted), d.wish == wishOff && !d.settled && connected:
		op = DomainStop
	case d.wish != wishOn || !connected:
	case !d.runs:
		op = DomainStart
	case now >= d.checkAt:
		op = DomainCheck
	}
	if op == 0 || op != DomainCheck && now < d.tryAt {
		return
	}
	d.op, d.opAt = op, now
	out.add(StartDomain{Op: op, HostID: c.set.HostID})
}

// domainDone takes the end of a domain operation.
func (c *Core) domainDone(now clock.Mono, e DomainDone, out *outcome) {
	d := &c.domain
	if d.op == 0 || e.Op != d.op {
		return
	}
	c.recovered(DomainLane, d.op.String(), -1, now.Sub(d.opAt), &d.stall, out)
	d.op = 0
	d.problem = ""
	if e.Err != nil {
		d.problem = fmt.Sprintf("%v: %v", e.Op, e.Err)
	}
	if e.Op == DomainCheck {
		c.domainChecked(now, e)
		return
	}
	d.facts, d.checkedAt = DomainFacts{}, 0
	if e.Err != nil {
		// A start that failed may have begun nevertheless.
		d.settled = false
		d.failures++
		d.tryAt = now.Add(doubled(c.set.RetryMin, d.failures, max(c.set.RetryMin, c.set.DomainInterval)))
		return
	}
	d.settled, d.failures, d.tryAt = true, 0, 0
	d.runs = e.Op == DomainStart
	d.facts.Acquired = e.Facts.Acquired
	d.checkAt = now
}

// domainChecked takes the end of a check.
func (c *Core) domainChecked(now clock.Mono, e DomainDone) {
	d := &c.domain
	d.facts, d.checkedAt = DomainFacts{}, d.opAt
	pause := c.set.DomainInterval
	if e.Err == nil {
		d.facts = e.Facts
	}
	if !d.facts.Valid || !d.facts.Acquired {
		pause /= 4 // somebody waits for it
	}
	d.checkAt = max(d.opAt.Add(pause), now.Add(pause/4))
}

// showDomain works out what is to be shown, and notes whether that changed.
func (c *Core) showDomain(now clock.Mono, out *outcome) {
	view := c.domainView(now)
	if view == c.domainShown {
		return
	}
	if view.State != c.domainShown.State {
		out.add(DomainChanged{State: view.State, Detail: view.Detail})
	}
	c.domainShown = view
	out.changed = true
}

func (c *Core) domainView(now clock.Mono) Domain {
	d := &c.domain
	view := Domain{State: DomainNever, Delay: d.facts.Delay, CheckedAt: d.checkedAt, Acquired: d.facts.Acquired, Detail: d.problem}
	connected := c.mount.usable && c.mount.wanted
	switch d.wish {
	case wishNone:
	case wishOff:
		// With the storage away there is nothing that an earlier process's monitor could look at.
		view.State, view.Valid = DomainOff, true
		if d.runs || d.op != 0 || !d.settled && connected {
			view.State = DomainStopping
		}
	case wishOn:
		view.HostID = c.set.HostID
		view.State = DomainStarting
		if d.runs {
			view.State = DomainOn
		}
		if view.Detail == "" {
			view.Detail = c.domainTrouble(now)
		}
		view.Valid = view.State == DomainOn && view.Detail == ""
		if view.Valid && !d.facts.Acquired {
			view.Detail = "the host id of the storage domain has not been acquired yet"
			if d.facts.Detail != "" {
				view.Detail += ": " + d.facts.Detail
			}
		}
	}
	return view
}

// domainTrouble says why a domain that is monitored is not valid; empty if it is.
func (c *Core) domainTrouble(now clock.Mono) string {
	d := &c.domain
	limit := domainStale * c.set.DomainInterval
	switch {
	case !d.runs && c.unusable() != "":
		return c.unusable()
	case !d.runs:
		return "being started"
	case d.checkedAt == 0:
		return "not checked yet"
	case now.Sub(d.checkedAt) > limit:
		return fmt.Sprintf("not checked for more than %s", limit)
	case !d.facts.Valid && d.facts.Detail == "":
		return "the check says that it is not valid"
	case !d.facts.Valid:
		return d.facts.Detail
	case d.facts.Delay > c.set.DomainDelayLimit:
		return fmt.Sprintf("reading it took %s, more than %s", d.facts.Delay.Round(time.Millisecond), c.set.DomainDelayLimit)
	}
	return ""
}

// domainInvalid says what the warning about the domain says; empty while nobody asked for it, while it is valid, and
// while its first check may still be under way.
func (c *Core) domainInvalid(now clock.Mono) string {
	d := &c.domain
	if d.wish != wishOn || c.domainShown.Valid {
		return ""
	}
	if d.checkedAt == 0 && d.problem == "" && now.Sub(d.wishAt) <= domainStale*c.set.DomainInterval {
		return ""
	}
	return c.domainShown.Detail
}
