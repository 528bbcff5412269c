package broker

import (
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// leasePolled takes sanlock's answer, or its silence.
func (c *Core) leasePolled(now clock.Mono, e LeaseObserved, out *outcome) {
	l := &c.lease
	l.polled = true
	l.pollAt = now.Add(c.set.LeasePoll)
	if l.state == Leaving {
		l.pollAt = now.Add(min(c.set.LeasePoll, 250*time.Millisecond))
	}
	if e.Err != nil {
		l.problem = e.Err.Error()
		if errors.Is(e.Err, ErrSanlockGone) {
			c.leaseGone(now, "no sanlock renews it any more", out)
		}
		return
	}
	l.problem = ""
	l.seen = e.Seen
	l.confirmedAt = e.Started
	switch e.Seen {
	case SeenHeld:
		c.leaseSeenHeld(now, out)
	case SeenAdding:
		if l.state == None || l.state == Lost {
			c.become(now, Joining, "sanlock is adding the lockspace", out)
		}
	case SeenRemoving:
		if l.state == Held || l.state == Joining {
			c.leaseGone(now, "sanlock is giving the lease up; renewing it failed", out)
		}
	case SeenAbsent:
		why := "sanlock does not have the lockspace"
		if l.state == Draining || l.state == Leaving {
			why = "released"
		}
		c.leaseGone(now, why, out)
	case SeenOther:
		c.leaseGone(now, "sanlock has the lockspace's name or path with another host id", out)
	}
}

func (c *Core) leaseSeenHeld(now clock.Mono, out *outcome) {
	l := &c.lease
	switch l.state {
	case Draining:
	case Leaving:
		if now >= l.leaveUntil {
			l.held = true
			c.become(now, Held, "sanlock did not let go", out)
		}
	case Held:
		l.held = true
	default:
		l.held, l.lost = true, false
		l.owner, l.examine, c.rival.inLease = LeaseOwner{}, false, ""
		c.become(now, Held, "confirmed by sanlock", out)
	}
}

// leaseGone notes that the lease is not held, for the reason given.
func (c *Core) leaseGone(now clock.Mono, why string, out *outcome) {
	l := &c.lease
	l.held = false
	switch l.state {
	case Held:
		l.lost = l.wanted
		l.joinAt = now.Add(c.set.LeaseRetry)
		c.become(now, c.unheld(), why, out)
	case Joining:
		l.joinAt = now.Add(c.set.LeaseRetry)
		l.examine = true
		c.become(now, c.unheld(), "joining failed: "+why+
			"; sanlock's log tells why (another holder, not initialised, path missing)", out)
	case Draining, Leaving:
		c.become(now, None, why, out)
	case None, Lost:
	}
}

// unheld is the state without a lease: Lost if it is missed.
func (c *Core) unheld() LeaseState {
	if c.lease.lost {
		return Lost
	}
	return None
}

// expireLease gives up a lease that sanlock has not confirmed for longer than it can live without renewal. One that is on
// its way out still has to be left: a silent sanlock has released nothing.
func (c *Core) expireLease(now clock.Mono, out *outcome) {
	l := &c.lease
	if !l.held || now.Sub(l.confirmedAt) <= c.set.LeaseLife {
		return
	}
	why := fmt.Sprintf("not confirmed by sanlock for more than %s", c.set.LeaseLife)
	if l.state != Draining {
		c.leaseGone(now, why, out)
		return
	}
	l.held = false
	c.become(now, Draining, why, out)
}
