package run

import "fmt"

// Progress is one line of what goes on, for a terminal or a log.
type Progress struct {
	T    float64 // seconds since the run began
	Mark string  // "ok", "FAIL", "" for what only happens
	Text string
	// Begins says that a statement begins: of interest only to somebody who watches.
	Begins bool
}

// String prints the line.
func (p Progress) String() string {
	mark := p.Mark
	if mark == "" {
		mark = "  "
	}
	return fmt.Sprintf("%6.1f s  %-4s %s", p.T, mark, p.Text)
}
