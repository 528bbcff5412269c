package store

import (
	"cmp"
	"slices"
)

// Candidate is a store as its description shows it.
type Candidate struct {
	Path string
	Description
}

// Order sorts the stores for reading: those that are updated, the newest first. Stores that are not updated come last, as they must not be
// read. Equal ones are ordered by path, so that every host reads the same. Upstream took the last one found (S28).
func Order(stores []Candidate) []Candidate {
	ordered := slices.Clone(stores)
	slices.SortStableFunc(ordered, func(a, b Candidate) int {
		switch {
		case a.Updated != b.Updated && a.Updated:
			return -1
		case a.Updated != b.Updated:
			return 1
		}
		return cmp.Or(b.Published.Compare(a.Published), cmp.Compare(a.Path, b.Path))
	})
	return ordered
}
