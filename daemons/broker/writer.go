package broker

import (
	"errors"
	"io/fs"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// writing is what the core knows from the writer lane.
type writing struct {
	flying  *version   // the record in flight; nil = the lane is idle
	since   clock.Mono // start of its write
	stall   bool       // it has been reported as stalled
	missing bool       // the last write failed because the whiteboard is not there

	failures   int    // writes that failed in a row, whatever their segments
	problem    string // why the last of them did
	generation uint64 // of the connect in which the write in flight began
}

// startWrite hands the next record to the writer lane, if the lane is idle and a record may be written.
func (c *Core) startWrite(now clock.Mono, out *outcome) {
	if c.writer.flying != nil || !c.mount.usable {
		return
	}
	v := c.mail.take(now, c.mayWrite)
	if v == nil {
		return
	}
	c.writer.flying, c.writer.since, c.writer.generation = v, now, c.mount.generation
	out.changed = true
	out.add(StartWrite{Segment: v.segment, Data: v.data})
}

// mayWrite: segment 0 needs no lease (S3); the own segment is written only while the lease is held (S9).
func (c *Core) mayWrite(segment int) bool { return segment == 0 || c.lease.held }

// writeDone takes the end of a write. It says something about the record that was in flight and about no other.
func (c *Core) writeDone(now clock.Mono, e WriteDone, out *outcome) {
	w := &c.writer
	v := w.flying
	if v == nil || v.segment != e.Segment {
		return
	}
	c.recovered(WriterLane, "write", v.segment, now.Sub(w.since), &w.stall, out)
	w.flying = nil
	out.changed, c.segmentsOld = true, true
	switch {
	case w.generation != c.mount.generation:
		// The storage was away meanwhile. What this write did, it did to what was there before.
		c.mail.returned(v)
	case e.Err != nil:
		w.failures++
		w.problem = e.Err.Error()
		w.missing = errors.Is(e.Err, fs.ErrNotExist)
		c.mail.failed(now, v, e.Err.Error(), c.set.RetryMin, c.set.RetryMax)
		c.ioFailed(now, out)
	default:
		w.failures, w.problem, w.missing = 0, "", false
		c.mail.written(v.segment)
		if cl := c.claimOf(v.segment); cl != nil {
			cl.written(e.Ended, v)
		}
		c.ioWorked(now, out)
	}
}

// drained reports whether nothing of the segment waits or is in flight.
func (c *Core) drained(segment int) bool {
	return !c.mail.waits(segment) && (c.writer.flying == nil || c.writer.flying.segment != segment)
}
