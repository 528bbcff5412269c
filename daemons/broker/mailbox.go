package broker

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
)

// version is one accepted record. It is never changed.
type version struct {
	number  uint64 // ascending with each put
	segment int
	data    *whiteboard.Segment
	putAt   clock.Mono
}

// mailbox holds what is to be written: at most one record for each segment. Copying it with an assignment is safe,
// because every change makes a new slice of cells.
type mailbox struct {
	cells []cell
	turns uint64
}

// cell is one segment's place. It outlives its record, because it remembers the back-off.
type cell struct {
	segment  int
	pending  *version   // the newest record that the writer has not taken; nil if there is none
	turn     uint64     // when pending was empty last and a record came: smallest is written first
	failures int        // writes that failed since the last one that succeeded
	retryAt  clock.Mono // no write before this, however often the record is replaced
	problem  string     // the last failure
}

// put makes v the pending record of its segment. A record that was pending is forgotten; its place in the order and
// its back-off stay.
func (m *mailbox) put(v *version) {
	c := m.change(v.segment)
	if c.pending == nil {
		m.turns++
		c.turn = m.turns
	}
	c.pending = v
}

// take removes and returns the pending record whose turn it is, among those that may be written now; nil if there is
// none.
func (m *mailbox) take(now clock.Mono, allowed func(segment int) bool) *version {
	best := -1
	for i, c := range m.cells {
		if c.pending == nil || now < c.retryAt || !allowed(c.pending.segment) {
			continue
		}
		if best < 0 || c.turn < m.cells[best].turn {
			best = i
		}
	}
	if best < 0 {
		return nil
	}
	m.cells = slices.Clone(m.cells)
	v := m.cells[best].pending
	m.cells[best].pending = nil
	return v
}

// failed notes that writing v failed: the segment pauses, twice as long as last time, between shortest and longest. v
// waits again, behind the others, unless a newer record of its segment waits already.
func (m *mailbox) failed(now clock.Mono, v *version, problem string, shortest, longest time.Duration) {
	m.returned(v)
	c := m.change(v.segment)
	c.failures++
	c.problem = problem
	c.retryAt = now.Add(doubled(shortest, c.failures, longest))
}

// returned makes v wait again, unless a newer record of its segment does.
func (m *mailbox) returned(v *version) {
	if m.cellOf(v.segment).pending == nil {
		m.put(v)
	}
}

// written notes that a write of the segment succeeded: its back-off is over.
func (m *mailbox) written(segment int) {
	c := m.change(segment)
	c.failures, c.retryAt, c.problem = 0, 0, ""
}

// hurry ends all pauses, because storage has just been seen to work again, or because there is no time left to wait. The
// next failure pauses longer still.
func (m *mailbox) hurry() {
	m.cells = slices.Clone(m.cells)
	for i := range m.cells {
		m.cells[i].retryAt = 0
	}
}

// waits reports whether a record of the segment is pending.
func (m *mailbox) waits(segment int) bool {
	v := m.cellOf(segment).pending
	return v != nil && v.segment == segment
}

// waitsFor reports whether a record is pending that may be written.
func (m *mailbox) waitsFor(allowed func(segment int) bool) bool {
	return slices.ContainsFunc(m.cells, func(c cell) bool { return c.pending != nil && allowed(c.pending.segment) })
}

// problems returns the last failure of each segment that fails and may be written, in the order of their first use. A
// record that may not be written is not being tried, so its last failure says nothing about storage as it is now.
func (m *mailbox) problems(allowed func(segment int) bool) []string {
	var all []string
	for _, c := range m.cells {
		if c.failures > 0 && allowed(c.segment) {
			all = append(all, c.problem)
		}
	}
	return all
}

// cellOf returns a copy of the segment's cell; an empty one if it was never used.
func (m *mailbox) cellOf(segment int) cell {
	for _, c := range m.cells {
		if c.segment == segment {
			return c
		}
	}
	return cell{segment: segment}
}

// change returns the segment's cell for changing, in a slice that no copy of the mailbox shares.
func (m *mailbox) change(segment int) *cell {
	m.cells = slices.Clone(m.cells)
	for i := range m.cells {
		if m.cells[i].segment == segment {
			return &m.cells[i]
		}
	}
	m.cells = append(m.cells, cell{segment: segment})
	return &m.cells[len(m.cells)-1]
}

// String lists what waits, in the order of writing.
func (m *mailbox) String() string {
	cells := slices.Clone(m.cells)
	slices.SortFunc(cells, func(a, b cell) int { return int(a.turn) - int(b.turn) })
	var parts []string
	for _, c := range cells {
		if c.pending != nil {
			parts = append(parts, fmt.Sprintf("segment %d version %d failures %d", c.pending.segment, c.pending.number, c.failures))
		}
	}
	return "mailbox[" + strings.Join(parts, ", ") + "]"
}
