package run

import (
	"maps"
	"slices"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func orWord(text, other string) string {
	if text == "" {
		return other
	}
	return text
}
