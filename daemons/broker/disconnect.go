package broker

import (
	"errors"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// disconnectWanted begins to take the storage away: the last records are written, the lockspace is left, the domain
// monitor is stopped, and only then the mount lane is asked.
func (c *Core) disconnectWanted(now clock.Mono, e DisconnectWanted, out *outcome) {
	m := &c.mount
	switch {
	case c.set.StorageMissing != "":
		out.reply(e.Token, errors.New(c.set.StorageMissing))
		return
	case c.stop.wanted:
		out.reply(e.Token, errEnding)
		return
	case c.lease.reset:
		out.reply(e.Token, errors.New("the lockspace is being written anew"))
		return
	case m.wanted:
		m.wanted, m.tryAt, m.failures = false, 0, 0
		m.lockAgain = c.lease.wanted
		m.drainUntil = now.Add(c.set.DrainLimit)
		m.leaveUntil = m.drainUntil.Add(leaveLimit)
		c.lease.wanted, c.lease.lost = false, false
		c.mail.hurry()
		c.beginRelease(now, out)
		c.storageBecomes(now, StorageDisconnecting, "writing what is pending and leaving the lockspace", out)
	}
	c.expect(call{token: e.Token, kind: callDisconnect, until: e.Until})
}

func (c *Core) disconnectState() (over bool, err error) {
	switch {
	case c.mount.wanted:
		return true, errors.New("given up: " + c.mount.detail)
	case c.mount.state == StorageDisconnected:
		return true, nil
	}
	return false, nil
}

// mayDisconnect: nothing is held on the storage, and no lane is busy with it or has had its time. A lane that is stuck does not
// hold it up for longer.
func (c *Core) mayDisconnect(now clock.Mono) bool {
	if !c.mount.usable {
		return true // a connect that failed, or came too late, may have left something
	}
	if !c.lockspaceLeft() {
		return false
	}
	idle := c.drained(0) && c.writer.flying == nil && !c.reader.busy && c.lease.op == 0 && c.domain.op == 0 && !c.domain.runs
	return idle || now >= c.mount.drainUntil
}

func (c *Core) lockspaceLeft() bool {
	l := &c.lease
	return (l.state == None || l.state == Lost) && l.op != LeaseJoin && l.op != LeaseLeave
}

// watchDisconnect gives a disconnect up when the lockspace cannot be left: a process, the engine, uses it, or sanlock
// does not let go. Taking the storage from under it would make sanlock kill that process, or the host.
func (c *Core) watchDisconnect(now clock.Mono, out *outcome) {
	m := &c.mount
	if m.state != StorageDisconnecting || m.wanted || !m.usable || c.stop.wanted || c.lockspaceLeft() {
		return
	}
	switch {
	case c.lease.state == Held:
		c.giveUpDisconnect(now, "the lockspace stays: "+c.lease.detail, out)
	case now >= m.leaveUntil:
		c.giveUpDisconnect(now, "the lockspace has not been left: "+c.leaseStands().Error(), out)
	}
}

// giveUpDisconnect makes everything as it was before the disconnect was asked for.
func (c *Core) giveUpDisconnect(now clock.Mono, why string, out *outcome) {
	m := &c.mount
	m.wanted, c.lease.wanted = true, m.lockAgain
	state := StorageConnected
	if m.problem != "" || c.ioTrouble() != "" {
		state = StorageFailing
	}
	c.storageBecomes(now, state, "not disconnected, "+why, out)
}

// disconnected takes the end of a MountDisconnect.
func (c *Core) disconnected(now clock.Mono, out *outcome) {
	m := &c.mount
	switch {
	case m.wanted: // connecting was asked for meanwhile
		m.problem = ""
		c.storageBecomes(now, StorageConnecting, "", out)
	case m.problem != "":
		c.pauseMount(now)
		c.storageBecomes(now, StorageDisconnecting, m.problem, out)
	default:
		m.failures, m.tryAt = 0, 0
		c.domain.runs, c.domain.settled = false, false // whatever it was, it has lost its storage
		c.storageBecomes(now, StorageDisconnected, "on command", out)
	}
}
