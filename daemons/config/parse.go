package config

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Error is one fault of a configuration file. Its text reads "FILE:LINE: key "KEY": what is wrong and what to do".
type Error struct {
	// File is the name that was given to Parse or Load.
	File string
	// Line counts from 1; 0 means that the fault is not on one line, such as a required key that is absent.
	Line int
	// Key is the key concerned, as written; empty if the line has none.
	Key string
	// Err is the cause.
	Err error
}

func (e *Error) Error() string {
	place := e.File
	if e.Line > 0 {
		place = fmt.Sprintf("%s:%d", e.File, e.Line)
	}
	if e.Key == "" {
		return fmt.Sprintf("%s: %v", place, e.Err)
	}
	return fmt.Sprintf("%s: key %q: %v", place, e.Key, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// maxErrors ends the reading of a file that is evidently something else.
const maxErrors = 20

// maxShown limits how much of a bad key or value is repeated in an error, in bytes.
const maxShown = 80

// Parse reads a configuration from text; name stands for the file in errors. It never panics, whatever text is.
func Parse(name string, text []byte) (Config, error) {
	if len(text) > maxFile {
		return Config{}, &Error{File: name, Err: fmt.Errorf("the file is larger than %d bytes; this is not a holdfast.conf", maxFile)}
	}
	p := parser{file: name, config: unscaledDefaults(), lines: map[string]int{}, keys: map[string]Key{}}
	for _, key := range Keys() {
		p.keys[key.Name] = key
	}
	number := 0
	for line := range bytes.Lines(text) {
		number++
		p.line(number, line)
		if len(p.faults) >= maxErrors {
			p.fault(number, "", errors.New("too many faults; reading ends here"))
			break
		}
	}
	if len(p.faults) == 0 {
		p.finish()
	}
	if len(p.faults) > 0 {
		return Config{}, errors.Join(p.faults...)
	}
	return p.config, nil
}

type parser struct {
	file   string
	config Config
	keys   map[string]Key
	lines  map[string]int // key -> line on which it was set
	faults []error
}

func (p *parser) fault(line int, key string, err error) {
	p.faults = append(p.faults, &Error{File: p.file, Line: line, Key: shorten(key), Err: err})
}

func (p *parser) line(number int, raw []byte) {
	if !utf8.Valid(raw) || bytes.IndexByte(raw, 0) >= 0 {
		p.fault(number, "", errors.New("the line is not text (UTF-8 without NUL bytes)"))
		return
	}
	text := strings.TrimSpace(string(raw))
	if text == "" || text[0] == '#' {
		return
	}
	name, value, found := strings.Cut(text, "=")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	if !found {
		p.fault(number, "", fmt.Errorf("expected `key = value`, got %q", shorten(text)))
		return
	}
	key, known := p.keys[name]
	if !known {
		p.fault(number, name, fmt.Errorf("unknown key; %s", p.hint(name)))
		return
	}
	if first, twice := p.lines[name]; twice {
		p.fault(number, name, fmt.Errorf("set twice, first on line %d; keep one of the two", first))
		return
	}
	p.lines[name] = number
	if err := key.set(&p.config, value); err != nil {
		p.fault(number, name, fmt.Errorf("%w; expected %s, got %q", err, key.Expected, shorten(value)))
	}
}

// hint names the known key that name was probably meant to be.
func (p *parser) hint(name string) string {
	if near := nearestKey(name); near != "" {
		return fmt.Sprintf("the nearest known key is %q", near)
	}
	return "no known key is similar; the commented example holdfast.conf lists them all"
}

// finish judges the configuration as a whole; only a file whose lines are all right gets here.
func (p *parser) finish() {
	for _, key := range Keys() {
		if _, set := p.lines[key.Name]; key.Required && !set {
			p.fault(0, key.Name, fmt.Errorf("required and missing; add `%s = ...`: %s, %s", key.Name, key.Meaning, key.Expected))
		}
	}
	p.config.complete()
	for _, f := range check(p.config) {
		p.fault(p.lines[f.key], f.key, f.err)
	}
}

func shorten(text string) string {
	if len(text) <= maxShown {
		return text
	}
	return strings.ToValidUTF8(text[:maxShown], "") + "..."
}
