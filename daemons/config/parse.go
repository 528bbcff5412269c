package config

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"
)

// Error is one fault of a configuration file. Its text reads "FILE:LINE: key "KEY": what is wrong and what to do".
type Error struct {
	// File is the name that was given to Parse or Load, or that of one of upstream's files.
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

// Parse reads a configuration from text alone, without upstream's files; name stands for the file in errors. It never
// panics, whatever text is.
func Parse(name string, text []byte) (Config, error) {
	p := newParser(name, "")
	p.read(text)
	return p.result()
}

type parser struct {
	file    string
	config  Config
	keys    map[string]Key
	origins map[string]origin // key of holdfast.conf -> where it was set
	faults  []error

	impliedVersion origin // of NFS, by upstream's domainType
}

// origin is where a key was set, and as what.
type origin struct {
	file  string
	line  int
	name  string // the key's name there
	value string
}

func newParser(file, root string) *parser {
	p := &parser{file: file, config: unscaledDefaults(), origins: map[string]origin{}, keys: map[string]Key{}}
	p.config.Root = root
	for _, key := range Keys() {
		p.keys[key.Name] = key
	}
	return p
}

func (p *parser) result() (Config, error) {
	if len(p.faults) == 0 {
		p.finish()
	}
	if len(p.faults) > 0 {
		return Config{}, errors.Join(p.faults...)
	}
	return p.config, nil
}

func (p *parser) fault(file string, line int, key string, err error) {
	p.faults = append(p.faults, &Error{File: file, Line: line, Key: shorten(key), Err: err})
}

// read reads holdfast.conf itself.
func (p *parser) read(text []byte) {
	p.lines(p.file, text, func(number int, name, value string) {
		key, known := p.keys[name]
		if !known {
			p.fault(p.file, number, name, fmt.Errorf("unknown key; %s", hint(name, Keys(), "holdfast.conf")))
			return
		}
		p.set(key, origin{p.file, number, name, value})
	})
}

// lines cuts a file of `key = value` lines and hands each on.
func (p *parser) lines(file string, text []byte, take func(number int, name, value string)) {
	if len(text) > maxFile {
		p.fault(file, 0, "", fmt.Errorf("the file is larger than %d bytes; this is not a configuration", maxFile))
		return
	}
	number := 0
	for raw := range bytes.Lines(text) {
		number++
		line := strings.TrimSpace(string(raw))
		name, value, found := strings.Cut(line, "=")
		switch {
		case !utf8.Valid(raw) || bytes.IndexByte(raw, 0) >= 0:
			p.fault(file, number, "", errors.New("the line is not text (UTF-8 without NUL bytes)"))
		case line == "" || line[0] == '#':
		case !found:
			p.fault(file, number, "", fmt.Errorf("expected `key = value`, got %q", shorten(line)))
		default:
			take(number, strings.TrimSpace(name), strings.TrimSpace(value))
		}
		if len(p.faults) >= maxErrors {
			p.fault(file, number, "", errors.New("too many faults; reading ends here"))
			return
		}
	}
}

// set sets a key, once. Two files may say the same thing, but not two things.
func (p *parser) set(key Key, from origin) {
	first, twice := p.origins[key.Name]
	switch {
	case twice && first.file == from.file:
		p.fault(from.file, from.line, from.name, fmt.Errorf("set twice, first on line %d; keep one of the two", first.line))
		return
	case twice:
		p.agree(key, first, from)
		return
	}
	p.origins[key.Name] = from
	if err := key.set(&p.config, from.value); err != nil {
		p.fault(from.file, from.line, from.name, fmt.Errorf("%w; expected %s, got %s", err, key.Expected, key.quote(from.value)))
	}
}

// agree refuses a second file that says something else than the first. The comparison is of what is meant, not of how it
// is written.
func (p *parser) agree(key Key, first, second origin) {
	a, b := p.config, p.config
	if key.set(&a, first.value) != nil || key.set(&b, second.value) != nil || !reflect.DeepEqual(a, b) {
		p.fault(second.file, second.line, second.name, fmt.Errorf("is %s, but %s:%d says %s = %s; keep one of the two, or make them agree",
			key.quote(second.value), first.file, first.line, first.name, key.quote(first.value)))
	}
}

// quote shows a value in an error, unless it is secret.
func (k Key) quote(value string) string {
	if k.secret {
		return "a value that is not shown"
	}
	return fmt.Sprintf("%q", shorten(value))
}

// hint names the known key that name was probably meant to be.
func hint(name string, keys []Key, file string) string {
	if near := nearestKey(name, keys); near != "" {
		return fmt.Sprintf("the nearest known key is %q", near)
	}
	return "no known key is similar; the documentation of " + file + " lists them all"
}

// finish judges the configuration as a whole; only files whose lines are all right get here.
func (p *parser) finish() {
	for _, key := range Keys() {
		if _, set := p.origins[key.Name]; key.Required && !set {
			p.fault(p.file, 0, key.Name, fmt.Errorf("required and missing; add `%s = ...`: %s, %s", key.Name, key.Meaning, key.Expected))
		}
	}
	p.config.complete()
	for _, f := range check(p.config) {
		from, set := p.origins[f.key]
		if !set {
			from = origin{file: p.file, name: f.key}
		}
		p.fault(from.file, from.line, from.name, f.err)
	}
}

func shorten(text string) string {
	if len(text) <= maxShown {
		return text
	}
	return strings.ToValidUTF8(text[:maxShown], "") + "..."
}
