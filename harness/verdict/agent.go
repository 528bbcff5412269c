package verdict

import (
	"fmt"
	"strings"
)

// JudgeGap judges `always agent HOST gap < LIMIT` over the span. ticks are the times of the agent's turns, by host, in
// seconds since the run's start; limit is in seconds. away is when the scenario itself kept a host's agent away: that time does not count.
func JudgeGap(limit float64, hosts []string, ticks map[string][]float64, span Span, away map[string][]Span) (ok bool, detail string) {
	ok = true
	var parts []string
	for _, host := range hosts {
		gap, began := longestGapBut(ticks[host], span, away[host])
		part := fmt.Sprintf("%s: longest gap %.2f s from %.1f s on, %d ticks", host, gap, began, len(ticks[host]))
		if gap >= limit || len(ticks[host]) == 0 {
			ok = false
			part += fmt.Sprintf(" (not below %g s)", limit)
		}
		parts = append(parts, part)
	}
	return ok, strings.Join(parts, "; ")
}

// longestGapBut is LongestGap in what is left of the span.
func longestGapBut(ticks []float64, span Span, away []Span) (gap, began float64) {
	began = span.From
	for _, s := range span.Without(away) {
		if g, at := LongestGap(ticks, s.From, s.To); g > gap {
			gap, began = g, at
		}
	}
	return gap, began
}

// SummariseTicks counts an agent's turns and takes its longest gap over the span, but for the time in which it was kept away.
func SummariseTicks(ticks []float64, span Span, away []Span) AgentTicks {
	gap, _ := longestGapBut(ticks, span, away)
	return AgentTicks{Ticks: len(ticks), MaxGapS: round(gap)}
}

// Count is how many threads or descriptors a process held at one moment.
type Count struct {
	T float64 // seconds since the run's start
	N int
}

// JudgeGrowth judges `always threads|descriptors HOST growth <= LIMIT`: the most that each process held in the time of faults
// against the most that it held before. counts is by process ("host2 broker"). what is for the detail: "threads".
func JudgeGrowth(limit int, what string, counts map[string][]Count, faults []Span) (ok bool, detail string) {
	if len(counts) == 0 {
		return false, "no process was looked at"
	}
	ok = true
	var parts []string
	for _, process := range sortedKeys(counts) {
		healthy, fault := -1, -1
		for _, c := range counts[process] {
			if touches(faults, c.T, c.T) {
				fault = max(fault, c.N)
			} else if len(faults) == 0 || c.T < faults[0].From {
				healthy = max(healthy, c.N)
			}
		}
		switch {
		case healthy < 0:
			ok = false
			parts = append(parts, process+": not counted before the first fault")
		case fault < 0:
			ok = ok && len(faults) == 0
			parts = append(parts, fmt.Sprintf("%s: %d %s, not counted in the time of faults", process, healthy, what))
		default:
			part := fmt.Sprintf("%s: %d %s healthy, %d in the time of faults", process, healthy, what, fault)
			if fault-healthy > limit {
				ok = false
				part += fmt.Sprintf(" (more than %d above)", limit)
			}
			parts = append(parts, part)
		}
	}
	return ok, strings.Join(parts, "; ")
}
