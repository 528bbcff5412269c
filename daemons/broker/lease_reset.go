package broker

import (
	"errors"
	"fmt"
	"slices"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// startReset begins a reset that was accepted, unless it has become dangerous while the lane was busy with something else:
// other hosts may have joined since.
func (c *Core) startReset(now clock.Mono, out *outcome) {
	if err := c.resetHarms(now); err != nil {
		c.lease.reset = false
		out.changed = true
		c.finishCalls(callReset, err, out)
		return
	}
	c.startLeaseOp(now, LeaseReset, out)
}

// resetWanted refuses while this host uses the lockspace or another one may.
func (c *Core) resetWanted(now clock.Mono, e ResetWanted, out *outcome) {
	if err := c.resetForbidden(now); err != nil {
		out.reply(e.Token, err)
		return
	}
	c.lease.reset = true
	out.changed = true
	c.expect(call{token: e.Token, kind: callReset, until: e.Until})
}

func (c *Core) resetForbidden(now clock.Mono) error {
	if c.lease.reset {
		return errors.New("a reset is under way")
	}
	return c.resetHarms(now)
}

// resetHarms returns why writing an empty lockspace now would take a lease from somebody, or cannot be done.
func (c *Core) resetHarms(now clock.Mono) error {
	l := &c.lease
	switch {
	case c.leaseBlocked() != "":
		return errors.New(c.leaseBlocked())
	case c.stop.wanted:
		return errEnding
	case !c.mount.wanted:
		return errors.New(c.disconnectedText())
	case l.state != None && l.state != Lost:
		return fmt.Errorf("the lease is %v", l.state)
	case l.op == LeaseJoin:
		return errors.New("the lockspace is being joined")
	case !l.polled || l.problem != "":
		return errors.New("sanlock did not tell whether the lockspace is in use")
	}
	return c.othersMayLive(now)
}

// othersMayLive returns why another host may be using the lockspace, or nil if none can be. A segment that cannot be read
// counts as well: a host with a later version writes such records.
func (c *Core) othersMayLive(now clock.Mono) error {
	r := &c.reader
	own := func(id int) bool { return id == c.set.HostID }
	if others := slices.DeleteFunc(slices.Clone(c.alive), own); len(others) > 0 && c.aliveAt != 0 && now.Sub(c.aliveAt) <= c.set.AliveLimit {
		return fmt.Errorf("the agent says that hosts %v are alive", others)
	}
	if r.lastAt == 0 || now.Sub(r.lastAt) > c.set.AliveLimit {
		return errors.New("the whiteboard has not been read lately, so other hosts may be alive")
	}
	for _, s := range r.seen {
		if s.segment != 0 && s.segment != c.set.HostID && !s.stopped && now.Sub(s.changedAt) <= c.set.AliveLimit {
			return fmt.Errorf("host %d published in the last %s", s.segment, c.set.AliveLimit)
		}
	}
	return nil
}
