package report

import (
	"fmt"
	"math"
	"strings"

	"github.com/holdfast-ha/holdfast/harness/events"
)

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
	const height = thinHeight + 3.0
	var rowEnds []float64 // the right edge of what stands in each row, pixels
	for _, f := range lives {
		if math.IsNaN(f.injected) {
			continue
		}
		label := f.text
		if f.unproven {
			label += " - not proven"
		}
		// The label stands inside, behind or before the box, wherever there is room.
		left, right := p.x(f.injected), max(p.x(f.last(p.end)), p.x(f.injected)+3)
		from, to, anchor, class := left, right, "start", "in fault"
		at := p.x(orTime(f.proven, f.injected)) + 6
		switch need := boldWidth(label); {
		case right-at > need+6:
		case p.right-right > need+8:
			at, to, class = right+5, right+8+need, "out fault"
		default:
			at, from, anchor, class = left-5, left-8-need, "end", "out fault"
		}
		if f.unproven {
			class = "out fault"
		}
		row := 0
		for row < len(rowEnds) && rowEnds[row] > from-4 {
			row++
		}
		if row == len(rowEnds) {
			rowEnds = append(rowEnds, 0)
		}
		rowEnds[row] = to
		top := y + float64(row)*(height+3)
		title := p.faultBox(f, top, height)
		p.titled(at, top+height/2+3.8, anchor, class, label, title)
	}
	if len(rowEnds) == 0 {
		return y
	}
	p.label(y, height, "faults", "hatched: injected, not yet proven; solid: proven; light: healed, not yet proven gone")
	return y + float64(len(rowEnds))*(height+3)
}

// faultBox draws one fault's box and returns its tooltip.
func (p *picture) faultBox(f life, top, height float64) string {
	title := fmt.Sprintf("line %d: %s\ninjected %s, proven %s, healed %s, gone %s\n%s",
		f.line, f.text, at(f.injected), at(f.proven), at(f.healed), at(f.gone), f.proof)
	class := "fault"
	if f.unproven {
		class = "fault unproven"
	}
	last := f.last(p.end)
	p.rect(p.x(f.injected), top, max(p.x(last)-p.x(f.injected), 3), height, 3, class+" whole", title)
	if !f.unproven {
		healed := min(orTime(f.healed, last), last)
		p.rect(p.x(f.proven), top, max(p.x(healed)-p.x(f.proven), 2), height, 0, class+" proven", title)
	}
	return title
}

// mark is a point in time with ticks and crosses.
type mark struct {
	t      float64
	good   int
	bad    int
	titles []string
}

// claimMarks gathers the claims that were judged within `near` seconds of each other.
func claimMarks(log []events.Event, near float64) []mark {
	var marks []mark
	for _, e := range log {
		if e.Claim == nil {
			continue
		}
		if n := len(marks); n == 0 || e.T-marks[n-1].t > near {
			marks = append(marks, mark{t: e.T})
		}
		m := &marks[len(marks)-1]
		sign := "✓"
		if e.Claim.OK {
			m.good++
		} else {
			m.bad++
			sign = "✗"
		}
		m.titles = append(m.titles, fmt.Sprintf("%s line %d: %s", sign, e.Claim.Line, e.Claim.Text))
	}
	return marks
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
