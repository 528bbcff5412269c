package broker

import (
	"fmt"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// stopping is the ordered end.
type stopping struct {
	wanted     bool
	drainUntil clock.Mono
	until      clock.Mono
	done       bool
}

// stopWanted begins the ordered end: write what can be written, leave the lockspace, both bounded. The storage stays
// connected and the domain monitor as it is: the next broker takes them over.
func (c *Core) stopWanted(now clock.Mono, out *outcome) {
	if c.stop.wanted {
		return
	}
	c.stop = stopping{wanted: true, drainUntil: now.Add(c.set.DrainLimit), until: now.Add(c.set.StopLimit)}
	c.lease.wanted = false
	for _, kind := range []callKind{callLock, callConnect, callDisconnect, callDomainOn, callDomainOff} {
		c.finishCalls(kind, errEnding, out)
	}
	c.mail.hurry() // a pause may be longer than the end: each record has one more try
	c.beginRelease(now, out)
	out.changed = true
}

// endIfDone finishes the ordered end when everything is done, or when its time is up.
func (c *Core) endIfDone(now clock.Mono, out *outcome) {
	if !c.stop.wanted || c.stop.done {
		return
	}
	written := c.drained(0) && (c.drained(c.set.HostID) || !c.ownWritable())
	if c.set.StorageMissing != "" {
		written = true
	}
	// A join that has not been answered may still bring a lease.
	released := c.lease.op != LeaseLeave && c.lease.op != LeaseJoin && (c.lease.state == None || c.lease.state == Lost || c.lease.kept)
	// Without a connected storage nothing will be written any more.
	hopeless := !c.mount.usable && c.mount.op != MountConnect
	drainOver := written || hopeless || now >= c.stop.drainUntil
	if (!drainOver || !released) && now < c.stop.until {
		return
	}
	c.stop.done = true
	stopped := Stopped{Clean: written && released}
	switch {
	case !written && !released:
		stopped.Detail = "a record was not written and the lease was not released: " + c.whatHangs(now)
	case !written:
		stopped.Detail = "a record was not written: " + c.whatHangs(now)
	case !released:
		stopped.Detail = fmt.Sprintf("the host id lease is still %v: %s", c.lease.state, c.lease.detail)
	case c.lease.kept:
		stopped.Detail = "the host id lease stays with sanlock: " + c.lease.detail
	}
	out.add(stopped)
}

// ownWritable: the own record could have been written. Without the lease it could not, and nothing is given up.
func (c *Core) ownWritable() bool {
	flying := c.writer.flying != nil && c.writer.flying.segment == c.set.HostID
	return c.lease.held || flying
}

// whatHangs says why records are left at the end.
func (c *Core) whatHangs(now clock.Mono) string {
	if v := c.writer.flying; v != nil {
		return fmt.Sprintf("%s has been in a write of segment %d for %s", WriterLane, v.segment, now.Sub(c.writer.since).Round(time.Millisecond))
	}
	if why := c.unusable(); why != "" {
		return why
	}
	for _, p := range c.mail.problems(c.mayWrite) {
		return p
	}
	return c.mail.String()
}
