package scenario

import (
	"fmt"
	"strings"
)

// expect reads `CONDITION within=DURATION`.
func (c *cursor) expect() Statement {
	s := &Expect{}
	switch word := c.peek(); word {
	case "monitor", "metric", "mail", "file", "mode":
		c.choice(observedWords()...)
		s.Condition = c.observed(word)
	case "disk":
		c.choice("disk")
		s.Condition = DiskMaintenance{Maintenance: c.maintenance()}
	case "view":
		c.choice("view")
		host := c.host()
		s.Condition = ViewMaintenance{Host: host, Maintenance: c.maintenance()}
	default:
		s.Condition = c.hostCondition(c.host(append([]string{"disk", "view"}, observedWords()...)...))
	}
	if _, ok := s.Condition.(Mode); ok && c.pos >= len(c.toks) {
		return s // permissions: looked at once
	}
	c.options(map[string]func(){"within": func() { s.Within = c.within() }}, []string{"within"}, "within")
	return s
}

func (c *cursor) hostCondition(host string) Condition {
	switch c.choice("lane", "warns", "clear", "fresh", "lease", "state", "updates") {
	case "lane":
		return c.laneBlocked(host)
	case "warns":
		w := Warns{Host: host, Code: c.code()}
		if c.err == nil && c.peek() == "late" {
			c.choice("late")
			c.choice("<")
			w.Late = c.duration("late", shortest, maxWait)
		}
		return w
	case "clear":
		return Clear{Host: host, Code: c.code()}
	case "fresh":
		return Fresh{Host: host}
	case "lease":
		c.choice("=")
		return Lease{Host: host, State: c.choice(LeaseStates()...)}
	case "state":
		c.choice("=")
		return State{Host: host, State: c.choice(AgentStates()...)}
	default:
		c.choice("=")
		return Updates{Host: host, Count: c.number("number of updates", 1, maxUpdates)}
	}
}

func (c *cursor) laneBlocked(host string) Condition {
	c.choice("=")
	lane := c.choice(LaneNames()...)
	c.choice("blocked")
	return LaneBlocked{Host: host, Lane: lane}
}

func (c *cursor) maintenance() Maintenance {
	c.choice("maintenance")
	c.choice("=")
	return Maintenance(c.choice(maintenances()...))
}

// code reads a warning's code: lower case words joined by '-'. Which codes exist is the broker's matter.
func (c *cursor) code() string {
	const expected = "a warning's code such as storage-stalled"
	code := c.value(expected)
	if c.err != nil {
		return ""
	}
	if strings.Trim(code, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || strings.Trim(code, "-") != code {
		c.back()
		c.fail(fmt.Sprintf("bad code %q", code), expected, "")
		return ""
	}
	return code
}

// goal reads the condition of a coverage goal.
func (c *cursor) goal() Condition {
	host := c.host()
	switch c.choice("state", "warns", "lane") {
	case "state":
		c.choice("=")
		return State{Host: host, State: c.choice(AgentStates()...)}
	case "warns":
		return Warns{Host: host, Code: c.code()}
	default:
		return c.laneBlocked(host)
	}
}
