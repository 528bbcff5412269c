package broker

import (
	"errors"
	"fmt"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// rivalry is what shows that another host uses this host's host id. Two hosts with one host id share a segment and a
// lease: only one of them can hold the lease, and only that one should write the segment.
type rivalry struct {
	ownName string // this host's name, as its agent publishes it; empty until a record came

	inLease  string     // the host that holds the host id's lease, and how that is known; empty if none is known to
	inRecord string     // the host that published in the own segment
	recordAt clock.Mono // when that was last seen
}

// rivalText says that another host uses the host id; empty if none is known to.
func (c *Core) rivalText(now clock.Mono) string {
	r := &c.rival
	switch {
	case r.inLease != "":
		return r.inLease
	case r.inRecord != "" && now.Sub(r.recordAt) <= c.set.AliveLimit:
		return r.inRecord
	}
	return ""
}

// stranger looks at the own segment as the last pass found it. It says whose record is there if it is not this host's;
// empty if it is, if there is none, or if that cannot be told.
func (c *Core) stranger() string {
	found, ok := find(c.reader.seen, c.set.HostID)
	switch {
	case !ok:
		return ""
	case found.foreign:
		return found.problem
	case found.host != "" && c.rival.ownName != "" && found.host != c.rival.ownName:
		return fmt.Sprintf("segment %d holds the record of host %q, this host is %q", c.set.HostID, found.host, c.rival.ownName)
	}
	return ""
}

// meetStranger is called after each complete pass. A foreign record that has lain there since before this process began
// may be that of the machine which had the host id before; one that has appeared since is that of a host which lives.
func (c *Core) meetStranger() {
	found, _ := find(c.reader.seen, c.set.HostID)
	if c.stranger() == "" || found.foreign || found.changedAt <= c.reader.firstAt {
		return
	}
	c.rival.inRecord = fmt.Sprintf("host %q publishes with host id %d, which is this host's", found.host, c.set.HostID)
	c.rival.recordAt = c.reader.lastAt
}

// Whose the lease is cannot be asked of sanlock: a join that fails says nothing but that in sanlock's log. So the record
// on storage is read: after each failed join, and while a join takes longer than it does when nobody is in the way. A
// holder whose timestamp moves lives. One whose timestamp stands still is dead, or an earlier boot of this very host.

// wonder notes that it is to be found out who holds the host id.
func (c *Core) wonder(now clock.Mono) {
	l := &c.lease
	// sanlock renews every two I/O timeouts, and a lease lives for eight.
	renewal := c.set.LeaseLife / 4
	slow := l.state == Joining && now.Sub(l.since) > renewal+renewal/2
	known := l.owner.Timestamp != 0 && l.state != Held
	if (slow || known) && l.wanted && !l.held && now.Sub(l.examinedAt) > renewal+renewal/4 {
		l.examine = true
	}
}

// mayExamine: it is of use, and storage answers, so that the lane does not get stuck in a read while it is needed for
// joining. (While the lockspace is listed with another host id or path, the holder may be this host's own sanlock.)
func (c *Core) mayExamine(now clock.Mono) bool {
	l, r := &c.lease, &c.reader
	useful := l.wanted && !l.held && l.seen != SeenOther && !c.stop.wanted
	answers := r.lastAt != 0 && now.Sub(r.lastAt) <= c.set.ViewLimit && !r.stall && !c.writer.stall && r.problem == ""
	return useful && answers
}

// leaseExamined takes the end of a look at the lease on storage.
func (c *Core) leaseExamined(now clock.Mono, e LeaseObserved, out *outcome) {
	l := &c.lease
	before := l.owner
	l.examine, l.examinedAt = false, now
	if l.held || l.state != None && l.state != Lost && l.state != Joining {
		return
	}
	if e.Err != nil {
		c.become(now, l.state, "the host id's lease cannot be read: "+e.Err.Error(), out)
		return
	}
	l.owner = e.Owner
	id := c.set.HostID
	switch o := e.Owner; {
	case o.Timestamp == 0:
		c.rival.inLease = ""
		if before.Timestamp != 0 {
			c.become(now, l.state, fmt.Sprintf("the lease of host id %d is free", id), out)
		}
		return
	case o.Name == before.Name && o.Generation == before.Generation && o.Timestamp != before.Timestamp:
		c.rival.inLease = fmt.Sprintf("host %q holds the lease of host id %d and renews it", o.Name, id)
		c.become(now, l.state, c.rival.inLease, out)
	case o.Name == before.Name && o.Generation == before.Generation:
		c.rival.inLease = ""
		c.become(now, l.state, fmt.Sprintf("the lease of host id %d is that of %q, which does not renew it; sanlock waits until it has expired", id, o.Name), out)
	default:
		c.become(now, l.state, fmt.Sprintf("the lease of host id %d is that of %q; whether that host lives is not known yet", id, o.Name), out)
		if c.rival.inLease != "" {
			c.rival.inLease = fmt.Sprintf("host %q holds the lease of host id %d", o.Name, id)
		}
	}
}

// refusedAsTaken notes that sanlock refused a join because another host holds the host id.
func (c *Core) refusedAsTaken(err error) {
	c.lease.examine = true
	if errors.Is(err, ErrHostIDTaken) && c.rival.inLease == "" {
		c.rival.inLease = fmt.Sprintf("another host holds the lease of host id %d: %v", c.set.HostID, err)
	}
}
