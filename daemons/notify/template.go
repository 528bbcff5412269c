package notify

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Limits of templates and of what they become.
const (
	maxTemplate = 64 << 10
	maxHeaders  = 50
	maxText     = 256 << 10 // bytes of a header or a body with its fields filled in
)

// Template is the text of a notification: headers, an empty line and a body, with {name} where a field goes. Names have
// letters, digits, - and _; any other brace stands for itself. The headers are told apart before fields are filled in, so
// no value can add one.
type Template struct {
	headers []header
	body    string
}

type header struct {
	name, value string
	line        int
}

// ParseTemplate reads a template; name stands for the file in errors. It never panics, whatever text is.
func ParseTemplate(name string, text []byte) (Template, error) {
	fault := func(line int, format string, args ...any) (Template, error) {
		return Template{}, fmt.Errorf("%s:%d: %w", name, line, fmt.Errorf(format, args...))
	}
	if len(text) > maxTemplate {
		return fault(1, "the template is larger than %d bytes", maxTemplate)
	}
	if !utf8.Valid(text) || strings.ContainsRune(string(text), 0) {
		return fault(1, "the template is not text (UTF-8 without NUL bytes)")
	}
	var t Template
	rest, number := strings.ReplaceAll(string(text), "\r\n", "\n"), 0
	for rest != "" {
		var line string
		number++
		line, rest, _ = strings.Cut(rest, "\n")
		line = strings.TrimRight(line, " \t\r")
		if line == "" {
			break
		}
		if line[0] == ' ' || line[0] == '\t' { // goes on with the header before
			if len(t.headers) == 0 {
				return fault(number, "an indented line, and no header before it")
			}
			t.headers[len(t.headers)-1].value += " " + strings.TrimSpace(line)
			continue
		}
		head, value, ok := strings.Cut(line, ":")
		if !ok || !isHeaderName(head) {
			return fault(number, "expected `Header: value` or an empty line before the text, got %.80q", line)
		}
		if len(t.headers) == maxHeaders {
			return fault(number, "more than %d headers", maxHeaders)
		}
		t.headers = append(t.headers, header{name: head, value: strings.TrimSpace(value), line: number})
	}
	if len(t.headers) == 0 {
		return fault(1, "no headers")
	}
	t.body = rest
	return t, nil
}

func isHeaderName(name string) bool {
	return name != "" && len(name) <= 64 && !strings.ContainsFunc(name, func(c rune) bool { return !isNameRune(c) || c == '_' })
}

// expand fills fields in.
func expand(text string, fields map[string]string) (string, error) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "{")
		b.WriteString(before)
		if !found {
			break
		}
		name, rest, closed := strings.Cut(after, "}")
		if !closed || name == "" || strings.ContainsFunc(name, func(c rune) bool { return !isNameRune(c) }) {
			b.WriteByte('{')
			text = after
			continue
		}
		value, known := fields[name]
		if !known {
			return "", fmt.Errorf("nobody knows the field {%.80s}", name)
		}
		b.WriteString(value)
		if b.Len() > maxText {
			return "", errTooLong
		}
		text = rest
	}
	if b.Len() > maxText {
		return "", errTooLong
	}
	return b.String(), nil
}

var errTooLong = errors.New("with its fields filled in, the text is too long")
