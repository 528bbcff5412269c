package scenario

import (
	"fmt"
	"slices"
	"strings"
)

// action reads what stands behind the first word of a statement that does something.
func (c *cursor) action(word string) Statement {
	switch word {
	case "configure":
		s := &Configure{Host: c.host()}
		s.Settings = c.settings("a key of holdfast.conf")
		return s
	case "vdsm", "smtp":
		s := &Tell{Program: Program(word), Host: c.host()}
		s.Settings = c.settings("a key of the stand-in")
		return s
	case "stop":
		s := &Stop{Program: c.program(), Code: AnyCode}
		c.options(map[string]func(){
			"on": func() { s.On = c.host() }, "within": func() { s.Within = c.within() },
			"code": func() { s.Code = c.number("exit code", 0, 255) },
		}, []string{"on", "within", "code"}, "on", "within")
		return s
	case "kill":
		s := &Kill{Program: c.program()}
		c.options(map[string]func(){"on": func() { s.On = c.host() }}, []string{"on"}, "on")
		return s
	case "start":
		s := &Start{Program: c.program()}
		c.options(map[string]func(){
			"on": func() { s.On = c.host() }, "within": func() { s.Within = c.within() },
		}, []string{"on", "within"}, "on", "within")
		return s
	case "write":
		s := &Write{}
		c.options(map[string]func(){
			"segment": func() { s.Segment = c.number("segment", 0, maxSegment) },
			"as":      func() { s.As = Damage(c.choice(damages()...)) },
		}, []string{"segment", "as"}, "segment", "as")
		return s
	case "publish":
		return c.publish()
	case "load":
		return c.load()
	default:
		return c.call()
	}
}

func (c *cursor) program() Program {
	var words []string
	for _, p := range programs() {
		words = append(words, string(p))
	}
	return Program(c.choice(words...))
}

// settings reads KEY=VALUE ... up to the end of the line.
func (c *cursor) settings(what string) []Setting {
	var list []Setting
	for c.err == nil && (len(list) == 0 || c.pos < len(c.toks)) {
		key := c.key(what)
		if c.err == nil && slices.ContainsFunc(list, func(s Setting) bool { return s.Key == key }) {
			c.back()
			c.fail(fmt.Sprintf("%s= stands twice", key), "", "")
		}
		c.choice("=")
		list = append(list, Setting{key, c.text("a value; with blanks or other signs, in quotation marks")})
	}
	if c.err != nil {
		return nil
	}
	return list
}

// name reads a word of letters, digits, '_', '-' and '.', which begins with a letter.
func (c *cursor) name(what string) string {
	word := c.value(what)
	if c.err == nil && !validName(word) {
		c.back()
		c.fail(fmt.Sprintf("bad name %q", word), what, "")
	}
	return word
}

// key reads a name that may have slashes: some keys of a stand-in are paths.
func (c *cursor) key(what string) string {
	word := c.value(what)
	if c.err == nil && (!validName(strings.ReplaceAll(word, "/", "-")) || word[0] == '/') {
		c.back()
		c.fail(fmt.Sprintf("bad name %q", word), what, "")
	}
	return word
}

func validName(word string) bool {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	return word != "" && len(word) <= maxName && strings.ContainsRune(letters, rune(word[0])) && strings.Trim(word, letters+"0123456789_-.") == ""
}

// text reads a word, bare or in quotation marks. A bare one that runs into an operator is refused: it would be cut there.
func (c *cursor) text(what string) string {
	quoted := c.pos < len(c.toks) && c.toks[c.pos].quoted
	word := c.value(what)
	if c.err != nil || quoted {
		return word
	}
	end := c.toks[c.pos-1].column + len(word)
	cut := c.pos < len(c.toks) && c.toks[c.pos].column == end
	if cut || strings.ContainsAny(word, "{}[]\"") {
		c.back()
		c.fail(fmt.Sprintf("bad text %q", word), "quotation marks around a text with blanks, brackets or operators", "")
	}
	return word
}

func (c *cursor) yes() bool { return c.choice("yes", "no") == "yes" }

func (c *cursor) publish() Statement {
	s := &Publish{Updated: true}
	c.choice("ovf")
	c.options(map[string]func(){
		"store":   func() { s.Store = c.number("number of an OVF_STORE", 1, 2) },
		"memory":  func() { s.Memory = c.number("memory in MiB", 1, maxMemory) },
		"updated": func() { s.Updated = c.yes() },
		"torn":    func() { s.Torn = c.yes() },
	}, []string{"store", "memory", "updated", "torn"}, "store", "memory")
	return s
}

func (c *cursor) load() Statement {
	s := &ClientLoad{Host: c.host()}
	c.options(map[string]func(){
		"clients":   func() { s.Clients = c.number("number of clients", 1, maxClients) },
		"slow":      func() { s.Slow = c.number("number of clients", 0, maxClients) },
		"half_open": func() { s.HalfOpen = c.number("number of clients", 0, maxClients) },
		"for":       func() { s.For = c.duration("time", shortest, maxLoad) },
		"p99":       func() { s.P99 = c.duration("p99", shortest, maxWait) },
	}, []string{"clients", "slow", "half_open", "for", "p99"}, "clients", "for")
	return s
}
