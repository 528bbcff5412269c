package scenario

import (
	"fmt"
	"strings"
)

// Error is one mistake in a scenario: where, what was found, what was expected, and the nearest word that would fit.
type Error struct {
	File     string // as given to Parse
	Line     int    // from 1
	Column   int    // from 1, in bytes; 0 when the whole line is meant
	Problem  string // `unknown word "lnae"`
	Expected string // `one of lane=, warns, ...`; may be empty
	Nearest  string // `lane`; may be empty
}

// Error prints "FILE:LINE:COLUMN: PROBLEM: expected EXPECTED; did you mean "NEAREST"?".
func (e *Error) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File + ":")
	}
	if e.Line > 0 {
		fmt.Fprintf(&b, "%d:", e.Line)
		if e.Column > 0 {
			fmt.Fprintf(&b, "%d:", e.Column)
		}
	}
	if b.Len() > 0 {
		b.WriteString(" ")
	}
	b.WriteString(e.Problem)
	if e.Expected != "" {
		b.WriteString(": expected " + e.Expected)
	}
	if e.Nearest != "" {
		fmt.Fprintf(&b, "; did you mean %q?", e.Nearest)
	}
	return b.String()
}

// Errors is all mistakes of a file, in order of lines, at most maxErrors.
type Errors []*Error

// Error prints one mistake a line.
func (list Errors) Error() string {
	lines := make([]string, len(list))
	for i, e := range list {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives errors.As access to each mistake.
func (list Errors) Unwrap() []error {
	all := make([]error, len(list))
	for i, e := range list {
		all[i] = e
	}
	return all
}

// maxErrors bounds how many mistakes one call reports.
const maxErrors = 20

// oneOf prints words as "a", "a or b", "one of a, b, c".
func oneOf(words []string) string {
	switch len(words) {
	case 0:
		return "nothing more"
	case 1:
		return words[0]
	case 2:
		return words[0] + " or " + words[1]
	}
	return "one of " + strings.Join(words, ", ")
}

// nearest returns the word that takes the fewest changes to get from found, or "" when none is near.
func nearest(found string, words []string) string {
	const longest = 64
	if len(found) > longest {
		return ""
	}
	best, bestCost := "", 1+len(found)/3
	for _, word := range words {
		bare := strings.TrimRight(word, "=<")
		if cost := distance(strings.ToLower(found), strings.ToLower(bare)); cost <= bestCost && bare != found {
			if best == "" || cost < bestCost {
				best, bestCost = bare, cost
			}
		}
	}
	return best
}

// distance counts the insertions, deletions, replacements and swaps of neighbours that turn a into b.
func distance(a, b string) int {
	older := make([]int, len(b)+1)
	prev := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], older[j-2]+1)
			}
		}
		older, prev = prev, row
	}
	return prev[len(b)]
}
