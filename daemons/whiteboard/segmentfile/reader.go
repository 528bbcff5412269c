package segmentfile

import (
	"bytes"

	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
)

// defaultSlack is how many segments behind the last one in use are read in every pass, so that a host that joins with the next free
// id is seen at once and not only at the next full scan.
const defaultSlack = 32

// Reader does read passes over the whiteboard and decides how much of it to read. Upstream reads all 8 MB each time (S38), though
// a cluster has a handful of hosts.
//
// A pass covers segment 0 to the highest segment known to be in use, at least the own, plus some slack. A full pass covers all 2001
// and is what finds a host with a far higher id and what forgets hosts that are gone. The first successful pass is a full one, whatever
// is asked for. When to do a full pass is the caller's decision, as it has the clock.
//
// A Reader is for one lane; it is not safe for concurrent use. A lane that was abandoned keeps its Reader: its successor takes a new one.
type Reader struct {
	volume  Volume
	own     int
	slack   int
	known   bool // a full pass has succeeded
	highest int  // highest segment in use, as far as known; -1 if none
	buffer  *Buffer
	last    []Found // of the last pass that succeeded
}

// NewReader returns a reader for the host with id own (0 if it has none yet).
func NewReader(volume Volume, own int) *Reader {
	return &Reader{volume: volume, own: min(max(own, 0), whiteboard.MaxHostID), slack: defaultSlack, highest: -1}
}

// Found is one segment that is not absent.
type Found struct {
	// ID is the segment's number: 0 for the global block, else the host id.
	ID int
	// Data is never changed. A segment that is the same as in the pass before has the same pointer.
	Data *whiteboard.Segment
}

// Pass is the result of one read pass.
type Pass struct {
	// Full tells that all 2001 segments were asked for. Otherwise those from Asked on were not looked at.
	Full bool
	// Asked is the number of segments asked for, from segment 0 on; Read is how many of them the volume holds. Fewer means that
	// the volume is too small or was cut.
	Asked, Read int
	// Bytes is what was read from storage.
	Bytes int64
	// Found are the segments that are not absent, in the order of their numbers.
	Found []Found
	// Buffered warns that the volume was not read with O_DIRECT, so that what was read may be old.
	Buffered bool
}

// Pass reads once, everything if full. It blocks as long as storage does. After an error the reader is as before.
func (r *Reader) Pass(full bool) (Pass, error) { return r.pass(system(), full) }

func (r *Reader) pass(sys calls, full bool) (Pass, error) {
	full = full || !r.known
	pass := Pass{Full: full, Asked: r.Range(full)}
	if r.buffer == nil || r.buffer.Segments() < pass.Asked {
		r.buffer = NewBuffer(pass.Asked)
	}
	read, buffered, err := r.volume.read(sys, r.buffer, 0, pass.Asked)
	if err != nil {
		return Pass{}, err
	}
	pass.Read, pass.Buffered = read, buffered
	pass.Bytes = int64(read) * whiteboard.SegmentSize
	highest, before := -1, r.last
	for id := range read {
		data := r.buffer.Segment(id)
		if whiteboard.IsAbsent(data) {
			continue
		}
		for len(before) > 0 && before[0].ID < id {
			before = before[1:]
		}
		found := Found{ID: id}
		if len(before) > 0 && before[0].ID == id && bytes.Equal(before[0].Data[:], data) {
			found.Data = before[0].Data
		} else {
			found.Data = (*whiteboard.Segment)(bytes.Clone(data))
		}
		pass.Found = append(pass.Found, found)
		highest = id
	}
	r.last = pass.Found
	if full {
		r.known, r.highest = true, highest
		if need := r.Range(false); need < r.buffer.Segments()/2 {
			r.buffer = nil // 8 MB are not kept for a pass every ten minutes
		}
	} else {
		r.highest = max(r.highest, highest)
	}
	return pass, nil
}

// Range is the number of segments, from segment 0 on, that the next pass would read.
func (r *Reader) Range(full bool) int {
	if full || !r.known {
		return whiteboard.Segments
	}
	return min(max(r.highest, r.own)+1+r.slack, whiteboard.Segments)
}
