package broker

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
)

// reading is what the core knows from the reader lane.
type reading struct {
	busy   bool
	since  clock.Mono // start of the pass in flight
	stall  bool       // it has been reported as stalled
	nextAt clock.Mono // no pass before this
	fullAt clock.Mono // start of the last complete pass over the whole volume; 0 never

	generation uint64 // of the connect in which the pass in flight began

	seen     []seen        // the view: segments that are not empty, ascending; replaced as a whole, never changed
	firstAt  clock.Mono    // start of the first complete pass; 0 none yet
	lastAt   clock.Mono    // start of the last
	took     time.Duration // of the last complete pass
	bytes    int64         // that it read
	problem  string        // why the last pass failed; empty if it did not
	missing  bool          // it failed because the whiteboard is not there
	failures int           // passes that failed since the last complete one

	unreadable string // which segments of the view cannot be decoded, and why; empty if all can
}

// seen is one segment of the view.
type seen struct {
	segment   int
	data      *whiteboard.Segment
	changedAt clock.Mono // start of the first pass that found it with these contents
	problem   string     // why it cannot be decoded; empty if it can
	foreign   bool       // it is the record of another host id
	host      string     // name of the host whose record it is; empty if it cannot be decoded
	stopped   bool       // its host said that it ended in good order
}

// startRead starts a pass if one is due.
func (c *Core) startRead(now clock.Mono, out *outcome) {
	r := &c.reader
	if r.busy || !c.mount.usable || !c.mount.wanted || c.stop.wanted || now < r.nextAt {
		return
	}
	r.busy, r.since, r.generation = true, now, c.mount.generation
	out.changed = true
	out.add(StartRead{Full: r.fullAt == 0 || now.Sub(r.fullAt) >= c.set.FullScan})
}

// readDone takes the end of a pass: all of it, or nothing.
func (c *Core) readDone(now clock.Mono, e ReadDone, out *outcome) {
	r := &c.reader
	if !r.busy {
		return
	}
	c.recovered(ReaderLane, "read", -1, now.Sub(r.since), &r.stall, out)
	r.busy = false
	out.changed = true
	if r.generation != c.mount.generation || e.Err == nil && e.Pass.Started < r.lastAt {
		// The storage was away meanwhile, or something newer is known: this says nothing about what is there now.
		r.nextAt = now
		return
	}
	if e.Err != nil {
		r.failures++
		r.problem, r.missing = e.Err.Error(), errors.Is(e.Err, fs.ErrNotExist)
		r.nextAt = now.Add(min(doubled(c.set.RetryMin, r.failures, c.set.RetryMax), c.set.StorageDelay))
		c.ioFailed(now, out)
		return
	}
	if r.failures > 0 {
		// Storage is back. What waits in the mailbox need not sit out its pause.
		c.mail.hurry()
	}
	r.failures, r.problem, r.missing = 0, "", false
	c.writer.missing = false
	r.nextAt = max(r.since.Add(c.set.StorageDelay), now.Add(min(c.set.RetryMin, c.set.StorageDelay)))
	r.lastAt, r.took, r.bytes = e.Pass.Started, e.Pass.Ended.Sub(e.Pass.Started), e.Pass.Bytes
	if r.firstAt == 0 {
		r.firstAt = r.lastAt
	}
	if e.Pass.Full {
		r.fullAt = e.Pass.Started
	}
	r.seen = merge(r.seen, e.Pass)
	r.unreadable = unreadable(r.seen)
	c.segmentsOld = true
	c.meetStranger()
	for i := range c.claims {
		c.settle(now, &c.claims[i], e.Pass)
	}
	if c.writer.flying == nil && !c.mail.waitsFor(c.mayWrite) {
		c.writer.failures = 0 // nothing is left that could show whether writing works
	}
	c.ioWorked(now, out)
}

// unreadable says which segments cannot be decoded. A volume full of noise must not become a detail of 2000 lines.
func unreadable(view []seen) string {
	const enough = 8
	var problems []string
	bad := 0
	for i := range view {
		if view[i].problem != "" {
			if bad++; bad <= enough {
				problems = append(problems, view[i].problem)
			}
		}
	}
	if bad > enough {
		problems = append(problems, fmt.Sprintf("and %d more", bad-enough))
	}
	return strings.Join(problems, "; ")
}

// doubled returns shortest, doubled with each failure after the first, at most longest.
func doubled(shortest time.Duration, failures int, longest time.Duration) time.Duration {
	pause := shortest
	for i := 1; i < failures && pause < longest; i++ {
		pause *= 2
	}
	return min(pause, longest)
}

// merge makes the new view of a pass. What did not change keeps its time and need not be decoded again. Both lists are
// in ascending order.
func merge(old []seen, pass Pass) []seen {
	view := make([]seen, 0, len(pass.Segments))
	for _, s := range pass.Segments {
		if s.Data == nil || whiteboard.IsAbsent(s.Data[:]) {
			continue
		}
		for len(old) > 0 && old[0].segment < s.Segment {
			old = old[1:]
		}
		if len(old) > 0 && old[0].segment == s.Segment && (old[0].data == s.Data || *old[0].data == *s.Data) {
			view = append(view, old[0])
			continue
		}
		view = append(view, examine(s, pass.Started))
	}
	return view
}

// examine judges one segment, alone.
func examine(s Seen, at clock.Mono) seen {
	found := seen{segment: s.Segment, data: s.Data, changedAt: at}
	if s.Segment == 0 {
		if _, _, err := whiteboard.DecodeGlobal(s.Data[:]); err != nil {
			found.problem = err.Error()
		}
		return found
	}
	record, err := whiteboard.Decode(s.Segment, s.Data[:])
	if err != nil {
		found.problem = err.Error()
		kind, _ := kindOf(err)
		found.foreign = kind == whiteboard.Foreign
	}
	found.stopped, found.host = record.Stopped, record.HostName
	return found
}

func find(view []seen, segment int) (seen, bool) {
	i, ok := slices.BinarySearchFunc(view, segment, func(s seen, id int) int { return s.segment - id })
	if !ok {
		return seen{}, false
	}
	return view[i], true
}

// settle compares a claim with the new view.
func (c *Core) settle(now clock.Mono, cl *claim, pass Pass) {
	found, _ := find(c.reader.seen, cl.segment)
	switch cl.judge(pass.Started, found.data) {
	case undecided:
	case confirmed:
		if cl.segment == 0 {
			cl.yield() // other hosts write segment 0 too: storage rules from here on
			return
		}
		cl.confirmedAt = pass.Started
		c.overwritten = false
	case differs:
		if cl.segment == 0 || !c.lease.held {
			cl.yield()
			return
		}
		// A write that hung in an earlier process has landed late, or somebody writes where he must not.
		c.overwritten = true
		c.overwrites++
		c.number++
		again := &version{number: c.number, segment: cl.segment, data: cl.newest.data, putAt: cl.newest.putAt}
		cl.put(now, again, cl.stamped, cl.timestamp)
		c.mail.put(again)
	}
}
