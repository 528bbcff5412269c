package verdict

import (
	"cmp"
	"math"
	"slices"
	"sort"
)

// Call is one call of one method, as the probe's client saw it.
type Call struct {
	T     float64 // when it began, seconds since the run's start
	MS    float64 // how long until the answer, or until it was given up, milliseconds
	Error string  // why there was no answer; empty when there was one
}

// Span is a stretch of the run, in seconds since its start. To may be +Inf.
type Span struct{ From, To float64 }

// Seconds is the span's length.
func (s Span) Seconds() float64 { return s.To - s.From }

// Summarise works out the figures of some calls. Quantiles are by nearest rank: a value that was measured, and with fewer
// than 100 calls the 99th percentile is the largest.
func Summarise(calls []Call) Latency {
	l := Latency{N: len(calls)}
	if l.N == 0 {
		return l
	}
	ms := make([]float64, 0, len(calls))
	for _, c := range calls {
		ms = append(ms, c.MS)
		if c.Error != "" {
			l.Failed++
		}
	}
	slices.Sort(ms)
	l.P50MS = round(Quantile(ms, 0.50))
	l.P99MS = round(Quantile(ms, 0.99))
	l.MaxMS = round(ms[len(ms)-1])
	return l
}

// Quantile returns the q-quantile of sorted values by nearest rank; 0 for none.
func Quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(math.Ceil(q*float64(len(sorted)) - 1e-9))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// SplitCalls parts calls into those that touch a span of faults and the rest. A call that began before a fault and was
// answered during it belongs to the fault.
func SplitCalls(calls []Call, faults []Span) Phases {
	healthy, fault := splitCalls(calls, faults)
	return Phases{Healthy: Summarise(healthy), Fault: Summarise(fault)}
}

func splitCalls(calls []Call, faults []Span) (healthy, fault []Call) {
	for _, c := range calls {
		if touches(faults, c.T, c.T+c.MS/1000) {
			fault = append(fault, c)
		} else {
			healthy = append(healthy, c)
		}
	}
	return healthy, fault
}

func touches(spans []Span, from, to float64) bool {
	for _, s := range spans {
		if from < s.To && to >= s.From {
			return true
		}
	}
	return false
}

// Unmeasured returns the longest stretch of the span in which no call of any method was under way, in seconds, and when it began.
func Unmeasured(calls map[string][]Call, span Span) (gap, began float64) {
	var all []Call
	for _, list := range calls {
		all = append(all, list...)
	}
	slices.SortFunc(all, func(a, b Call) int { return cmp.Compare(a.T, b.T) })
	last := span.From
	began = last
	for _, c := range append(all, Call{T: span.To}) {
		if g := min(c.T, span.To) - last; g > gap {
			gap, began = g, last
		}
		last = max(last, c.T+c.MS/1000)
	}
	return gap, began
}

// FaultSpans returns the time of faults: each from injection until it was proven gone (or healed, or the run's end),
// overlapping ones joined, in order. end is the run's end in seconds.
func FaultSpans(faults []Fault, end float64) []Span {
	var spans []Span
	for _, f := range faults {
		if f.InjectedS == nil {
			continue
		}
		s := Span{From: *f.InjectedS, To: end}
		switch {
		case f.GoneS != nil:
			s.To = *f.GoneS
		case f.HealedS != nil && f.ProvenS == nil:
			s.To = *f.HealedS
		}
		if s.To > s.From {
			spans = append(spans, s)
		}
	}
	sort.Slice(spans, func(i, j int) bool { return spans[i].From < spans[j].From })
	var joined []Span
	for _, s := range spans {
		if n := len(joined); n > 0 && s.From <= joined[n-1].To {
			joined[n-1].To = max(joined[n-1].To, s.To)
			continue
		}
		joined = append(joined, s)
	}
	return joined
}

// LongestGap returns the longest time without a tick between from and to (seconds), and when it began. A gap that began
// before from counts from `from` on, one that is still open at to counts up to it. Before an agent's very first tick there is
// no gap: it may not have been started yet; but an agent that never ticked has one of the whole length.
func LongestGap(ticks []float64, from, to float64) (gap, began float64) {
	sorted := slices.Clone(ticks)
	slices.Sort(sorted)
	last, known := from, false
	began = from
	for _, t := range sorted {
		if t > to {
			break
		}
		if t >= from && known && t-last > gap {
			gap, began = t-last, last
		}
		last, known = max(t, from), true
	}
	if to-last > gap {
		gap, began = to-last, last
	}
	return gap, began
}

// round keeps microseconds of a value in milliseconds, or of one in seconds.
func round(v float64) float64 { return math.Round(v*1e3) / 1e3 }
