package broker

import (
	"errors"
	"fmt"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// mounting is what the core knows about the connection to storage.
type mounting struct {
	wanted bool  // to be connected; false only on command
	usable bool  // a connect has succeeded and no disconnect has begun since: other lanes may touch the storage
	ready  Ready // what it found

	state  string
	since  clock.Mono // when state began
	detail string

	op    MountOp    // in flight; 0 = the lane is idle
	opAt  clock.Mono // its start
	stall bool       // it has been reported as stalled

	failures   int        // attempts in a row that failed or did not help
	tryAt      clock.Mono // no attempt before this
	problem    string     // why the last attempt failed; empty if it did not
	failedIO   bool       // a read or write has failed since the last attempt began
	generation uint64     // counts the times that the storage was away; what a lane began before says nothing about it now

	drainUntil clock.Mono // disconnecting: with idle lanes or without from then on
	leaveUntil clock.Mono // disconnecting: given up if the lockspace has not been left by then
	lockAgain  bool       // disconnecting: the lease was wanted, and is again if it is given up
}

// unusable says why no other lane may touch the storage; empty if it may.
func (c *Core) unusable() string {
	m := &c.mount
	switch {
	case c.set.StorageMissing != "":
		return c.set.StorageMissing
	case m.usable:
		return ""
	case m.detail == "":
		return "the storage is " + m.state
	}
	return "the storage is " + m.state + ": " + m.detail
}

// leaseBlocked says why no operation of the lease lane may start; empty if one may.
func (c *Core) leaseBlocked() string {
	if c.set.LeaseMissing != "" {
		return c.set.LeaseMissing
	}
	return c.unusable()
}

// disconnectedText says why a wish is refused while the storage is away on command.
func (c *Core) disconnectedText() string {
	return "the storage is " + c.mount.state + " on command; connect it first"
}

// storageBecomes changes the state of the storage.
func (c *Core) storageBecomes(now clock.Mono, state, detail string, out *outcome) {
	m := &c.mount
	if m.state == state && m.detail == detail {
		return
	}
	if m.state != state {
		m.state, m.since = state, now
	}
	m.detail = detail
	out.changed = true
	out.add(StorageChanged{State: state, Detail: detail})
}

// startMount starts the next operation of the mount lane, if one is due and the lane is idle. Nothing else waits for it.
func (c *Core) startMount(now clock.Mono, out *outcome) {
	m := &c.mount
	if m.op != 0 || c.set.StorageMissing != "" || c.stop.wanted || now < m.tryAt {
		return
	}
	switch {
	case !m.wanted:
		if m.state == StorageDisconnecting && c.mayDisconnect(now) {
			m.usable, m.ready = false, Ready{}
			c.startMountOp(now, MountDisconnect, out)
		}
	case !m.usable:
		if m.failures == 0 {
			c.storageBecomes(now, StorageConnecting, "", out)
		}
		c.startMountOp(now, MountConnect, out)
	case m.problem != "" || c.set.MustConnect && m.failedIO && c.ioTrouble() != "":
		c.startMountOp(now, MountReconnect, out)
	}
}

func (c *Core) startMountOp(now clock.Mono, op MountOp, out *outcome) {
	c.mount.op, c.mount.opAt, c.mount.failedIO = op, now, false
	out.add(StartMount{Op: op})
}

// mountDone takes the end of a mount operation.
func (c *Core) mountDone(now clock.Mono, e MountDone, out *outcome) {
	m := &c.mount
	if m.op == 0 || e.Op != m.op {
		return
	}
	c.recovered(MountLane, m.op.String(), -1, now.Sub(m.opAt), &m.stall, out)
	m.op = 0
	out.changed = true
	m.problem = ""
	if e.Err != nil {
		m.problem = fmt.Sprintf("%v: %v", e.Op, e.Err)
	}
	switch {
	case e.Op == MountDisconnect:
		c.disconnected(now, out)
	case e.Err != nil && m.wanted:
		c.pauseMount(now)
		c.storageBecomes(now, StorageFailing, m.problem, out)
	case e.Err != nil:
	case m.wanted:
		c.connected(now, e, out)
	case m.usable:
		// A disconnect was wanted meanwhile. The volumes may have moved, and it still has to drain and leave.
		m.ready = e.Ready
	}
}

// pauseMount sets the pause after an attempt that did not help.
func (c *Core) pauseMount(now clock.Mono) {
	c.mount.failures++
	c.mount.tryAt = now.Add(doubled(c.set.ReconnectMin, c.mount.failures, c.set.ReconnectMax))
}

// connected takes the news that the storage is there. Everything that waited for it is due now.
func (c *Core) connected(now clock.Mono, e MountDone, out *outcome) {
	m := &c.mount
	first := !m.usable
	m.usable, m.ready = true, e.Ready
	c.mail.hurry()
	c.reader.nextAt = 0
	if !first {
		// Whether it helped is for the next read or write to say.
		c.pauseMount(now)
		c.storageJudged(now, out)
		return
	}
	m.failures, m.tryAt = 0, 0
	m.generation++
	c.reader.failures, c.reader.missing, c.reader.problem, c.reader.fullAt = 0, false, "", 0
	c.writer.failures, c.writer.missing = 0, false
	c.lease.polled, c.lease.joinAt = false, 0
	c.storageBecomes(now, StorageConnected, "", out)
}

// ioTrouble says what is wrong with reads or writes so lastingly that connecting again may help; empty if nothing is. A
// lane that hangs is none of it: its call may still return, and connecting again would not end it.
func (c *Core) ioTrouble() string {
	r, w := &c.reader, &c.writer
	switch {
	case r.missing || w.missing:
		return "the whiteboard is not there: " + c.storageProblem()
	case r.failures >= c.set.ReconnectAfter:
		return fmt.Sprintf("%d or more reads failed in a row: %s", c.set.ReconnectAfter, r.problem)
	case w.failures >= c.set.ReconnectAfter:
		return fmt.Sprintf("%d or more writes failed in a row: %s", c.set.ReconnectAfter, w.problem)
	}
	return ""
}

// ioFailed notes that a read or write failed, after its lane has counted it.
func (c *Core) ioFailed(now clock.Mono, out *outcome) {
	c.mount.failedIO = true
	c.storageJudged(now, out)
}

// ioWorked notes that a read or write succeeded, after its lane has noted it. If no lane is in trouble any more, what the
// mount lane found is past.
func (c *Core) ioWorked(now clock.Mono, out *outcome) {
	m := &c.mount
	if c.reader.failures == 0 && c.writer.failures == 0 && m.usable && m.wanted {
		m.failures, m.tryAt, m.problem, m.failedIO = 0, 0, "", false
	}
	c.storageJudged(now, out)
}

// storageJudged brings the state of a connected storage up to date.
func (c *Core) storageJudged(now clock.Mono, out *outcome) {
	m := &c.mount
	if !m.usable || !m.wanted {
		return
	}
	trouble := c.ioTrouble()
	switch {
	case m.problem != "":
		c.storageBecomes(now, StorageFailing, m.problem, out)
	case trouble != "":
		c.storageBecomes(now, StorageFailing, trouble, out)
	default:
		c.storageBecomes(now, StorageConnected, "", out)
	}
}

// connectWanted answers when the storage is connected. An attempt that pauses is made at once.
func (c *Core) connectWanted(now clock.Mono, e ConnectWanted, out *outcome) {
	m := &c.mount
	switch {
	case c.set.StorageMissing != "":
		out.reply(e.Token, errors.New(c.set.StorageMissing))
		return
	case c.stop.wanted:
		out.reply(e.Token, errEnding)
		return
	case m.wanted:
		m.tryAt, m.failedIO = 0, true
	case m.usable:
		c.giveUpDisconnect(now, "connecting was asked for", out)
	default:
		m.wanted, m.failures, m.tryAt, m.problem = true, 0, 0, ""
		c.storageBecomes(now, StorageConnecting, "", out)
	}
	c.expect(call{token: e.Token, kind: callConnect, until: e.Until})
}

func (c *Core) connectState() (over bool, err error) {
	switch {
	case !c.mount.wanted:
		return true, errors.New("the storage is being disconnected")
	case c.mount.state == StorageConnected:
		return true, nil
	}
	return false, nil
}

// mountView is the storage as a snapshot shows it.
func (c *Core) mountView() Mount {
	m := &c.mount
	return Mount{State: m.state, Since: m.since, Detail: m.detail, Ready: m.ready, Failures: m.failures}
}
