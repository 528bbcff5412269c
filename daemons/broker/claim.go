package broker

import (
	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
)

// claim is what the broker accepted for one of the two segments that it may write: the overlay over the view.
type claim struct {
	segment int
	newest  *version // last record accepted; nil when what storage says rules
	durable *version // last record that a completed write carried; nil if there was none

	durableAt    clock.Mono // when that write returned; 0 never
	waitingSince clock.Mono // since when newest has not been durable; 0 = it is, or there is none
	confirmedAt  clock.Mono // start of the last pass that found newest on storage; 0 = none yet

	stamped   bool  // newest carries a timestamp
	timestamp int64 // of newest, in whole seconds of its agent's clock
}

// pending reports whether the newest record has not reached storage.
func (c *claim) pending() bool { return c.newest != nil && c.newest != c.durable }

// put makes v the newest record.
func (c *claim) put(now clock.Mono, v *version, stamped bool, timestamp int64) {
	if !c.pending() {
		c.waitingSince = now
	}
	c.newest, c.stamped, c.timestamp = v, stamped, timestamp
	c.confirmedAt = 0
}

// written notes that the write of v returned without error at the time given.
func (c *claim) written(at clock.Mono, v *version) {
	c.durable, c.durableAt = v, at
	if !c.pending() {
		c.waitingSince = 0
	}
}

// verdict is what a pass of the reader says about a claim.
type verdict uint8

const (
	undecided verdict = iota // nothing claimed, or the pass is older than the write
	confirmed                // storage shows what was written
	differs                  // storage shows something else
)

// judge compares the claim with what a pass that started at the given time found in the segment. Only a pass that
// began after the write had returned tells anything.
func (c *claim) judge(started clock.Mono, found *whiteboard.Segment) verdict {
	if c.newest == nil || c.pending() || started <= c.durableAt {
		return undecided
	}
	if found == nil {
		found = &whiteboard.Segment{}
	}
	if *found == *c.newest.data {
		return confirmed
	}
	return differs
}

// yield lets storage rule: the claim has nothing to say any more. What is known about durability stays.
func (c *claim) yield() {
	c.newest, c.stamped, c.waitingSince, c.confirmedAt = nil, false, 0, 0
}
