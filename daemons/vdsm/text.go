package vdsm

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
)

// Text is a value that VDSM gives as a text, a number or a truth value, depending on verb and version. It keeps the
// text, or the number's digits as they came, or "true" or "false"; null and absent are "".
type Text string

// UnmarshalJSON takes any plain value, and refuses lists and objects.
func (t *Text) UnmarshalJSON(data []byte) error {
	data = bytes.TrimSpace(data)
	switch {
	case len(data) == 0:
		return errors.New("no value")
	case data[0] == '"':
		var s string
		if err := json.Unmarshal(data, &s); err != nil {
			return err
		}
		*t = Text(s)
	case data[0] == '{', data[0] == '[':
		return errors.New("a list or an object instead of a plain value")
	case string(data) == "null":
		*t = ""
	default:
		*t = Text(data)
	}
	return nil
}

// Int returns the value as a whole number; a fraction is cut off. ok is false for what is not a number.
func (t Text) Int() (n int64, ok bool) {
	text := strings.TrimSpace(string(t))
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, true
	}
	f, ok := t.Float()
	if !ok || math.Abs(f) >= 1<<63 {
		return 0, false
	}
	return int64(f), true
}

// Float returns the value as a finite number; ok is false for what is not one.
func (t Text) Float() (f float64, ok bool) {
	f, err := strconv.ParseFloat(strings.TrimSpace(string(t)), 64)
	return f, err == nil && !math.IsNaN(f) && !math.IsInf(f, 0)
}

// Bool returns the value as a truth value, by VDSM's and Python's spellings; ok is false for others.
func (t Text) Bool() (b, ok bool) {
	switch strings.ToLower(strings.TrimSpace(string(t))) {
	case "true", "1":
		return true, true
	case "false", "0":
		return false, true
	}
	return false, false
}
