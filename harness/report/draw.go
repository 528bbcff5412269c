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

// life is one fault's life as far as it got; a time that never came is NaN.
type life struct {
	text, kind, target, proof      string
	line                           int
	injected, proven, healed, gone float64
	unproven                       bool
}

// last is the fault's last known moment, or the run's end when it was never proven gone.
func (f life) last(end float64) float64 {
	if math.IsNaN(f.gone) {
		return end
	}
	return f.gone
}

// faultLives takes faults from the verdict, with their statements from the scenario.
func faultLives(r *Run) []life {
	time := func(v *float64) float64 {
		if v == nil {
			return math.NaN()
		}
		return *v
	}
	var lives []life
	for _, f := range r.Verdict.Faults {
		l := life{
			kind: f.Kind, target: f.Target, proof: f.Proof, line: f.Line, text: f.Kind + " " + f.Target,
			injected: time(f.InjectedS), proven: time(f.ProvenS), healed: time(f.HealedS), gone: time(f.GoneS),
		}
		l.unproven = math.IsNaN(l.proven)
		if text := r.lineText(f.Line); text != "" {
			l.text = text
		}
		lives = append(lives, l)
	}
	return lives
}

// lineText is the canonical text of the statement on a line of the scenario.
func (r *Run) lineText(line int) string {
	if r.Scenario == nil {
		return ""
	}
	for _, s := range r.Scenario.Statements {
		if s.Line() == line {
			return s.String()
		}
	}
	return ""
}

// faultBands shades the whole picture where faults are in effect, and returns their lives.
func (p *picture) faultBands(r *Run, top, bottom float64) []life {
	lives := faultLives(r)
	for _, f := range lives {
		if math.IsNaN(f.injected) {
			continue
		}
		x1, x2 := p.x(f.injected), p.x(f.last(p.end))
		p.rect(x1, top, x2-x1, bottom-top, 0, "shade", "")
		p.line(x1, top, x1, bottom, "edge")
		if !math.IsNaN(f.healed) {
			p.line(p.x(f.healed), top, p.x(f.healed), bottom, "edge heal")
		}
	}
	return lives
}

// steps draws one box for each statement, from its begin to its end, with its line's number.
func (p *picture) steps(r *Run, y float64) float64 {
	type step struct {
		band
		line   int
		failed bool
	}
	open := map[int]*step{}
	var all []*step
	for _, e := range r.Log.Events {
		if e.Step == nil {
			continue
		}
		switch e.Step.State {
		case events.StepBegin:
			s := &step{band: band{from: e.T, to: e.T, title: fmt.Sprintf("line %d: %s", e.Step.Line, e.Step.Text)}, line: e.Step.Line}
			open[e.Step.Number] = s
			all = append(all, s)
		default:
			if s := open[e.Step.Number]; s != nil {
				s.to, s.failed = e.T, e.Step.State == events.StepFailed
				s.title += fmt.Sprintf(" (%.1f s to %.1f s)", s.from, s.to)
				delete(open, e.Step.Number)
			}
		}
	}
	for _, s := range open { // never ended: cut off
		s.to = p.end
	}
	p.label(y, laneHeight, "steps", "each statement of the scenario, by its line")
	for _, s := range all {
		class := "step"
		if s.failed {
			class = "step failed"
		}
		x1, x2 := p.x(s.from), p.x(s.to)
		w := max(x2-x1-1, 1.6)
		p.rect(x1, y, w, laneHeight, 2, class, s.title)
		if label := fmt.Sprint(s.line); w > textWidth(label)+3 {
			p.titled(x1+w/2, y+laneHeight/2+3.6, "middle", "in step", label, s.title)
		}
	}
	return y + laneHeight + rowGap
}

// claims draws ticks and crosses where claims were judged.
func (p *picture) claims(r *Run, y float64) float64 {
	marks := claimMarks(r.Log.Events, 12*p.end/(p.right-p.left))
	if len(marks) == 0 {
		return y
	}
	p.label(y, laneHeight, "claims", "when each claim was judged")
	for _, m := range marks {
		text, class := "✓", "good"
		if m.good > 1 {
			text = fmt.Sprintf("✓%d", m.good)
		}
		if m.bad > 0 {
			text, class = "✗", "bad"
			if m.bad > 1 {
				text = fmt.Sprintf("✗%d", m.bad)
			}
		}
		anchor, x := "middle", p.x(m.t)
		if x > p.right-10 {
			anchor = "end"
			x = p.right
		}
		p.titled(x, y+laneHeight/2+4.5, anchor, "claim "+class, text, strings.Join(m.titles, "\n"))
	}
	return y + laneHeight + rowGap
}

