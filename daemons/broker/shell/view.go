package shell

import (
	"context"
	"fmt"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/broker"
	"github.com/holdfast-ha/holdfast/daemons/brokerlink"
	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/health"
	"github.com/holdfast-ha/holdfast/daemons/lane"
	"github.com/holdfast-ha/holdfast/daemons/xmlrpc"
)

// age returns the seconds since a moment, -1 for never.
func age(now, at clock.Mono) float64 {
	if at == 0 {
		return -1
	}
	return max(now.Sub(at).Seconds(), 0)
}

// getView: -> the whiteboard and the lease, with ages. The segments' data are sent as they were encoded when they changed.
func (s *shell) getView(_ context.Context, args []any) (any, error) {
	if err := xmlrpc.Count(args, 0); err != nil {
		return nil, err
	}
	snap := s.snapshot.Load()
	encoded := s.encodings.ask(snap)
	view := s.view(snap).Value() // without data, for those are replaced here
	for i := range view {
		if view[i].Name != "segments" {
			continue
		}
		segments, _ := view[i].Value.([]any)
		for n := range segments {
			segment, _ := segments[n].(xmlrpc.Struct)
			for m := range segment {
				if segment[m].Name == "data" {
					segment[m].Value = xmlrpc.Raw{encoded.segments[n].value}
				}
			}
		}
	}
	return view, nil
}

// view returns the whiteboard and the lease as of now, without the segments' data.
func (s *shell) view(snap *broker.Snapshot) brokerlink.View {
	now := clock.Now()
	view := brokerlink.View{
		Now:      now.Seconds(),
		ReadAge:  age(now, snap.Reader.LastAt),
		Segments: make([]brokerlink.SegmentView, 0, len(snap.Segments)),
		Lease:    leaseView(now, snap),
		Storage:  snap.Storage,
	}
	for _, state := range snap.Segments {
		view.Segments = append(view.Segments, brokerlink.SegmentView{
			HostID: state.Segment, Source: state.Source.String(), Age: age(now, state.At),
			Pending: state.Pending, Durable: state.Durable, DurableAge: age(now, state.DurableAt),
		})
	}
	return view
}

// wholeView is view with the data.
func (s *shell) wholeView() brokerlink.View {
	snap := s.snapshot.Load()
	view := s.view(snap)
	for i, state := range snap.Segments {
		view.Segments[i].Data = state.Data[:]
	}
	return view
}

// getLanes: -> what each lane is doing, from the lanes' own atomics.
func (s *shell) getLanes(_ context.Context, args []any) (any, error) {
	if err := xmlrpc.Count(args, 0); err != nil {
		return nil, err
	}
	return s.laneViews().Value(), nil
}

func (s *shell) laneViews() brokerlink.Lanes {
	now := clock.Now()
	lanes := brokerlink.Lanes{Now: now.Seconds()}
	for _, state := range s.lanes() {
		view := brokerlink.LaneView{
			Name: state.Name, TID: state.TID, Busy: state.Busy, Op: state.Op.String(), Segment: state.Segment, Since: state.Since.Seconds(),
			Completed: int(state.Completed - state.Failed), Failed: int(state.Failed),
		}
		if lasts := blockedFor(now, state); lasts > 0 {
			view.BlockedFor = lasts.Seconds()
			view.Stalled = lasts >= s.Config.Timing.StallAfter
		}
		lanes.Lanes = append(lanes.Lanes, view)
	}
	return lanes
}

func blockedFor(now clock.Mono, state lane.State) time.Duration {
	if !state.Busy {
		return 0
	}
	return max(now.Sub(state.Since), 0)
}

// getHealth: -> what is wrong. The core's board, and on top of it what can be seen from here at this very moment.
func (s *shell) getHealth(_ context.Context, args []any) (any, error) {
	if err := xmlrpc.Count(args, 0); err != nil {
		return nil, err
	}
	return s.health().Value(), nil
}

func (s *shell) health() brokerlink.Health {
	now := clock.Now()
	warnings := s.warnings(now)
	answer := brokerlink.Health{
		Now: now.Seconds(), OK: health.OK(warnings), Uptime: now.Sub(s.started).Seconds(),
		Warnings: make([]brokerlink.Warning, 0, len(warnings)),
	}
	for _, w := range warnings {
		answer.Warnings = append(answer.Warnings, brokerlink.Warning{
			Code: string(w.Code), Title: w.Title, Severity: string(w.Severity), Detail: w.Detail, Remedy: w.Remedy,
			Since: w.Since.Seconds(), Age: age(now, w.Since),
		})
	}
	return answer
}

// warnings returns what is visible now. A stall and a blind reader are found here too, so that they show even if the
// core's goroutine should be late.
func (s *shell) warnings(now clock.Mono) []health.Warning {
	snap := s.snapshot.Load()
	board := snap.Board
	t := s.Config.Timing
	stalls := ""
	for _, l := range []*lane.Lane{s.storage.writer, s.storage.reader} {
		state := l.State()
		lasts := blockedFor(now, state)
		if lasts < t.StallAfter {
			continue
		}
		if stalls != "" {
			stalls += "; "
		}
		stalls += fmt.Sprintf("%s (thread %d) has been in a %s", state.Name, state.TID, state.Op)
		if state.Segment != lane.NoSegment {
			stalls += fmt.Sprintf(" of segment %d", state.Segment)
		}
		stalls += fmt.Sprintf(" for %.1f s", lasts.Seconds())
	}
	if stalls != "" {
		board.Set(now, health.StorageStalled, stalls)
	}
	if now.Sub(max(snap.Reader.LastAt, snap.Started)) > t.ViewLimit {
		board.Set(now, health.ReaderBlind, fmt.Sprintf("no complete read for more than %s", t.ViewLimit))
	}
	return board.Visible(now)
}
