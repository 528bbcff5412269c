package vmconf

import (
	"fmt"
	"strings"
	"unicode"
)

// pair is one member of a dictionary.
type pair struct {
	key   string
	value any // value or dictionary
}

// dictionary keeps its members in the order in which they were first set, as Python's does.
type dictionary []pair

// set adds a member, or replaces the value of one that is there without moving it.
func (d *dictionary) set(key string, v any) {
	if text, ok := v.(string); ok {
		v = known(text)
	}
	for i := range *d {
		if (*d)[i].key == key {
			(*d)[i].value = v
			return
		}
	}
	*d = append(*d, pair{key: key, value: v})
}

// get returns a member that is a text.
func (d dictionary) get(key string) value {
	for _, p := range d {
		if v, ok := p.value.(value); ok && p.key == key {
			return v
		}
	}
	return value{}
}

// String is the device line's form: the text that Python prints for the dictionary, without single quotes and blanks.
func (d dictionary) String() string {
	return strings.NewReplacer("'", "", " ", "").Replace(d.python())
}

// python is the text that Python prints for the dictionary.
func (d dictionary) python() string {
	var b strings.Builder
	b.WriteByte('{')
	for i, p := range d {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(quoted(p.key))
		b.WriteString(": ")
		switch v := p.value.(type) {
		case dictionary:
			b.WriteString(v.python())
		case value:
			if v.known {
				b.WriteString(quoted(v.text))
			} else {
				b.WriteString("None")
			}
		}
	}
	b.WriteByte('}')
	return b.String()
}

// quoted is what Python's repr makes of a text: single quotes unless only they occur in it; what cannot be printed is escaped, so that a
// line stays one line.
func quoted(text string) string {
	quote := '\''
	if strings.ContainsRune(text, '\'') && !strings.ContainsRune(text, '"') {
		quote = '"'
	}
	var b strings.Builder
	b.WriteRune(quote)
	for _, r := range text {
		switch {
		case r == quote || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	b.WriteRune(quote)
	return b.String()
}