// faults draws each fault's life: hatched until it is proven, solid until it is healed, light until it is proven gone.
func (p *picture) faults(lives []life, y float64) float64 {
	rowEnds := []float64{} // the right edge of what stands in each row, pixels
	height := thinHeight + 3.0
	for _, f := range lives {
		if math.IsNaN(f.injected) {
			continue
		}
		last := f.last(p.end)
		proven, healed := orTime(f.proven, last), orTime(f.healed, last)
		row := 0
		for row < len(rowEnds) && rowEnds[row] > p.x(f.injected)-4 {
			row++
		}
		if row == len(rowEnds) {
			rowEnds = append(rowEnds, 0)
		}
		top := y + float64(row)*(height+3)
		title := fmt.Sprintf("line %d: %s\ninjected %s, proven %s, healed %s, gone %s\n%s",
			f.line, f.text, at(f.injected), at(f.proven), at(f.healed), at(f.gone), f.proof)
		class := "fault"
		if f.unproven {
			class = "fault unproven"
		}
		p.rect(p.x(f.injected), top, max(p.x(last)-p.x(f.injected), 3), height, 3, class+" whole", title)
		if !f.unproven {
			p.rect(p.x(proven), top, max(p.x(min(healed, last))-p.x(proven), 2), height, 0, class+" proven", title)
		}
		label := f.text
		if f.unproven {
			label += " - not proven"
		}
		rowEnds[row] = p.x(last)
		switch need := textWidth(label); {
		case p.x(last)-p.x(f.injected) > need+14:
			p.titled(p.x(proven)+6, top+height/2+3.8, "start", "in fault", label, title)
		case p.right-p.x(last) > need+8:
			p.text(p.x(last)+5, top+height/2+3.8, "start", "out fault", label)
			rowEnds[row] += need + 8
		default:
			p.text(p.x(f.injected)-5, top+height/2+3.8, "end", "out fault", label)
		}
	}
	if len(rowEnds) == 0 {
		return y
	}
	p.label(y, height, "faults", "hatched: injected, not yet proven; solid: proven; light: healed, not yet proven gone")
	return y + float64(len(rowEnds))*(height+3)
}

// label names a lane in the gutter.
func (p *picture) label(y, h float64, name, title string) {
	p.titled(p.left-10, y+h/2+3.8, "end", "lane", name, title)
}

// host draws one host's lanes.
func (p *picture) host(r *Run, host string, y float64) float64 {
	log := r.Log.Events
	top := y
	p.text(margin, y+agentHeight/2+4.5, "start", "host", host)
	bands, ticks := agentBands(log, host, p.end)
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
	y = p.row(y, "lease", "the host's lockspace lease", "lease", leaseBands(log, host, p.end))
	y = p.engine(log, host, y)
	if warnings := warningBands(log, host, p.end); len(warnings) > 0 {
		y = p.warnings(warnings, y)
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

func (p *picture) engine(log []events.Event, host string, y float64) float64 {
	bands, marks := engineBands(log, host, p.end)
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

// warnings puts bands into as many rows as it takes to keep them apart.
func (p *picture) warnings(bands []band, y float64) float64 {
	p.label(y, thinHeight, "warnings", "what get_health shows")
	var rows []float64 // the right edge of what stands in each row, pixels
	for _, b := range bands {
		row := 0
		for row < len(rows) && rows[row] > p.x(b.from) {
			row++
		}
		if row == len(rows) {
			rows = append(rows, 0)
		}
		p.span(b, y+float64(row)*(thinHeight+2), thinHeight, "warning", p.end, b.name)
		rows[row] = max(p.x(b.to), p.x(b.from)) + 3
		if p.x(b.to)-p.x(b.from) < textWidth(b.name)+10 {
			rows[row] += textWidth(b.name) + 6
		}
	}
	return y + float64(len(rows))*(thinHeight+2) + rowGap - 2
}

// laneOrder lists the lanes: the three of every broker first, then others by name.
func laneOrder(lanes map[string][]band) []string {
	order := scenario.LaneNames()
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

func orTime(t, other float64) float64 {
	if math.IsNaN(t) {
		return other
	}
	return t
}

func at(t float64) string {
	if math.IsNaN(t) {
		return "never"
	}
	return fmt.Sprintf("%.2f s", t)
}
