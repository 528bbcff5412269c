package notify

import (
	"errors"
	"fmt"
	"net/mail"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/config"
)

// Limits of what broker.conf may say.
const (
	maxRecipients  = 50
	maxRules       = 50
	maxRule        = 1000 // bytes of a regular expression
	maxMailTimeout = 5 * time.Minute
)

// Config is what broker.conf says. The zero value asks for nothing.
type Config struct {
	// Server and Port are the mail server; Timeout is how long one step of the talk with it may take.
	Server  string
	Port    int
	Timeout time.Duration
	// From is the sender and To are the recipients: ASCII addresses without a name.
	From string
	To   []string

	fields map[string]string         // all keys of [email], with upstream's defaults
	rules  map[string]*regexp.Regexp // by event
}

// defaultEmail is what upstream takes for keys that are not in [email].
func defaultEmail() map[string]string {
	return map[string]string{
		"smtp-server": "localhost", "smtp-port": "25", "smtp-timeout": "10",
		"destination-emails": "root@localhost", "source-email": "root@localhost",
	}
}

// ParseConfig reads a broker.conf; name stands for the file in errors. All faults are reported together, each a
// *config.Error with the file's line. It never panics, whatever text is.
func ParseConfig(name string, text []byte) (Config, error) {
	ini, err := config.ParseINI(name, text)
	if err != nil {
		return Config{}, err
	}
	r := reader{file: name, ini: ini}
	c := Config{fields: defaultEmail(), rules: map[string]*regexp.Regexp{}}
	for _, key := range ini.Keys("email") {
		c.fields[key] = r.get("email", key)
	}
	c.Server = r.server(c.fields)
	c.Port = r.number(c.fields, "smtp-port", 65535)
	c.Timeout = time.Duration(r.number(c.fields, "smtp-timeout", int(maxMailTimeout.Seconds()))) * time.Second
	if from := r.addresses(c.fields, "source-email"); len(from) == 1 {
		c.From = from[0]
	} else if len(from) > 1 {
		r.fault("email", "source-email", errors.New("one address, please"))
	}
	c.To = r.addresses(c.fields, "destination-emails")
	events := ini.Keys("notify")
	if len(events) > maxRules {
		r.fault("notify", events[maxRules], fmt.Errorf("more than %d rules", maxRules))
		events = nil
	}
	for _, event := range events {
		if rule := r.rule(event); rule != nil {
			c.rules[event] = rule
		}
	}
	if err := errors.Join(r.faults...); err != nil {
		return Config{}, err
	}
	return c, nil
}

// Wants says whether a rule asks for this notice: the event's expression is found in detail, whatever the case.
func (c Config) Wants(event, detail string) bool {
	rule := c.rules[event]
	return rule != nil && rule.MatchString(detail)
}

// Events returns the events that have a rule, sorted.
func (c Config) Events() []string {
	var events []string
	for event := range c.rules {
		events = append(events, event)
	}
	slices.Sort(events)
	return events
}

// reader takes values from an INI and collects what is wrong with them.
type reader struct {
	file   string
	ini    config.INI
	faults []error
}

func (r *reader) fault(section, key string, err error) {
	_, line, _, _ := r.ini.Get(section, key)
	r.faults = append(r.faults, &config.Error{File: r.file, Line: line, Key: key, Err: err})
}

func (r *reader) get(section, key string) string {
	value, _, _, err := r.ini.Get(section, key)
	if err != nil {
		r.faults = append(r.faults, err)
	}
	return value
}

// server returns the mail server: a name, or an address, with or without brackets.
func (r *reader) server(fields map[string]string) string {
	name := fields["smtp-server"]
	if strings.HasPrefix(name, "[") && strings.HasSuffix(name, "]") {
		name = name[1 : len(name)-1]
	}
	if name == "" || len(name) > 255 || strings.ContainsFunc(name, func(c rune) bool { return !isNameRune(c) && !strings.ContainsRune(".:%", c) }) {
		r.fault("email", "smtp-server", fmt.Errorf("%.80q is no host's name or address", name))
	}
	return name
}

// number returns a whole number from 1 to highest.
func (r *reader) number(fields map[string]string, key string, highest int) int {
	n, err := strconv.Atoi(fields[key])
	if err != nil || n < 1 || n > highest {
		r.fault("email", key, fmt.Errorf("want a whole number from 1 to %d, got %.80q", highest, fields[key]))
	}
	return n
}

// addresses returns a comma separated list of addresses; what is not one is a fault.
func (r *reader) addresses(fields map[string]string, key string) []string {
	var all []string
	for part := range strings.SplitSeq(fields[key], ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		address, err := address(part)
		if err != nil {
			r.fault("email", key, err)
			continue
		}
		all = append(all, address)
	}
	switch {
	case len(all) == 0 && len(r.faults) == 0:
		r.fault("email", key, errors.New("no address"))
	case len(all) > maxRecipients:
		r.fault("email", key, fmt.Errorf("%d addresses; at most %d are allowed", len(all), maxRecipients))
	}
	return all
}

// address checks one address. What is returned can stand between angle brackets in a command to a mail server.
func address(text string) (string, error) {
	parsed, err := mail.ParseAddress(text)
	if err != nil {
		return "", fmt.Errorf("%.80q is not a mail address", text)
	}
	a := parsed.Address
	if len(a) > 254 || strings.ContainsFunc(a, func(c rune) bool { return c <= ' ' || c >= 0x7f || c == '<' || c == '>' || c == '"' || c == '\\' }) {
		return "", fmt.Errorf("%.80q: want a mail address of printable ASCII, without quotes", text)
	}
	return a, nil
}

// rule compiles an event's expression. Python's are not all Go's: look-around and back references are refused.
func (r *reader) rule(event string) *regexp.Regexp {
	if !isEventName(event) {
		r.fault("notify", event, errors.New("an event's name has letters, digits, `-` and `_` only"))
		return nil
	}
	text := r.get("notify", event)
	if len(text) > maxRule {
		r.fault("notify", event, fmt.Errorf("longer than %d bytes", maxRule))
		return nil
	}
	rule, err := regexp.Compile("(?i)" + text)
	if err != nil {
		r.fault("notify", event, fmt.Errorf("not a regular expression that Go understands: %w", err))
		return nil
	}
	return rule
}

// isEventName says whether a word can be an event: it becomes a file's name.
func isEventName(word string) bool {
	return word != "" && len(word) <= 64 && !strings.ContainsFunc(word, func(c rune) bool { return !isNameRune(c) })
}

func isNameRune(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}
