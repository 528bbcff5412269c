package report

import (
	"fmt"
	"math"
	"sort"
	"strings"

	"github.com/holdfast-ha/holdfast/harness/events"
	"github.com/holdfast-ha/holdfast/harness/scenario"
)

// The picture's measures in pixels.
const (
	pictureWidth = 1240
	gutter       = 128 // the names of the lanes
	margin       = 14
	rowGap       = 5
	hostGap      = 20
	agentHeight  = 21
	laneHeight   = 15
	rpcHeight    = 58
	thinHeight   = 15
)

// draw lays the run out: the time axis, steps, claims and faults on top, then the lanes of each host.
func draw(r *Run) *picture {
	p := &picture{Width: pictureWidth, left: gutter, right: pictureWidth - margin, end: r.end()}
	p.Label = fmt.Sprintf("Timeline of %s over %.0f seconds: faults on top, then for each host the agent's state, the lanes of its broker, RPC latency, lease and engine", r.Verdict.Scenario, p.end)
	hosts := r.Hosts()
	p.Height = px(measure(r, hosts))

	top := 24.0
	p.axis(top, p.Height-6)
	faultsEnd := p.faultBands(r, top, p.Height-6)
	y := p.steps(r, top+6)
	y = p.claims(r, y)
	y = p.faults(faultsEnd, y)
	for _, host := range hosts {
		y = p.host(r, host, y+hostGap)
	}
	return p
}

// measure is the picture's height: what draw will use.
func measure(r *Run, hosts []string) float64 {
	probe := &picture{left: gutter, right: pictureWidth - margin, end: r.end()}
	y := probe.claims(r, probe.steps(r, 24+6))
	y = probe.faults(faultLives(r), y)
	for _, host := range hosts {
		y = probe.host(r, host, y+hostGap)
	}
	return y + 12
}

// axis draws the seconds and their grid.
func (p *picture) axis(top, bottom float64) {
	step := niceStep(p.end, 14)
	for i := 0; float64(i)*step <= p.end+1e-9; i++ {
		t := float64(i) * step
		p.line(p.x(t), top, p.x(t), bottom, "grid")
		label := fmt.Sprintf("%g", math.Round(t*10)/10)
		if i == 0 {
			label = "0 s"
		}
		p.text(p.x(t), top-8, "middle", "axis", label)
	}
}

// label names a lane in the gutter.
func (p *picture) label(y, h float64, name, title string) {
	p.titled(p.left-10, y+h/2+3.8, "end", "lane", name, title)
}

// host draws one host's lanes.
func (p *picture) host(r *Run, host string, y float64) float64 {
	log, seen := r.Log.Events, r.lastSeen()
	top := y
	p.text(margin, y+agentHeight/2+4.5, "start", "host", host)
	bands, ticks := agentBands(log, host, seen)
	p.label(y, agentHeight, "agent", "the agent's state; each stroke below it is one turn of its loop")
	for _, b := range bands {
		p.span(b, y, agentHeight, "state "+stateClass(b.name), b.to, b.name)
	}
	for _, t := range ticks {
		p.line(p.x(t), y+agentHeight-4, p.x(t), y+agentHeight, "turn")
	}
	y += agentHeight + rowGap

	lanes := laneBands(log, host)
	for _, name := range laneOrder(lanes) {
		p.label(y, laneHeight, name, "the broker's thread "+name+": solid where it is blocked in one operation")
		p.line(p.left, y+laneHeight/2, p.right, y+laneHeight/2, "idle")
		list := lanes[name]
		for i, b := range list {
			until := p.end
			if i+1 < len(list) {
				until = list[i+1].from
			}
			b.title += fmt.Sprintf("\nblocked %.2f s, from %.1f s to %.1f s", b.to-b.from, b.from, b.to)
			p.span(b, y, laneHeight, "blocked", until, fmt.Sprintf("%s, %.1f s", b.name, b.to-b.from))
		}
		y += laneHeight + rowGap
	}
	y = p.rpc(r, host, y)
	y = p.row(y, "lease", "the host's lockspace lease", "lease", leaseBands(log, host, seen))
	y = p.engine(log, host, seen, y)
	if away := awayBands(log, host, seen); len(away) > 0 {
		y = p.stacked(away, y, "programs", "what the scenario stopped or killed, until it served again", "away")
	}
	if warnings := warningBands(log, host, seen, r.Verdict.TimeFactor); len(warnings) > 0 {
		y = p.stacked(warnings, y, "warnings", "what get_health shows", "warning")
	}
	p.line(margin, top-hostGap/2, p.right, top-hostGap/2, "divide")
	return y - rowGap
}

func (p *picture) row(y float64, name, title, class string, bands []band) float64 {
	p.label(y, thinHeight, name, title)
	for _, b := range bands {
		p.span(b, y, thinHeight, class+" "+class+"-"+word(b.name), b.to, b.name)
	}
	return y + thinHeight + rowGap
}

func (p *picture) engine(log []events.Event, host string, seen, y float64) float64 {
	bands, marks := engineBands(log, host, seen)
	p.label(y, thinHeight, "engine", "the stand-in engine, by its own log")
	p.line(p.left, y+thinHeight/2, p.right, y+thinHeight/2, "idle")
	for _, b := range bands {
		p.span(b, y, thinHeight, "engine engine-"+b.name, b.to, b.name)
	}
	for _, m := range marks {
		p.titled(p.x(m.t), y+thinHeight/2+4.5, "middle", "claim bad", "✗", strings.Join(m.titles, "\n"))
	}
	return y + thinHeight + rowGap
}

// stacked puts bands into as many rows as it takes to keep them apart.
func (p *picture) stacked(bands []band, y float64, name, title, class string) float64 {
	p.label(y, thinHeight, name, title)
	var rows []float64 // the right edge of what stands in each row, pixels
	for _, b := range bands {
		row := 0
		for row < len(rows) && rows[row] > p.x(b.from) {
			row++
		}
		if row == len(rows) {
			rows = append(rows, 0)
		}
		p.span(b, y+float64(row)*(thinHeight+2), thinHeight, class, p.end, b.name)
		rows[row] = max(p.x(b.to), p.x(b.from)) + 3
		if p.x(b.to)-p.x(b.from) < textWidth(b.name)+10 {
			rows[row] += textWidth(b.name) + 6
		}
	}
	return y + float64(len(rows))*(thinHeight+2) + rowGap - 2
}

// alwaysShown is how many lanes, of those that every broker has, are drawn even where nothing is known of them.
const alwaysShown = 3

// laneOrder lists the lanes: the first three of every broker, then those that the log names, by name.
func laneOrder(lanes map[string][]band) []string {
	order := scenario.LaneNames()[:alwaysShown]
	known := map[string]bool{}
	for _, name := range order {
		known[name] = true
	}
	var others []string
	for name := range lanes {
		if !known[name] {
			others = append(others, name)
		}
	}
	sort.Strings(others)
	return append(order, others...)
}

func stateClass(state string) string {
	for _, known := range scenario.AgentStates() {
		if state == known {
			return "state-" + state
		}
	}
	return "state-other"
}

// word makes a CSS class of any text.
func word(text string) string {
	return strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' {
			return c
		}
		return '-'
	}, text)
}
