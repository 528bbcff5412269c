package config

// nearestKey returns the known key with the smallest edit distance to name, or "" if none is near: more than a third
// of the letters differ.
func nearestKey(name string, keys []Key) string {
	if len(name) > 64 {
		return ""
	}
	best, bestDistance := "", 1+max(2, len(name)/3)
	for _, key := range keys {
		if d := editDistance(name, key.Name); d < bestDistance {
			best, bestDistance = key.Name, d
		}
	}
	return best
}

// editDistance counts the insertions, deletions, substitutions and swaps of neighbours that turn a into b.
func editDistance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
