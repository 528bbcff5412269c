package scenario

import (
	"fmt"
	"slices"
)

// ParseFault reads a fault line: "freeze nfs", "hang media op=write file=whiteboard segment=2".
func ParseFault(text string) (Fault, error) {
	c := newCursor("", 0, text)
	fault := c.fault()
	if c.err != nil {
		return Fault{}, c.err
	}
	return fault, nil
}

func (c *cursor) fault() Fault {
	f := Fault{Segment: NoSegment}
	switch c.choice(faultWords()...) {
	case "hang":
		c.choice("media")
		f.Kind = HangMedia
		c.refuse("by", "hang media keeps requests for good; slow media delays them")
		c.refuse("error", "hang media keeps requests for good; fail media answers them with an error")
		c.media(&f, nil)
	case "slow":
		c.choice("media")
		f.Kind = SlowMedia
		c.refuse("error", "slow media delays requests; fail media answers them with an error")
		c.media(&f, map[string]func(){
			"by": func() { f.By = c.duration("delay", shortest, maxDelay) },
		}, "by")
	case "fail":
		c.choice("media")
		f.Kind = FailMedia
		c.refuse("by", "fail media answers requests at once; slow media delays them")
		c.media(&f, map[string]func(){
			"error": func() { f.Error = c.choice(MediaErrors()...) },
			"first": func() { f.First = c.number("number of requests", 1, maxFirst) },
			"p":     func() { f.Probability = c.probability() },
		}, "error")
	case "freeze":
		c.freeze(&f)
	case "drop":
		c.choice("path")
		f.Kind = DropPath
		c.forHost(&f)
	case "mount":
		c.choice("dead")
		f.Kind = MountDead
		c.forHost(&f)
	}
	return f
}

// media reads what selects requests, and the keys of one kind of fault.
func (c *cursor) media(f *Fault, own map[string]func(), required ...string) {
	read := map[string]func(){
		"op":      func() { f.Op = c.choice(MediaOps()...) },
		"file":    func() { f.File = c.choice(MediaFiles()...) },
		"segment": func() { f.Segment = c.number("segment", 0, maxSegment) },
		"for":     func() { f.Host = c.host() },
	}
	order := append(slices.Clone(required), "op", "file", "segment", "for")
	for _, key := range []string{"first", "p"} {
		if own[key] != nil {
			order = append(order, key)
		}
	}
	for key, f := range own {
		read[key] = f
	}
	c.options(read, order, required...)
}

func (c *cursor) freeze(f *Fault) {
	words := []string{"nfs", "iscsi"}
	for _, p := range programs() {
		words = append(words, string(p))
	}
	f.Kind = FaultKind("freeze " + c.choice(words...))
	if c.err == nil && f.Kind.Program() != "" {
		c.forHost(f)
		return
	}
	c.done()
}

func (c *cursor) forHost(f *Fault) {
	c.options(map[string]func(){"for": func() { f.Host = c.host() }}, []string{"for"}, "for")
}

func (c *cursor) probability() float64 {
	const expected = "a decimal number above 0 and below 1"
	p := c.decimal("probability", expected)
	if c.err == nil && (p <= 0 || p >= 1) {
		c.back()
		c.fail(fmt.Sprintf("bad probability %q", c.peek()), expected, "")
	}
	return p
}

// refuse explains a key that exists elsewhere but not in this statement.
func (c *cursor) refuse(key, why string) {
	for i := c.pos; i < len(c.toks) && c.err == nil; i++ {
		if c.toks[i].text == key {
			c.pos = i
			c.fail(fmt.Sprintf("%s= does not fit here: %s", key, why), "", "")
		}
	}
}
