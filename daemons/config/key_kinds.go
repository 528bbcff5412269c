package config

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxHostID is the highest host id that has a segment on the whiteboard.
const maxHostID = 2000

// Bounds of a time in the file: below the first nothing can be scheduled, above the second it is a typing error.
const (
	minPeriod = 10 * time.Millisecond
	maxPeriod = 24 * time.Hour
)

func period(name, upstreams string, byDefault time.Duration, isScaled bool, field func(*Timing) *time.Duration, meaning string) Key {
	key := pause(name, formatDuration(byDefault), func(c *Config) *time.Duration { return field(&c.Timing) }, meaning)
	key.Upstream, key.Scaled, key.duration = upstreams, isScaled, field
	return key
}

func integer(name, byDefault string, low, high int, field func(*Config) *int, meaning string) Key {
	return Key{
		Name: name, Default: byDefault, Meaning: meaning, Expected: fmt.Sprintf("a whole number from %d to %d", low, high),
		set: func(c *Config, value string) error {
			n, err := strconv.Atoi(value)
			if err != nil || n < low || n > high {
				return errBadValue
			}
			*field(c) = n
			return nil
		},
		show: func(c Config) string { return strconv.Itoa(*field(&c)) },
	}
}

func count(name, upstreams string, byDefault int, field func(*Timing) *int, meaning string) Key {
	key := integer(name, strconv.Itoa(byDefault), 1, 1_000_000, func(c *Config) *int { return field(&c.Timing) }, meaning)
	key.Upstream = upstreams
	return key
}

func points(name, upstreams string, byDefault int, field func(*ScoreWeights) *int, meaning string) Key {
	key := integer(name, strconv.Itoa(byDefault), 0, 1_000_000, func(c *Config) *int { return field(&c.Score) }, meaning)
	key.Upstream = upstreams
	return key
}

func share(name, upstreams string, byDefault float64, field func(*ScoreWeights) *float64, meaning string) Key {
	return Key{
		Name: name, Upstream: upstreams, Default: formatNumber(byDefault), Meaning: meaning, Expected: "a number from 0 to 1",
		set: func(c *Config, value string) (err error) {
			*field(&c.Score), err = number(value, 0, 1)
			return err
		},
		show: func(c Config) string { return formatNumber(*field(&c.Score)) },
	}
}

func text(name, byDefault, expected string, accept func(string) (string, error), field func(*Config) *string, meaning string) Key {
	return Key{
		Name: name, Default: byDefault, Expected: expected, Meaning: meaning,
		set: func(c *Config, value string) (err error) {
			*field(c), err = accept(value)
			return err
		},
		show: func(c Config) string { return *field(&c) },
	}
}

// file is a text that is one path; --root moves it.
func file(name, byDefault, expected string, accept func(string) (string, error), field func(*Config) *string, meaning string) Key {
	key := text(name, byDefault, expected, accept, field, meaning)
	key.path = field
	return key
}

// upstream is a text that stands in hosted-engine.conf under another name.
func upstream(name string, key Key) Key {
	key.Upstream = name
	return key
}

func mode(name, byDefault string, field func(*Config) *os.FileMode, meaning string) Key {
	return Key{
		Name: name, Default: byDefault, Meaning: meaning, Expected: "an octal mode from 0000 to 0777",
		set: func(c *Config, value string) error {
			bits, err := strconv.ParseUint(value, 8, 32)
			if err != nil || bits > 0o777 {
				return errBadValue
			}
			*field(c) = os.FileMode(bits)
			return nil
		},
		show: func(c Config) string { return fmt.Sprintf("%04o", *field(&c)) },
	}
}

// choice is a whole number out of a few.
func choice(name, byDefault string, allowed []int, field func(*Config) *int, meaning string) Key {
	words := make([]string, len(allowed))
	for i, n := range allowed {
		words[i] = strconv.Itoa(n)
	}
	return Key{
		Name: name, Default: byDefault, Meaning: meaning, Expected: strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1],
		set: func(c *Config, value string) error {
			n, err := strconv.Atoi(value)
			if err != nil || !slices.Contains(allowed, n) {
				return errBadValue
			}
			*field(c) = n
			return nil
		},
		show: func(c Config) string { return strconv.Itoa(*field(&c)) },
	}
}

// list is a comma separated list; accept judges each part.
func list(name, byDefault, expected string, accept func(string) (string, error), field func(*Config) *[]string, meaning string) Key {
	return Key{
		Name: name, Default: byDefault, Expected: expected, Meaning: meaning,
		set: func(c *Config, value string) error {
			var parts []string
			for part := range strings.SplitSeq(value, ",") {
				if part = strings.TrimSpace(part); part == "" {
					continue
				}
				part, err := accept(part)
				if err != nil {
					return err
				}
				parts = append(parts, part)
			}
			*field(c) = parts
			return nil
		},
		show: func(c Config) string { return strings.Join(*field(&c), ", ") },
	}
}

// pause is a time that belongs to no Timing.
func pause(name, byDefault string, field func(*Config) *time.Duration, meaning string) Key {
	return Key{
		Name: name, Default: byDefault, Meaning: meaning, Expected: "a time from 10ms to 24h such as 10s, 1m30s or 250ms",
		set: func(c *Config, value string) error {
			d, err := time.ParseDuration(value)
			if err != nil || d < minPeriod || d > maxPeriod {
				return errBadValue
			}
			*field(c) = d
			return nil
		},
		show: func(c Config) string { return formatDuration(*field(&c)) },
	}
}
