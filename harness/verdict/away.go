package verdict

import (
	"cmp"
	"slices"
)

// Away is when the scenario itself kept a program of a host from its work: stopped, killed or frozen, until it served again.
type Away struct {
	Host    string
	Program string // broker, agent, sanlock, vdsm, smtp
	Span           // To is +Inf where it was not started again
}

// AwayOf sorts out when one program was away, by host.
func AwayOf(list []Away, program string) map[string][]Span {
	away := map[string][]Span{}
	for _, a := range list {
		if a.Program == program {
			away[a.Host] = append(away[a.Host], a.Span)
		}
	}
	return away
}

// Without returns what is left of the span, in order.
func (s Span) Without(away []Span) []Span {
	away = slices.Clone(away)
	slices.SortFunc(away, func(a, b Span) int { return cmp.Compare(a.From, b.From) })
	var left []Span
	from := s.From
	for _, a := range away {
		if a.From > from && a.From < s.To {
			left = append(left, Span{From: from, To: a.From})
		}
		from = max(from, a.To)
	}
	if from < s.To {
		left = append(left, Span{From: from, To: s.To})
	}
	return left
}

// CallsBut leaves out the calls that were under way while the broker was away.
func CallsBut(calls []Call, away []Span) []Call {
	if len(away) == 0 {
		return calls
	}
	var left []Call
	for _, c := range calls {
		if !touches(away, c.T, c.T+c.MS/1000) {
			left = append(left, c)
		}
	}
	return left
}

// Covered says whether nothing is left of any of the spans.
func Covered(spans, away []Span) bool {
	for _, s := range spans {
		if len(s.Without(away)) > 0 {
			return false
		}
	}
	return true
}
