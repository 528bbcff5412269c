package verdict

import (
	"fmt"
	"slices"
)

// Late is how late the machine was in about one second of the run, by the probe's own account: the most that one of its
// timers fired late. No daemon has a part in it.
type Late struct {
	T  float64 // the second's end, seconds since the run's start
	MS float64
}

// Lateness sums up how late the machine was in the time of faults.
type Lateness struct {
	Seconds   int     `json:"seconds"`    // how many were looked at
	TypicalMS float64 `json:"typical_ms"` // the median of their lateness
	WorstMS   float64 `json:"worst_ms"`
}

// SummariseLate takes those looks that fall into the time of faults; all of them where there was no fault.
func SummariseLate(looks []Late, faults []Span) Lateness {
	var ms []float64
	for _, l := range looks {
		if len(faults) == 0 || touches(faults, l.T-1, l.T) {
			ms = append(ms, l.MS)
		}
	}
	if len(ms) == 0 {
		return Lateness{}
	}
	slices.Sort(ms)
	return Lateness{Seconds: len(ms), TypicalMS: round(Quantile(ms, 0.5)), WorstMS: round(ms[len(ms)-1])}
}

// String prints ", machine late by 18.1 ms, 104 ms at worst"; nothing where it was not measured.
func (l Lateness) String() string {
	if l.Seconds == 0 {
		return ""
	}
	return fmt.Sprintf(", machine late by %.2f ms, %.2f ms at worst", l.TypicalMS, l.WorstMS)
}
