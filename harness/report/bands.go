package report

import (
	"fmt"

	"github.com/holdfast-ha/holdfast/daemons/health"
	"github.com/holdfast-ha/holdfast/harness/events"
)

// band is a stretch of time in which one thing holds on one lane of the picture.
type band struct {
	from, to float64 // seconds
	name     string  // what holds: "EngineUp", "held"
	title    string  // said when the mouse rests on it
}

// agentBands turns an agent's turns into bands of equal state; each lasts until the next turn, or until the scenario ended the agent.
func agentBands(log []events.Event, host string, end float64) (bands []band, ticks []float64) {
	away := false
	for _, e := range log {
		if e.Host == host && e.Program != nil && e.Program.Name == "agent" && e.Program.Event == events.ProgramEnded && len(bands) > 0 {
			bands[len(bands)-1].to = e.T
			away = true
		}
		if e.Agent == nil || e.Host != host {
			continue
		}
		ticks = append(ticks, e.T)
		if n := len(bands); n > 0 && !away {
			bands[n-1].to = e.T
			if bands[n-1].name == e.Agent.State {
				continue
			}
		}
		title := fmt.Sprintf("%s from %.1f s on, score %d", e.Agent.State, e.T, e.Agent.Score)
		if e.Agent.Reason != "" {
			title += ": " + e.Agent.Reason
		}
		bands = append(bands, band{from: e.T, to: e.T, name: e.Agent.State, title: title})
		away = false
	}
	if n := len(bands); n > 0 && !away {
		bands[n-1].to = end
	}
	return bands, ticks
}

// The shortest operation that the picture shows as blocked, and how much later a look at the idle lane may come and still end
// the blockage that was seen before it. Seconds.
const (
	shownBlocked = 0.25
	idleFollows  = 0.75
)

// laneBands turns looks at lanes into blocked stretches, by lane. Looks at one operation overlap and are joined.
func laneBands(log []events.Event, host string) map[string][]band {
	bands := map[string][]band{}
	for _, e := range log {
		if e.Lane == nil || e.Host != host {
			continue
		}
		l := e.Lane
		list, known := bands[l.Name]
		last := len(list) - 1
		switch {
		case !known && !l.Busy:
			bands[l.Name] = nil // the lane exists
		case !l.Busy || l.BlockedS < shownBlocked:
			if last >= 0 && e.T-list[last].to < idleFollows {
				list[last].to = max(list[last].to, e.T-l.BlockedS)
			}
		case last >= 0 && e.T-l.BlockedS <= list[last].to+0.05:
			list[last].to = max(list[last].to, e.T)
			if title := laneTitle(l); l.Syscall != "" || list[last].title == "" {
				list[last].title = title
			}
		default:
			bands[l.Name] = append(list, band{from: max(0, e.T-l.BlockedS), to: e.T, name: laneWork(l), title: laneTitle(l)})
		}
	}
	return bands
}

// laneWork names an operation: "write segment 2".
func laneWork(l *events.Lane) string {
	if l.Segment >= 0 && l.Segment < 4095 && (l.Op == "write" || l.Op == "read") {
		return fmt.Sprintf("%s segment %d", l.Op, l.Segment)
	}
	return l.Op
}

func laneTitle(l *events.Lane) string {
	title := fmt.Sprintf("%s (thread %d): %s", l.Name, l.TID, laneWork(l))
	if l.Syscall != "" {
		title += fmt.Sprintf("; the kernel says: state %s in %s", orDash(l.ProcState), l.Syscall)
		if l.Wchan != "" && l.Wchan != "0" {
			title += ", waiting in " + l.Wchan
		}
	}
	return title
}

// leaseBands: one band for each state of the lease, until the next.
func leaseBands(log []events.Event, host string, end float64) []band {
	var bands []band
	for _, e := range log {
		if e.Lease == nil || e.Host != host {
			continue
		}
		if n := len(bands); n > 0 {
			if bands[n-1].name == e.Lease.State {
				continue
			}
			bands[n-1].to = e.T
		}
		title := fmt.Sprintf("lease %s from %.1f s on", e.Lease.State, e.T)
		if e.Lease.Detail != "" {
			title += ": " + e.Lease.Detail
		}
		bands = append(bands, band{from: e.T, to: end, name: e.Lease.State, title: title})
	}
	return bands
}

// engineBands: an engine boots from its start on, runs from `up` on, and ends with stop, lost or gone.
func engineBands(log []events.Event, host string, end float64) (bands []band, marks []mark) {
	open := map[int]int{} // pid -> index of its present band
	for _, e := range log {
		if e.Engine == nil || e.Host != host {
			continue
		}
		i, running := open[e.Engine.PID]
		begin := func(name string) {
			if running {
				bands[i].to = e.T
			}
			open[e.Engine.PID] = len(bands)
			bands = append(bands, band{
				from: e.T, to: end, name: name,
				title: fmt.Sprintf("engine %s from %.1f s on, pid %d", name, e.T, e.Engine.PID),
			})
		}
		switch e.Engine.Event {
		case events.EngineStart:
			begin("booting")
		case events.EngineUp:
			begin("up")
		case events.EngineStop, events.EngineLost, events.EngineGone:
			if running {
				bands[i].to = e.T
				delete(open, e.Engine.PID)
			}
		case events.EngineSecondWriter:
			marks = append(marks, mark{t: e.T, bad: 1, titles: []string{fmt.Sprintf("second writer at %.1f s: %s", e.T, e.Engine.Detail)}})
		}
	}
	return bands, marks
}

// warningBands: from raised to cleared, one band for each warning. The brokers of a cluster with scaled timings warn of just
// that all the time (code config); the page says it once, in its head.
func warningBands(log []events.Event, host string, end, timeFactor float64) []band {
	open := map[string]int{}
	var bands []band
	for _, e := range log {
		if e.Health == nil || e.Host != host || e.Health.Code == string(health.Config) && timeFactor != 1 {
			continue
		}
		i, raised := open[e.Health.Code]
		switch {
		case e.Health.Raised && !raised:
			open[e.Health.Code] = len(bands)
			title := fmt.Sprintf("%s raised at %.1f s", e.Health.Code, e.T)
			if e.Health.Detail != "" {
				title += ": " + e.Health.Detail
			}
			bands = append(bands, band{from: e.T, to: end, name: e.Health.Code, title: title})
		case !e.Health.Raised && raised:
			bands[i].to = e.T
			delete(open, e.Health.Code)
		}
	}
	return bands
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
