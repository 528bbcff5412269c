package config

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// INI is a file of sections with keys, as Python's configparser writes and reads them: `[section]`, `key = value` or `key: value`,
// lines that begin with # or ; are comments, a value goes on in indented lines, keys know no case, a section [DEFAULT] gives
// values to all others, and %(name)s in a value stands for another key of the section, %% for a percent sign.
type INI struct {
	name     string
	sections []iniSection
}

type iniSection struct {
	name string
	line int
	keys []iniKey
}

type iniKey struct {
	name, value string
	line        int
}

const (
	defaultSection = "DEFAULT"
	// maxDepth is how deep values may refer to each other, maxFilled how many references one value may need in all, and
	// maxValue how long it may become, in bytes.
	maxDepth  = 10
	maxFilled = 1000
	maxValue  = 64 << 10
)

// ParseINI reads a file's text; name stands for the file in errors. All faults are reported together, each an *Error: a section or
// a key given twice, a key outside a section, a line that is neither. It never panics, whatever text is.
func ParseINI(name string, text []byte) (INI, error) {
	ini := INI{name: name}
	if len(text) > maxFile {
		return ini, &Error{File: name, Err: fmt.Errorf("the file is larger than %d bytes; this is not a configuration", maxFile)}
	}
	var faults []error
	number := 0
	for raw := range bytes.Lines(text) {
		number++
		if err := ini.line(number, raw); err != nil {
			faults = append(faults, err)
		}
		if len(faults) >= maxErrors {
			break
		}
	}
	if len(faults) > 0 {
		return INI{name: name}, errors.Join(faults...)
	}
	return ini, nil
}

func (i *INI) line(number int, raw []byte) error {
	if !utf8.Valid(raw) || bytes.IndexByte(raw, 0) >= 0 {
		return &Error{File: i.name, Line: number, Err: errors.New("the line is not text (UTF-8 without NUL bytes)")}
	}
	full := strings.TrimRight(string(raw), " \t\r\n")
	line := strings.TrimSpace(full)
	switch {
	case line == "" || line[0] == '#' || line[0] == ';':
		return nil
	case full[0] == ' ' || full[0] == '\t':
		return i.goesOn(number, line)
	case line[0] == '[' && line[len(line)-1] == ']':
		return i.section(number, line[1:len(line)-1])
	}
	return i.key(number, line)
}

// goesOn adds a line to the last key's value.
func (i *INI) goesOn(number int, line string) error {
	if len(i.sections) > 0 {
		if keys := i.sections[len(i.sections)-1].keys; len(keys) > 0 {
			last := &keys[len(keys)-1]
			last.value = strings.TrimPrefix(last.value+"\n"+line, "\n")
			return nil
		}
	}
	return &Error{File: i.name, Line: number, Err: fmt.Errorf("an indented line goes on with a value, and there is none before %q", shorten(line))}
}

func (i *INI) section(number int, name string) error {
	for _, s := range i.sections {
		if s.name == name {
			return &Error{File: i.name, Line: number, Err: fmt.Errorf("section [%s] is there twice, first on line %d; make them one", shorten(name), s.line)}
		}
	}
	i.sections = append(i.sections, iniSection{name: name, line: number})
	return nil
}

func (i *INI) key(number int, line string) error {
	at := strings.IndexAny(line, "=:")
	if at < 0 {
		return &Error{File: i.name, Line: number, Err: fmt.Errorf("expected `[section]` or `key = value`, got %q", shorten(line))}
	}
	name := strings.ToLower(strings.TrimSpace(line[:at]))
	if len(i.sections) == 0 {
		return &Error{File: i.name, Line: number, Key: shorten(name), Err: errors.New("stands before the first [section]")}
	}
	s := &i.sections[len(i.sections)-1]
	if first := slices.IndexFunc(s.keys, func(k iniKey) bool { return k.name == name }); first >= 0 {
		return &Error{File: i.name, Line: number, Key: shorten(name), Err: fmt.Errorf("set twice, first on line %d; keep one of the two", s.keys[first].line)}
	}
	s.keys = append(s.keys, iniKey{name, strings.TrimSpace(line[at+1:]), number})
	return nil
}

// Sections returns the names of all sections but [DEFAULT], in the file's order.
func (i INI) Sections() []string {
	var names []string
	for _, s := range i.sections {
		if s.name != defaultSection {
			names = append(names, s.name)
		}
	}
	return names
}

// Keys returns the names of a section's own keys, lower-cased, in the file's order.
func (i INI) Keys(section string) []string {
	var names []string
	for _, s := range i.sections {
		if s.name == section {
			for _, k := range s.keys {
				names = append(names, k.name)
			}
		}
	}
	return names
}

// Get returns a value, with what it refers to filled in, and the line that it stands on. ok is false if there is no such key.
// The error is an *Error of a value that refers to nothing, or to itself.
func (i INI) Get(section, key string) (value string, line int, ok bool, err error) {
	found, ok := i.find(section, strings.ToLower(key))
	if !ok {
		return "", 0, false, nil
	}
	filled := 0
	value, err = i.expand(section, found.value, 0, &filled)
	if err != nil {
		return "", found.line, true, &Error{File: i.name, Line: found.line, Key: found.name, Err: err}
	}
	return value, found.line, true, nil
}

func (i INI) find(section, key string) (iniKey, bool) {
	for _, name := range []string{section, defaultSection} {
		for _, s := range i.sections {
			if s.name != name {
				continue
			}
			if at := slices.IndexFunc(s.keys, func(k iniKey) bool { return k.name == key }); at >= 0 {
				return s.keys[at], true
			}
		}
	}
	return iniKey{}, false
}

// expand fills in %(name)s and %%.
func (i INI) expand(section, value string, depth int, filled *int) (string, error) {
	if *filled++; depth > maxDepth || *filled > maxFilled {
		return "", errors.New("values refer to each other too deeply, too often, or in a circle")
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(value, "%")
		b.WriteString(before)
		if b.Len() > maxValue {
			return "", fmt.Errorf("the value becomes longer than %d bytes", maxValue)
		}
		switch {
		case !found:
			return b.String(), nil
		case strings.HasPrefix(after, "%"):
			b.WriteByte('%')
			value = after[1:]
		case strings.HasPrefix(after, "("):
			name, rest, closed := strings.Cut(after[1:], ")s")
			if !closed {
				return "", errors.New("a %( without its )s; a percent sign itself is written %%")
			}
			other, known := i.find(section, strings.ToLower(name))
			if !known {
				return "", fmt.Errorf("refers to %q, which section [%s] does not have", shorten(name), section)
			}
			text, err := i.expand(section, other.value, depth+1, filled)
			if err != nil {
				return "", err
			}
			b.WriteString(text)
			value = rest
		default:
			return "", errors.New("a single percent sign; write %%")
		}
	}
}
