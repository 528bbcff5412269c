package scenario

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// cursor walks over the tokens of one line. The first mistake stays in err; after it every call returns zero values, so a
// statement's function reads straight down and looks at err once.
type cursor struct {
	file string
	line int
	toks []token
	end  int // the column behind the line
	pos  int
	err  *Error
}

// peek returns the next token's text, "" at the end of the line.
func (c *cursor) peek() string {
	if c.pos >= len(c.toks) {
		return ""
	}
	return c.toks[c.pos].text
}

func (c *cursor) column() int {
	if c.pos >= len(c.toks) {
		return c.end
	}
	return c.toks[c.pos].column
}

// fail notes a mistake at the next token.
func (c *cursor) fail(problem, expected, near string) {
	if c.err == nil {
		c.err = &Error{File: c.file, Line: c.line, Column: c.column(), Problem: problem, Expected: expected, Nearest: near}
	}
}

// unexpected notes that the next token is not one of the words.
func (c *cursor) unexpected(words ...string) {
	found := c.peek()
	switch {
	case c.pos < len(c.toks) && c.toks[c.pos].quoted:
		c.fail(fmt.Sprintf("%q does not fit here", found), oneOf(words), "")
	case c.pos >= len(c.toks):
		c.fail("the line ends too early", oneOf(words), "")
	case c.toks[c.pos].operator():
		c.fail(fmt.Sprintf("%q does not fit here", found), oneOf(words), "")
	default:
		c.fail(fmt.Sprintf("unknown word %q", found), oneOf(words), nearest(found, words))
	}
}

// choice reads one of the words.
func (c *cursor) choice(words ...string) string {
	if c.err != nil {
		return ""
	}
	for _, word := range words {
		if c.peek() == word && word != "" && !c.toks[c.pos].quoted {
			c.pos++
			return word
		}
	}
	c.unexpected(words...)
	return ""
}

// value reads a free word; what says what it is: "a host".
func (c *cursor) value(what string) string {
	if c.err != nil {
		return ""
	}
	if c.pos >= len(c.toks) || c.toks[c.pos].operator() {
		c.unexpected(what)
		return ""
	}
	if bad := c.toks[c.pos].bad; bad != "" {
		c.fail(bad, what, "")
		return ""
	}
	c.pos++
	return c.toks[c.pos-1].text
}

// back makes the token just read the place of the next mistake.
func (c *cursor) back() {
	if c.err == nil && c.pos > 0 {
		c.pos--
	}
}

// done demands the end of the line.
func (c *cursor) done() {
	if c.err != nil || c.pos >= len(c.toks) {
		return
	}
	c.fail(fmt.Sprintf("%q is too much", c.peek()), "the end of the line", "")
}

// host reads a host's name, or one of the other words that may stand for one.
func (c *cursor) host(others ...string) string {
	expected := append([]string{"a host such as host2"}, others...)
	name := c.value(oneOf(expected))
	if c.err != nil {
		return ""
	}
	for _, other := range others {
		if name == other {
			return name
		}
	}
	if _, ok := HostNumber(name); ok {
		return name
	}
	c.back()
	c.fail(fmt.Sprintf("unknown word %q", name), oneOf(expected), nearest(name, append([]string{"host1"}, others...)))
	return ""
}

// HostNumber returns N of "hostN", 1 to 999.
func HostNumber(name string) (int, bool) {
	digits, ok := strings.CutPrefix(name, "host")
	n, err := strconv.Atoi(digits)
	if !ok || err != nil || n < 1 || n > 999 || strconv.Itoa(n) != digits {
		return 0, false
	}
	return n, true
}

// number reads a whole number from low to high.
func (c *cursor) number(what string, low, high int) int {
	expected := fmt.Sprintf("a whole number from %d to %d", low, high)
	word := c.value(expected)
	if c.err != nil {
		return 0
	}
	n, err := strconv.Atoi(word)
	if err != nil || n < low || n > high {
		c.back()
		c.fail(fmt.Sprintf("bad %s %q", what, word), expected, "")
		return 0
	}
	return n
}

// duration reads a duration from low to high.
func (c *cursor) duration(what string, low, high time.Duration) time.Duration {
	expected := fmt.Sprintf("a duration such as 250ms, 5s or 3m, from %s to %s", Duration(low), Duration(high))
	word := c.value(expected)
	if c.err != nil {
		return 0
	}
	d, err := time.ParseDuration(word)
	if err != nil || d < low || d > high {
		c.back()
		c.fail(fmt.Sprintf("bad %s %q", what, word), expected, "")
		return 0
	}
	return d
}

// options reads key=value pairs in any order, each at most once, up to the end of the line. Each key's function reads the
// value. Keys in required must be there. A bound has "<" in place of "=" ([operatorOf]).
func (c *cursor) options(read map[string]func(), order []string, required ...string) {
	seen := map[string]bool{}
	for c.err == nil && c.pos < len(c.toks) {
		var open []string
		for _, key := range order {
			if !seen[key] {
				open = append(open, key+operatorOf(key))
			}
		}
		key := c.peek()
		switch {
		case c.toks[c.pos].quoted && len(open) > 0:
			c.unexpected(open...)
		case seen[key]:
			c.fail(fmt.Sprintf("%s%s stands twice", key, operatorOf(key)), "", "")
		case read[key] == nil && len(open) == 0:
			c.done()
		case read[key] == nil:
			c.unexpected(open...)
		default:
			seen[key] = true
			c.pos++
			c.choice(operatorOf(key))
			read[key]()
		}
	}
	for _, key := range required {
		if c.err == nil && !seen[key] {
			c.fail("the line ends too early", key+operatorOf(key), "")
		}
	}
}

// operatorOf is what stands between a key and its value.
func operatorOf(key string) string {
	if key == "p99" {
		return "<"
	}
	return "="
}
