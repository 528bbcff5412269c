package broker

import (
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/health"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
)

// Source tells where a segment's data come from.
type Source uint8

// Sources of a segment.
const (
	FromStorage Source = iota // read from the whiteboard
	FromMemory                // accepted from a caller, not yet seen on the whiteboard
)

// String returns the word that get_view uses.
func (s Source) String() string {
	if s == FromMemory {
		return "memory"
	}
	return "storage"
}

// Snapshot is what read-only RPCs are answered from. It is never changed after it was made. All times are moments,
// so that an age can be worked out whenever it is asked for; 0 is never.
type Snapshot struct {
	At      clock.Mono // when it was made
	Started clock.Mono // when the core was made
	HostID  int
	Storage string // what is missing; empty = the storage is connected and the whiteboard was not found missing
	Mount   Mount
	Domain  Domain
	Reader  ReaderFacts

	Segments []SegmentState // ascending
	Lease    Lease
	Alive    []int      // as the agent pushed it
	AliveAt  clock.Mono // when
	Board    health.Board
}

// ReaderFacts tells how the reader lane fares.
type ReaderFacts struct {
	LastAt    clock.Mono    // start of the last complete pass; what it found is as old as this
	Took      time.Duration // of that pass
	Bytes     int64         // read in that pass
	Problem   string        // why the newest pass failed; empty if it did not
	BusySince clock.Mono    // start of the pass in flight; 0 = none
}

// SegmentState is one segment.
type SegmentState struct {
	Segment   int
	Data      *whiteboard.Segment // not to be changed
	Source    Source
	At        clock.Mono // when it was read or accepted
	Pending   bool       // accepted and not yet on storage
	Durable   bool       // these very data are on storage
	DurableAt clock.Mono // when the newest data known to be on storage got there, or were first seen there by this process
}

// Segment returns the state of a segment, and false if it is empty.
func (s *Snapshot) Segment(segment int) (SegmentState, bool) {
	for _, state := range s.Segments {
		if state.Segment == segment {
			return state, true
		}
	}
	return SegmentState{}, false
}

// Snapshot makes a snapshot of the core. The segments are put together anew only if one of them changed.
func (c *Core) Snapshot(now clock.Mono) *Snapshot {
	r := &c.reader
	snap := &Snapshot{
		At: now, Started: c.started, HostID: c.set.HostID, Storage: c.unusable(), Mount: c.mountView(), Domain: c.domainShown,
		Reader:  ReaderFacts{LastAt: r.lastAt, Took: r.took, Bytes: r.bytes, Problem: r.problem},
		Lease:   c.leaseView(),
		Alive:   c.alive,
		AliveAt: c.aliveAt,
		Board:   c.board,
	}
	if r.busy {
		snap.Reader.BusySince = r.since
	}
	if snap.Storage == "" && (r.missing || c.writer.missing) {
		snap.Storage = c.storageProblem()
	}
	if c.segmentsOld {
		c.segments, c.segmentsOld = c.overlaid(), false
	}
	snap.Segments = c.segments
	return snap
}

// overlaid lays the claims over the view.
func (c *Core) overlaid() []SegmentState {
	all := make([]SegmentState, 0, len(c.reader.seen)+len(c.claims))
	claims := c.claims[:]
	for _, s := range c.reader.seen {
		for len(claims) > 0 && claims[0].segment < s.segment {
			all = appendClaim(all, claims[0])
			claims = claims[1:]
		}
		if len(claims) > 0 && claims[0].segment == s.segment {
			if cl := claims[0]; cl.newest != nil {
				all = appendClaim(all, cl)
			} else {
				all = append(all, c.fromView(s))
			}
			claims = claims[1:]
			continue
		}
		all = append(all, c.fromView(s))
	}
	for _, cl := range claims {
		all = appendClaim(all, cl)
	}
	return all
}

func (c *Core) fromView(s seen) SegmentState {
	return SegmentState{Segment: s.segment, Data: s.data, At: c.reader.lastAt, Durable: true, DurableAt: s.changedAt}
}

// appendClaim adds what is claimed, unless nothing is, or an empty segment that is on storage already.
func appendClaim(all []SegmentState, cl claim) []SegmentState {
	if cl.newest == nil {
		return all
	}
	state := SegmentState{
		Segment: cl.segment, Data: cl.newest.data, Source: FromMemory, At: cl.newest.putAt,
		Pending: cl.pending(), Durable: !cl.pending(), DurableAt: cl.durableAt,
	}
	if state.Durable && whiteboard.IsAbsent(cl.newest.data[:]) {
		return all
	}
	if cl.confirmedAt != 0 {
		state.Source, state.At = FromStorage, cl.confirmedAt
	}
	return append(all, state)
}
