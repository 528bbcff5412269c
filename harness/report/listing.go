package report

import (
	"fmt"
	"strings"

	"github.com/holdfast-ha/holdfast/harness/events"
	"github.com/holdfast-ha/holdfast/harness/verdict"
)

// listed is one line of the scenario with what became of it.
type listed struct {
	Number int
	Text   string
	Class  string // prose, blank, section, good, bad, done, failed, missed, unreached
	Sign   string // ✓ ✗ • or nothing
	At     string // when the step began
	Detail []string
}

// listing walks through the scenario's text, line by line. Claims that belong to no line stand at the end.
func listing(r *Run) []listed {
	claims := map[int][]verdict.Claim{}
	for _, c := range r.Verdict.Claims {
		claims[c.Line] = append(claims[c.Line], c)
	}
	faults := map[int][]verdict.Fault{}
	for _, f := range r.Verdict.Faults {
		faults[f.Line] = append(faults[f.Line], f)
	}
	steps := stepsByLine(r.Log.Events)

	var list []listed
	inSection := false
	for i, text := range strings.Split(strings.TrimRight(r.Source, "\n"), "\n") {
		n := i + 1
		l := listed{Number: n, Text: strings.TrimRight(text, "\r")}
		trimmed := strings.TrimSpace(text)
		inSection = inSection || strings.HasPrefix(trimmed, "-- ") && strings.HasSuffix(trimmed, " --")
		switch {
		case r.Source == "":
			continue
		case inSection:
			l.Class = "section"
		case trimmed == "":
			l.Class = "blank"
		case strings.HasPrefix(trimmed, "#"):
			l.Class = "prose"
		default:
			l.outcome(claims[n], faults[n], steps)
			delete(claims, n)
		}
		list = append(list, l)
	}
	for _, c := range r.Verdict.Claims {
		if _, left := claims[c.Line]; left {
			l := listed{Number: c.Line, Text: c.Text}
			l.outcome([]verdict.Claim{c}, nil, steps)
			list = append(list, l)
		}
	}
	return list
}

// stepSeen is what the log tells of one line's step.
type stepSeen struct {
	begun  float64
	failed bool
	detail string
}

func stepsByLine(log []events.Event) map[int]stepSeen {
	steps := map[int]stepSeen{}
	for _, e := range log {
		if e.Step == nil {
			continue
		}
		s := steps[e.Step.Line]
		switch e.Step.State {
		case events.StepBegin:
			s.begun = e.T
		case events.StepFailed:
			s.failed, s.detail = true, e.Step.Detail
		default:
			s.detail = e.Step.Detail
		}
		steps[e.Step.Line] = s
	}
	return steps
}

// outcome works out a statement's sign from its claims, its fault and its step.
func (l *listed) outcome(claims []verdict.Claim, faults []verdict.Fault, steps map[int]stepSeen) {
	step, reached := steps[l.Number]
	l.Class, l.Sign = "unreached", ""
	if reached {
		l.At = fmt.Sprintf("%.1f s", step.begun)
		l.Class, l.Sign = "done", "•"
	}
	for _, f := range faults {
		if f.ProvenS == nil || f.GoneS == nil {
			l.Class, l.Sign = "failed", "✗"
		}
		if f.Proof != "" {
			l.Detail = append(l.Detail, f.Proof)
		}
	}
	if step.failed {
		l.Class, l.Sign = "failed", "✗"
	}
	if len(claims) == 0 && len(l.Detail) == 0 && step.detail != "" {
		l.Detail = append(l.Detail, step.detail)
	}
	for i, c := range claims {
		switch {
		case !c.OK && c.Goal:
			l.Class, l.Sign = "missed", "✗"
		case !c.OK:
			l.Class, l.Sign = "bad", "✗"
		case i == 0 && l.Class != "failed":
			l.Class, l.Sign = "good", "✓"
		}
		if c.Detail != "" {
			l.Detail = append(l.Detail, c.Detail)
		}
	}
}
