package broker

import (
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// leasing is what the core knows about the host id lease.
type leasing struct {
	state  LeaseState
	since  clock.Mono // when state began
	detail string

	wanted bool // an agent asked for it and nobody has released it since
	held   bool // sanlock confirmed it, and nothing said otherwise since: the own segment may be written
	lost   bool // was held and wanted, and has not been held again

	op    LeaseOp    // in flight; 0 = the lane is idle
	opAt  clock.Mono // its start
	stall bool       // it has been reported as stalled

	polled      bool       // sanlock has answered or failed at least once
	pollAt      clock.Mono // next question
	problem     string     // why the last question failed; empty if it was answered
	confirmedAt clock.Mono // start of the last question that was answered

	joinAt     clock.Mono // no join before this
	drainUntil clock.Mono // Draining: leave by then, written or not
	leaveAt    clock.Mono // Draining: no attempt to leave before this
	leaveUntil clock.Mono // Leaving: sanlock should be done by then
	kept       bool       // leaving was refused because the lockspace is in use

	reset bool // a reset waits or is in flight

	seen       LeaseSeen  // sanlock's last answer
	examine    bool       // who holds the host id is to be looked up
	examinedAt clock.Mono // when that was last done; 0 never
	owner      LeaseOwner // who it was then
}

// leaveLimit is how long sanlock may take to remove an idle lockspace, which is 1 to 3 s; after that the lease counts
// as held again and the release has to be asked for again.
const leaveLimit = 15 * time.Second

// become changes the state.
func (c *Core) become(now clock.Mono, state LeaseState, detail string, out *outcome) {
	l := &c.lease
	if l.state == state && l.detail == detail {
		return
	}
	if l.state != state {
		l.state, l.since = state, now
	}
	l.detail = detail
	out.changed = true
	out.add(LeaseChanged{State: state, Detail: detail})
}

// lockWanted begins to join. It is answered when the lease is held (S2), or at its deadline.
func (c *Core) lockWanted(now clock.Mono, e LockWanted, out *outcome) {
	l := &c.lease
	switch {
	case e.HostID != c.set.HostID:
		out.reply(e.Token, fmt.Errorf("host id %d is not this host's own, which is %d", e.HostID, c.set.HostID))
		return
	case c.set.LeaseMissing != "":
		out.reply(e.Token, errors.New(c.set.LeaseMissing))
		return
	case c.stop.wanted:
		out.reply(e.Token, errEnding)
		return
	case !c.mount.wanted:
		out.reply(e.Token, errors.New(c.disconnectedText()))
		return
	}
	if err := c.hostIDLimit(); err != nil {
		out.reply(e.Token, err)
		return
	}
	if !l.wanted {
		l.wanted = true
		out.changed = true
	}
	if l.state == Draining && l.held {
		c.become(now, Held, "wanted again", out)
	}
	c.expect(call{token: e.Token, kind: callLock, until: e.Until})
}

func (c *Core) lockState() (over bool, err error) {
	switch l := &c.lease; {
	case l.state == Held && l.held:
		return true, nil
	case !l.wanted:
		return true, errors.New("releasing was asked for meanwhile")
	}
	if err := c.hostIDLimit(); err != nil {
		return true, err
	}
	return false, nil
}

// releaseWanted begins the release. It is answered when sanlock has let go, or at its deadline.
func (c *Core) releaseWanted(now clock.Mono, e ReleaseWanted, out *outcome) {
	if c.lease.wanted {
		c.lease.wanted, c.lease.lost = false, false
		out.changed = true
	}
	c.mount.lockAgain = false
	lost := c.lease.state == Lost
	if !c.beginRelease(now, out) && !lost {
		out.reply(e.Token, errors.New("no host id is held"))
		return
	}
	c.expect(call{token: e.Token, kind: callRelease, until: e.Until})
}

func (c *Core) releaseState() (over bool, err error) {
	switch l := &c.lease; {
	case l.wanted:
		return true, errors.New("locking was asked for meanwhile")
	case l.state == Held:
		return true, errors.New("not released: " + l.detail)
	}
	return c.lockspaceLeft(), nil
}

// beginRelease brings the lease on its way out and reports whether there is one. A join that has been asked for and not
// been answered counts as one: what it brings goes the same way as soon as it is there.
func (c *Core) beginRelease(now clock.Mono, out *outcome) bool {
	l := &c.lease
	switch l.state {
	case Held:
		l.drainUntil, l.leaveAt, l.kept = now.Add(c.set.DrainLimit), 0, false
		c.mail.hurry() // peers wait for the last record
		c.become(now, Draining, "writing what is pending before the release", out)
	case Joining:
		c.leaveUnwanted(now, out)
	case Lost:
		c.become(now, None, "released after it was lost", out)
		return l.op == LeaseJoin
	case None:
		return l.op == LeaseJoin
	case Draining, Leaving:
	}
	return true
}

// leaveUnwanted leaves a lockspace that is being joined and that nobody wants any more.
func (c *Core) leaveUnwanted(now clock.Mono, out *outcome) {
	l := &c.lease
	l.drainUntil, l.leaveAt, l.kept = now, 0, false
	c.become(now, Draining, "released while joining", out)
}

// startLease starts the next operation of the lease lane, if one is due and the lane is idle.
func (c *Core) startLease(now clock.Mono, out *outcome) {
	l := &c.lease
	if l.op != 0 || c.leaseBlocked() != "" {
		return
	}
	c.wonder(now)
	switch {
	case !l.polled:
		c.startLeaseOp(now, LeasePoll, out)
	case l.state == Draining && now >= l.leaveAt && (now >= l.drainUntil || c.drained(c.set.HostID)):
		l.held = false // from here on sanlock may let go at any moment
		c.startLeaseOp(now, LeaseLeave, out)
	case l.reset:
		c.startReset(now, out)
	case l.examine && c.mayExamine(now):
		c.startLeaseOp(now, LeaseExamine, out)
	case l.wanted && !c.stop.wanted && c.hostIDLimit() == nil && (l.state == None || l.state == Lost) && now >= l.joinAt:
		c.startLeaseOp(now, LeaseJoin, out)
	case now >= l.pollAt:
		c.startLeaseOp(now, LeasePoll, out)
	}
}

func (c *Core) startLeaseOp(now clock.Mono, op LeaseOp, out *outcome) {
	c.lease.op, c.lease.opAt = op, now
	out.add(StartLease{Op: op})
}

// leaseObserved takes the end of a lease operation.
func (c *Core) leaseObserved(now clock.Mono, e LeaseObserved, out *outcome) {
	l := &c.lease
	if l.op == 0 || e.Op != l.op {
		return
	}
	c.recovered(LeaseLane, l.op.String(), -1, now.Sub(l.opAt), &l.stall, out)
	l.op = 0
	out.changed = true
	switch e.Op {
	case LeasePoll:
		c.leasePolled(now, e, out)
	case LeaseJoin:
		c.leaseJoined(now, e, out)
	case LeaseLeave:
		c.leaseLeft(now, e, out)
	case LeaseExamine:
		c.leaseExamined(now, e, out)
	case LeaseReset:
		c.finishCalls(callReset, e.Err, out)
		l.reset = false
		detail := "an empty lockspace was written"
		if e.Err != nil {
			detail = "writing an empty lockspace failed: " + e.Err.Error()
		}
		l.joinAt = 0
		c.become(now, l.state, detail, out)
	}
}

// leaseJoined takes the end of an attempt to join.
func (c *Core) leaseJoined(now clock.Mono, e LeaseObserved, out *outcome) {
	l := &c.lease
	switch {
	case e.Err != nil:
		l.joinAt = now.Add(c.set.LeaseRetry)
		c.refusedAsTaken(e.Err)
		c.become(now, c.unheld(), "joining failed: "+e.Err.Error(), out)
	case !l.wanted:
		c.leaveUnwanted(now, out)
	default:
		l.pollAt = now.Add(min(c.set.LeasePoll, time.Second))
		c.become(now, Joining, "sanlock is adding the lockspace", out)
	}
}

// leaseLeft takes the end of an attempt to leave.
func (c *Core) leaseLeft(now clock.Mono, e LeaseObserved, out *outcome) {
	l := &c.lease
	l.pollAt = now
	switch {
	case errors.Is(e.Err, ErrLeaseInUse):
		// Leaving would make sanlock kill the engine. The next poll says whether the lease is still held.
		l.kept = true
		c.become(now, Held, "kept, because it is in use: "+e.Err.Error(), out)
	case e.Err != nil:
		l.leaveAt = now.Add(min(c.set.LeaseRetry, time.Second))
		c.become(now, Draining, "leaving failed: "+e.Err.Error(), out)
	default:
		l.leaveUntil = now.Add(leaveLimit)
		c.become(now, Leaving, "sanlock is removing the lockspace", out)
	}
}

// leaseView is the lease as a snapshot shows it.
func (c *Core) leaseView() Lease {
	l := &c.lease
	view := Lease{State: l.state, Since: l.since, ConfirmedAt: l.confirmedAt, Detail: l.detail, Owner: l.owner}
	if l.wanted || l.state == Held || l.state == Joining || l.state == Draining || l.state == Leaving {
		view.HostID = c.set.HostID
	}
	if why := c.leaseBlocked(); why != "" {
		view.Detail = why
	}
	return view
}
