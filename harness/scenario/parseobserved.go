package scenario

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// observedWords are the first words of the conditions that are looked up elsewhere than in the watched answers.
func observedWords() []string { return []string{"monitor", "metric", "mail", "file", "mode"} }

// observed reads the rest of such a condition.
func (c *cursor) observed(word string) Condition {
	host := c.host()
	switch word {
	case "monitor":
		m := Monitor{Host: host, Type: c.choice(MonitorTypes()...)}
		m.Part = c.choice("=", "~") == "~"
		m.Text = c.text("the submonitor's result")
		return m
	case "metric":
		return c.metric(host)
	case "mail":
		m := Mail{Host: host, Part: c.choice("subject", "body")}
		c.choice("~")
		m.Text = c.text("a text that the mail contains")
		return m
	case "file":
		f := File{Host: host, Name: c.fileName()}
		c.choice("contains")
		c.choice("=")
		f.Contains = c.text("a text that the file contains")
		return f
	default:
		m := Mode{Host: host, Name: c.fileName()}
		c.choice("=")
		m.Mode = c.mode()
		return m
	}
}

// fileName reads the name of a file in a host's run directory.
func (c *cursor) fileName() string {
	return c.name("the name of a file in the host's run directory, such as vm.conf")
}

func (c *cursor) mode() int {
	const expected = "permissions in octal digits, such as 0660"
	word := c.value(expected)
	mode, err := strconv.ParseUint(word, 8, 12)
	if c.err == nil && (err != nil || len(word) != 4) {
		c.back()
		c.fail(fmt.Sprintf("bad permissions %q", word), expected, "")
	}
	return int(mode)
}

// metric reads `NAME{LABEL=VALUE,...} RELATION BOUND`.
func (c *cursor) metric(host string) Condition {
	const expected = "a metric such as holdfast_lane_stalled{lane=ha-writer}"
	m := Metric{Host: host}
	word := c.value(expected)
	name, inner, braces := strings.Cut(word, "{")
	elements, err := parts(strings.TrimSuffix(inner, "}"), true)
	if err == nil && (!validName(name) || braces && len(elements) == 0) {
		err = fmt.Errorf("bad metric %q", word)
	}
	for _, e := range elements {
		if slices.ContainsFunc(m.Labels, func(s Setting) bool { return s.Key == e.key }) {
			err = fmt.Errorf("%s= stands twice", e.key)
		}
		m.Labels = append(m.Labels, Setting{e.key, e.value})
	}
	if c.err == nil && err != nil {
		c.back()
		c.fail(err.Error(), expected, "")
	}
	m.Name = name
	m.Relation = c.choice("<", "<=", "=", ">=", ">")
	m.Bound = c.decimal("bound", "a decimal number")
	return m
}

// decimal reads a number in plain decimals, so that it prints back as it was written.
func (c *cursor) decimal(what, expected string) float64 {
	word := c.value(expected)
	f, err := strconv.ParseFloat(word, 64)
	if c.err == nil && (err != nil || strings.Trim(strings.TrimPrefix(word, "-"), "0123456789.") != "") {
		c.back()
		c.fail(fmt.Sprintf("bad %s %q", what, word), expected, "")
		return 0
	}
	return f
}
