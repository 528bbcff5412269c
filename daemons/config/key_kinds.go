package config

import (
	"fmt"
	"strconv"
	"time"
)

// maxHostID is the highest host id that has a segment on the whiteboard.
const maxHostID = 2000

// Bounds of a time in the file: below the first nothing can be scheduled, above the second it is a typing error.
const (
	minPeriod = 10 * time.Millisecond
	maxPeriod = 24 * time.Hour
)

func period(name, upstream string, byDefault time.Duration, isScaled bool, field func(*Timing) *time.Duration, meaning string) Key {
	return Key{
		Name: name, Upstream: upstream, Default: formatDuration(byDefault), Meaning: meaning, Scaled: isScaled,
		Expected: "a time from 10ms to 24h such as 10s, 1m30s or 250ms",
		set: func(c *Config, value string) error {
			d, err := time.ParseDuration(value)
			if err != nil || d < minPeriod || d > maxPeriod {
				return errBadValue
			}
			*field(&c.Timing) = d
			return nil
		},
		show:     func(c Config) string { return formatDuration(*field(&c.Timing)) },
		duration: field,
	}
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

func count(name, upstream string, byDefault int, field func(*Timing) *int, meaning string) Key {
	key := integer(name, strconv.Itoa(byDefault), 1, 1_000_000, func(c *Config) *int { return field(&c.Timing) }, meaning)
	key.Upstream = upstream
	return key
}

func points(name, upstream string, byDefault int, field func(*ScoreWeights) *int, meaning string) Key {
	key := integer(name, strconv.Itoa(byDefault), 0, 1_000_000, func(c *Config) *int { return field(&c.Score) }, meaning)
	key.Upstream = upstream
	return key
}

func share(name, upstream string, byDefault float64, field func(*ScoreWeights) *float64, meaning string) Key {
	return Key{
		Name: name, Upstream: upstream, Default: formatNumber(byDefault), Meaning: meaning, Expected: "a number from 0 to 1",
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
