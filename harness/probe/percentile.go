package probe

import "math"

// Percentile returns the value below or at which p percent (0..100) of the
// sorted values lie, by nearest rank: always one of the values, never a mean of
// two. Without values it is NaN, which no comparison finds good enough.
func Percentile(sorted []float64, p float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	rank := int(math.Ceil(p / 100 * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}
