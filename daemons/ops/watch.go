package ops

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/brokerlink"
)

// Change is a line of /v1/watch. The first line has everything in it; each of the others has what changed since the line
// before, and its Changed names it. A reader that is slow gets several changes in one line: always the newest state, never
// a backlog.
type Change struct {
	Now      float64              `json:"now"`      // the broker's CLOCK_MONOTONIC in seconds
	Number   int                  `json:"number"`   // of the line, from 0
	Changed  []string             `json:"changed"`  // mount, domain, lease, warnings, segments, lanes
	Mount    string               `json:"mount"`    // state
	Domain   string               `json:"domain"`   // state
	Valid    bool                 `json:"valid"`    // the storage domain is valid
	Lease    string               `json:"lease"`    // state
	Warnings []brokerlink.Warning `json:"warnings"` // all that are visible
	Stalled  []string             `json:"stalled"`  // lanes whose operation has lasted too long
	Segments []SegmentChange      `json:"segments"` // those that changed, in this line only
}

// SegmentChange is what became of a segment.
type SegmentChange struct {
	HostID  int    `json:"host_id"`
	Present bool   `json:"present"` // false: it has become empty
	Source  string `json:"source"`  // storage or memory
	Pending bool   `json:"pending"`
	Durable bool   `json:"durable"`
	Stamp   string `json:"stamp"` // the first tokens of the record, without the rest
}

// watch sends a line now and one for each change, until the client goes away, is too slow, or the server ends.
func (s *Server) watch(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // a watch lasts; a client that goes away ends it all the same
	var before *seen
	lines := json.NewEncoder(w)
	for number := 0; ; number++ {
		changed := s.options.Source.Changed()
		now := look(s.options.Source)
		change := now.since(before)
		if before == nil || len(change.Changed) > 0 {
			change.Number = number
			_ = control.SetWriteDeadline(time.Now().Add(s.options.WriteTimeout))
			if lines.Encode(change) != nil || control.Flush() != nil {
				return
			}
			before = now
		} else {
			number--
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
		select { // gather what comes together
		case <-time.After(s.options.WatchPause):
		case <-r.Context().Done():
			return
		}
	}
}

// seen is the broker's state as a watch compares it.
type seen struct {
	change   Change
	codes    []string
	segments map[int]SegmentChange
}

func look(source Source) *seen {
	status, health, view := source.Status(), source.Health(), source.View()
	s := &seen{segments: make(map[int]SegmentChange, len(view.Segments))}
	s.change = Change{
		Now: status.Now, Mount: status.Mount.State, Domain: status.Domain.State, Valid: status.Domain.Valid, Lease: status.Lease.State,
		Warnings: health.Warnings, Stalled: []string{}, Segments: []SegmentChange{}, Changed: []string{},
	}
	for _, w := range health.Warnings {
		s.codes = append(s.codes, w.Code)
	}
	for _, l := range source.Lanes().Lanes {
		if l.Stalled {
			s.change.Stalled = append(s.change.Stalled, l.Name)
		}
	}
	for _, v := range view.Segments {
		s.segments[v.HostID] = SegmentChange{
			HostID: v.HostID, Present: true, Source: v.Source, Pending: v.Pending, Durable: v.Durable, Stamp: stamp(v.Data),
		}
	}
	return s
}

// stamp returns the beginning of a record as text: versions, timestamp, host id, score, which all change with it.
func stamp(data []byte) string {
	const most = 64
	text := make([]byte, 0, most)
	for _, b := range data[:min(most, len(data))] {
		if b < 0x20 || b >= 0x7f {
			break
		}
		text = append(text, b)
	}
	return string(text)
}

// since returns the line that tells what changed since before; nil: everything.
func (s *seen) since(before *seen) Change {
	change := s.change
	note := func(name string, differs bool) {
		if differs || before == nil {
			change.Changed = append(change.Changed, name)
		}
	}
	old := &seen{}
	if before != nil {
		old = before
	}
	note("mount", change.Mount != old.change.Mount)
	note("domain", change.Domain != old.change.Domain || change.Valid != old.change.Valid)
	note("lease", change.Lease != old.change.Lease)
	note("warnings", !slices.Equal(s.codes, old.codes))
	note("lanes", !slices.Equal(change.Stalled, old.change.Stalled))
	for id, now := range s.segments {
		if now != old.segments[id] {
			change.Segments = append(change.Segments, now)
		}
	}
	for id := range old.segments {
		if _, there := s.segments[id]; !there {
			change.Segments = append(change.Segments, SegmentChange{HostID: id})
		}
	}
	slices.SortFunc(change.Segments, func(a, b SegmentChange) int { return a.HostID - b.HostID })
	note("segments", len(change.Segments) > 0)
	return change
}
