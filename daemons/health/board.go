package health

import (
	"fmt"
	"strings"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// Warning is something that is wrong now.
type Warning struct {
	Warnable
	Detail string     // the particulars: which segment, which error
	Since  clock.Mono // when it began; never clock's zero
}

// Board notes what is wrong now. It is plain data: assignment copies it, == compares it. The zero value is an empty
// board.
type Board struct {
	cells [count]cell
}

// cell is one warnable's place on the board.
type cell struct {
	since   clock.Mono // when the condition began; 0 = it does not hold
	detail  string
	visible bool // as of the last Turn
}

// Set notes that the condition holds now, or still holds. A repeated Set keeps the time at which it began and takes
// the newer detail. It reports whether the board changed. A code that is not in the table is ignored.
func (b *Board) Set(now clock.Mono, code Code, detail string) (changed bool) {
	i := index(code)
	if i < 0 {
		return false
	}
	c := &b.cells[i]
	if c.since != 0 && c.detail == detail {
		return false
	}
	if c.since == 0 {
		c.since = max(now, 1)
	}
	c.detail = detail
	return true
}

// Clear notes that the condition does not hold, and reports whether it did before.
func (b *Board) Clear(code Code) (changed bool) {
	i := index(code)
	if i < 0 || b.cells[i].since == 0 {
		return false
	}
	b.cells[i].since = 0
	return true
}

// Put is Set if holds, else Clear.
func (b *Board) Put(now clock.Mono, code Code, holds bool, detail string) (changed bool) {
	if holds {
		return b.Set(now, code, detail)
	}
	return b.Clear(code)
}

// Holds reports whether the condition is noted, visible or not.
func (b Board) Holds(code Code) bool {
	i := index(code)
	return i >= 0 && b.cells[i].since != 0
}

// Turn works out which warnings are visible now and returns those that have become visible and those that no longer
// are since the last Turn, each in the table's order.
func (b *Board) Turn(now clock.Mono) (raised, cleared []Warning) {
	for i := range b.cells {
		c := &b.cells[i]
		visible := b.shown(now, i)
		switch {
		case visible && !c.visible:
			raised = append(raised, b.warning(i))
		case !visible && c.visible:
			cleared = append(cleared, b.warning(i))
		}
		c.visible = visible
	}
	return raised, cleared
}

// Visible returns the warnings that are to be shown now, in the table's order.
func (b Board) Visible(now clock.Mono) []Warning {
	var all []Warning
	for i := range b.cells {
		if b.shown(now, i) {
			all = append(all, b.warning(i))
		}
	}
	return all
}

// shown: the condition holds, has lasted long enough, and none of those it depends on holds and is shown. The
// dependencies form no circle; a test walks the table.
func (b *Board) shown(now clock.Mono, i int) bool {
	c := &b.cells[i]
	if c.since == 0 || now.Sub(c.since) < table[i].VisibleIn {
		return false
	}
	for _, cause := range table[i].DependsOn {
		if b.shown(now, index(cause)) {
			return false
		}
	}
	return true
}

func (b *Board) warning(i int) Warning {
	return Warning{Warnable: table[i], Detail: b.cells[i].detail, Since: b.cells[i].since}
}

// String lists the conditions that hold, visible or not, for tests and debugging.
func (b Board) String() string {
	var parts []string
	for i, c := range b.cells {
		if c.since != 0 {
			parts = append(parts, fmt.Sprintf("%s(%s)", table[i].Code, c.detail))
		}
	}
	return "[" + strings.Join(parts, " ") + "]"
}

// OK reports whether a daemon with these warnings is healthy: none is worse than low.
func OK(warnings []Warning) bool {
	for _, w := range warnings {
		if w.Severity != Low {
			return false
		}
	}
	return true
}
