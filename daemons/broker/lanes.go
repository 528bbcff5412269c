package broker

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// watchLanes finds operations that have become stalls, by their start alone: no timer, no goroutine for each.
func (c *Core) watchLanes(now clock.Mono, out *outcome) {
	if c.writer.flying != nil {
		c.stalled(WriterLane, "write", c.writer.flying.segment, now.Sub(c.writer.since), &c.writer.stall, out)
	}
	if c.reader.busy {
		c.stalled(ReaderLane, "read", -1, now.Sub(c.reader.since), &c.reader.stall, out)
	}
	if c.lease.op != 0 {
		c.stalled(LeaseLane, c.lease.op.String(), -1, now.Sub(c.lease.opAt), &c.lease.stall, out)
	}
	if c.mount.op != 0 {
		c.stalled(MountLane, c.mount.op.String(), -1, now.Sub(c.mount.opAt), &c.mount.stall, out)
	}
	if c.domain.op != 0 {
		c.stalled(DomainLane, c.domain.op.String(), -1, now.Sub(c.domain.opAt), &c.domain.stall, out)
	}
}

func (c *Core) stalled(lane, op string, segment int, lasts time.Duration, noted *bool, out *outcome) {
	if *noted || lasts < c.set.StallAfter {
		return
	}
	*noted = true
	out.changed = true
	out.add(LaneStalled{Lane: lane, Op: op, Segment: segment, For: lasts})
}

// recovered notes the end of an operation that had been reported as stalled.
func (c *Core) recovered(lane, op string, segment int, lasted time.Duration, noted *bool, out *outcome) {
	if !*noted {
		return
	}
	*noted = false
	out.add(LaneRecovered{Lane: lane, Op: op, Segment: segment, For: lasted})
}

// othersSeen finds stalls of lanes that the core does not run. Only those that are stalled are remembered.
func (c *Core) othersSeen(now clock.Mono, facts []LaneFact, out *outcome) {
	over := func(was LaneFact) bool {
		return !slices.ContainsFunc(facts, func(f LaneFact) bool { return f.Name == was.Name && f.BusySince == was.BusySince })
	}
	if slices.ContainsFunc(c.others, over) {
		var left []LaneFact
		for _, was := range c.others {
			if !over(was) {
				left = append(left, was)
				continue
			}
			out.changed = true
			out.add(LaneRecovered{Lane: was.Name, Op: was.Op, Segment: was.Segment, For: now.Sub(was.BusySince)})
		}
		c.others = left
	}
	for _, f := range facts {
		lasts := now.Sub(f.BusySince)
		known := slices.ContainsFunc(c.others, func(o LaneFact) bool { return o.Name == f.Name })
		if f.BusySince == 0 || lasts < c.set.StallAfter || known || ownLane(f.Name) {
			continue
		}
		c.others = append(c.others[:len(c.others):len(c.others)], f)
		out.changed = true
		out.add(LaneStalled{Lane: f.Name, Op: f.Op, Segment: f.Segment, For: lasts})
	}
}

// ownLane: the core starts this lane's operations itself, and so needs no facts.
func ownLane(name string) bool {
	switch name {
	case WriterLane, ReaderLane, LeaseLane, MountLane, DomainLane:
		return true
	}
	return false
}

// storageStalls says which operations on the whiteboard are stalled; empty if none is.
func (c *Core) storageStalls() string {
	var stalls []string
	if c.writer.stall {
		stalls = append(stalls, stallText(WriterLane, fmt.Sprintf("write of segment %d", c.writer.flying.segment), c.writer.since))
	}
	if c.reader.stall {
		stalls = append(stalls, stallText(ReaderLane, "read", c.reader.since))
	}
	return strings.Join(stalls, "; ")
}

// otherStalls says which other operations are stalled; empty if none is.
func (c *Core) otherStalls() string {
	var stalls []string
	if c.mount.stall {
		stalls = append(stalls, stallText(MountLane, c.mount.op.String(), c.mount.opAt))
	}
	if c.domain.stall {
		stalls = append(stalls, stallText(DomainLane, c.domain.op.String(), c.domain.opAt))
	}
	if c.lease.stall {
		stalls = append(stalls, stallText(LeaseLane, c.lease.op.String(), c.lease.opAt))
	}
	for _, o := range c.others {
		stalls = append(stalls, stallText(o.Name, o.Op, o.BusySince))
	}
	return strings.Join(stalls, "; ")
}

func stallText(lane, op string, since clock.Mono) string {
	return fmt.Sprintf("%s in a %s since %.1f s after boot", lane, op, since.Seconds())
}
