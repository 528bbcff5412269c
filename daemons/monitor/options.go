package monitor

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// text returns a string option; "" if it is absent or nil. Numbers are taken too, as they are written.
func (o Options) text(name string) (string, error) {
	switch v := o[name].(type) {
	case nil:
		return "", nil
	case string:
		return strings.TrimSpace(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	}
	return "", fmt.Errorf("option %s must be a string, got %T", name, o[name])
}

// required returns a string option that must be there.
func (o Options) required(name string) (string, error) {
	v, ok := o[name].(string)
	if !ok {
		return "", fmt.Errorf("option %s is required and must be a string", name)
	}
	return v, nil
}

// number returns an option that is a number, or a string that is one; fallback if it is absent, nil or "".
func (o Options) number(name string, fallback, lowest, highest float64) (float64, error) {
	value := fallback
	switch v := o[name].(type) {
	case nil:
	case int64:
		value = float64(v)
	case float64:
		value = v
	case string:
		if v = strings.TrimSpace(v); v == "" {
			break
		}
		var err error
		if value, err = strconv.ParseFloat(v, 64); err != nil {
			return 0, fmt.Errorf("option %s must be a number, got %q", name, v)
		}
	default:
		return 0, fmt.Errorf("option %s must be a number, got %T", name, v)
	}
	if math.IsNaN(value) || value < lowest || value > highest {
		return 0, fmt.Errorf("option %s must be between %v and %v, got %v", name, lowest, highest, value)
	}
	return value, nil
}

// duration returns an option in seconds.
func (o Options) duration(name string, fallback, lowest, highest time.Duration) (time.Duration, error) {
	s, err := o.number(name, fallback.Seconds(), lowest.Seconds(), highest.Seconds())
	return time.Duration(s * float64(time.Second)), err
}

// float writes a number the way Python does: as short as it goes, and never without a decimal point.
func float(v float64) string {
	s := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}
