package broker

import (
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/health"
)

// Core is everything the broker knows. NewCore makes one. It is for one goroutine; assignment copies it.
type Core struct {
	set     Settings
	started clock.Mono

	number uint64   // of the last version
	claims [2]claim // segment 0 and the own one
	mail   mailbox
	writer writing
	reader reading
	lease  leasing

	alive   []int // as the agent pushed it
	aliveAt clock.Mono

	overwritten bool // the own segment was found changed, and has not been confirmed since
	overwrites  int  // how often that was found

	stop      stopping
	board     health.Board
	published bool // a first snapshot is out
}

// NewCore returns a core that knows nothing yet, or an error if the settings cannot be used.
func NewCore(set Settings, now clock.Mono) (Core, error) {
	if err := set.Check(); err != nil {
		return Core{}, err
	}
	c := Core{set: set, started: now}
	c.claims[0].segment, c.claims[1].segment = 0, set.HostID
	c.lease.since = now
	return c, nil
}

// outcome collects what one step causes.
type outcome struct {
	effects []Effect
	replies []Effect
	changed bool // the snapshot is no longer what was published
}

func (o *outcome) add(e Effect) { o.effects = append(o.effects, e) }

// reply answers the RPC with the given token: OK if err is nil.
func (o *outcome) reply(token Token, err error) {
	if token == 0 {
		return
	}
	r := Reply{Token: token, OK: err == nil}
	if err != nil {
		r.Reason = err.Error()
	}
	o.replies = append(o.replies, r)
}

// Step takes one event at the time given, which must not be earlier than that of the last step, and returns what is
// to be done, in order.
func (c *Core) Step(now clock.Mono, ev Event) []Effect {
	var out outcome
	switch e := ev.(type) {
	case Put:
		c.put(now, e, &out)
	case HostsPushed:
		c.alive, c.aliveAt = slices.Clone(e.Alive), now
		out.changed = true
		out.reply(e.Token, nil)
	case LockWanted:
		c.lockWanted(now, e, &out)
	case ReleaseWanted:
		c.releaseWanted(now, e, &out)
	case ResetWanted:
		c.resetWanted(now, e, &out)
	case WriteDone:
		c.writeDone(now, e, &out)
	case ReadDone:
		c.readDone(now, e, &out)
	case LeaseObserved:
		c.leaseObserved(now, e, &out)
	case Observed:
		c.observed(now, e, &out)
	case Tick:
	case Stop:
		c.stopWanted(now, &out)
	}
	c.expireLease(now, &out)
	c.startWrite(now, &out)
	c.startRead(now, &out)
	c.startLease(now, &out)
	c.watchLanes(now, &out)
	c.judge(now, &out)
	c.endIfDone(now, &out)
	if out.changed || !c.published {
		c.published = true
		out.add(Publish{Snapshot: c.Snapshot(now)})
	}
	return append(out.effects, out.replies...)
}

// claimOf returns the claim of a segment that this broker may write, nil for any other segment.
func (c *Core) claimOf(segment int) *claim {
	for i := range c.claims {
		if c.claims[i].segment == segment {
			return &c.claims[i]
		}
	}
	return nil
}

// String prints the state for tests and traces.
func (c *Core) String() string {
	flying := "idle"
	if v := c.writer.flying; v != nil {
		flying = fmt.Sprintf("segment %d version %d", v.segment, v.number)
	}
	return fmt.Sprintf("broker core of host %d: lease %v (wanted %t, held %t, op %d); writer %s; %v; reader busy %t, view %d; board %v; stop %v",
		c.set.HostID, c.lease.state, c.lease.wanted, c.lease.held, c.lease.op, flying, &c.mail, c.reader.busy, len(c.reader.seen), c.board, c.stop.wanted)
}

// stopping is the ordered end.
type stopping struct {
	wanted     bool
	drainUntil clock.Mono
	until      clock.Mono
	done       bool
}

// stopWanted begins the ordered end: write what can be written, leave the lockspace, both bounded.
func (c *Core) stopWanted(now clock.Mono, out *outcome) {
	if c.stop.wanted {
		return
	}
	c.stop = stopping{wanted: true, drainUntil: now.Add(c.set.DrainLimit), until: now.Add(c.set.StopLimit)}
	c.lease.wanted = false
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
	drainOver := written || now >= c.stop.drainUntil
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
	for _, p := range c.mail.problems(c.mayWrite) {
		return p
	}
	return c.mail.String()
}
