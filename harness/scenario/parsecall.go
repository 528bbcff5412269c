package scenario

import (
	"fmt"
	"slices"
	"strings"
)

// answersWord stands behind a call's arguments.
const answersWord = "answers"

// call reads `HOST METHOD [ARG...] answers ANSWER within=DURATION`.
func (c *cursor) call() Statement {
	s := &Call{Host: c.host(), Method: c.name("a method of the broker such as get_health")}
	for c.err == nil && !c.bare(answersWord) {
		if c.pos >= len(c.toks) {
			c.fail("the line ends too early", answersWord, "")
			break
		}
		s.Args = append(s.Args, c.argument())
	}
	c.choice(answersWord)
	s.Answers = c.answer()
	c.options(map[string]func(){"within": func() { s.Within = c.within() }}, []string{"within"}, "within")
	return s
}

// bare says whether the next token is this word, without quotation marks.
func (c *cursor) bare(word string) bool {
	return c.pos < len(c.toks) && !c.toks[c.pos].quoted && c.toks[c.pos].text == word
}

// take reads any token but an operator, and the "=" signs that end base64.
func (c *cursor) take(what string) (text string, quoted bool) {
	if c.err == nil && c.pos < len(c.toks) {
		quoted = c.toks[c.pos].quoted
	}
	text = c.value(what)
	if c.err != nil || quoted || !strings.HasPrefix(text, base64Word) {
		return text, quoted
	}
	for end := c.toks[c.pos-1].column + len(text); c.bare("=") && c.toks[c.pos].column == end; end++ {
		c.pos++
	}
	return text, quoted
}

func (c *cursor) argument() any {
	at := c.pos
	text, quoted := c.take("an argument, or " + answersWord)
	if c.err != nil || quoted {
		return text
	}
	v, err := bareArgument(text)
	if err != nil {
		c.pos = at
		c.fail(err.Error(), "a number, true, false, a text, base64:..., [ITEM,...] or {KEY=VALUE,...}", "")
	}
	return v
}

func bareArgument(text string) (any, error) {
	switch {
	case strings.HasPrefix(text, "["):
		elements, err := parts(text[1:len(text)-1], false)
		list := []any{}
		for _, e := range elements {
			v, bad := e.meaning()
			if bad != nil {
				return nil, bad
			}
			list = append(list, v)
		}
		return list, err
	case strings.HasPrefix(text, "{"):
		elements, err := parts(text[1:len(text)-1], true)
		members := map[string]any{}
		for _, e := range elements {
			v, bad := e.meaning()
			if _, twice := members[e.key]; twice {
				bad = fmt.Errorf("%s= stands twice", e.key)
			}
			if bad != nil {
				return nil, bad
			}
			members[e.key] = v
		}
		return members, err
	case strings.ContainsAny(text, "{}[]\",") || strings.Trim(text, bareText) != "":
		return nil, fmt.Errorf("bad text %q; put it in quotation marks", text)
	}
	return scalar(text)
}

// answer reads what a call's answer is compared with.
func (c *cursor) answer() Answer {
	const what = `ok, nil, any, fault, a value, ~TEXT or {MEMBER=VALUE,...}`
	if c.err == nil && c.bare("~") {
		c.pos++
		return Answer{Kind: AnswerPart, Text: c.text("a text that the answer contains")}
	}
	at := c.pos
	text, quoted := c.take(what)
	switch {
	case c.err != nil:
		return Answer{}
	case quoted:
		return Answer{Kind: AnswerText, Text: text}
	case slices.Contains(answerWords(), text):
		return Answer{Kind: AnswerKind(text)}
	case strings.HasPrefix(text, "{"):
		elements, err := parts(text[1:len(text)-1], true)
		if err == nil && len(elements) == 0 {
			err = fmt.Errorf("no member")
		}
		a := Answer{Kind: AnswerMembers}
		for _, e := range elements {
			if slices.ContainsFunc(a.Members, func(s Setting) bool { return s.Key == e.key }) {
				err = fmt.Errorf("%s= stands twice", e.key)
			}
			a.Members = append(a.Members, Setting{e.key, e.value})
		}
		if err == nil {
			return a
		}
		c.pos = at
		c.fail(err.Error(), what, "")
	case strings.Trim(text, bareText) != "":
		c.pos = at
		c.fail(fmt.Sprintf("bad text %q", text), what, "")
	}
	return Answer{Kind: AnswerText, Text: text}
}
