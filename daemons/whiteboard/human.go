package whiteboard

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Human is the second part of a host's segment: lines for people who look at the volume or at --vm-status. No program decides
// by it.
type Human struct {
	// Timestamp is Record.Timestamp, and TimestampWall the same moment as a time of day, printed in its own Location.
	Timestamp     int64
	TimestampWall time.Time
	HostID, Score int
	// ConfTimestamp is Record.ConfTimestamp, and ConfWall the same moment as a time of day. Where ConfTimestamp is 0 (never)
	// upstream prints the host's boot time.
	ConfTimestamp       int64
	ConfWall            time.Time
	ConfOnSharedStorage bool
	// Fields are the lines about the state, printed in the order of their keys: maintenance, state, stopped and, in
	// timed states, timeout.
	Fields []Field
}

// Field is one line key=value.
type Field struct{ Key, Value string }

// BoolField is a field whose value is True or False, as Python prints them.
func BoolField(key string, value bool) Field { return Field{key, pythonBool(value)} }

// TimeField is a field whose value is a time of day as ctime(3) prints it in the C locale, in t's Location.
func TimeField(key string, t time.Time) Field { return Field{key, ctime(t)} }

// HumanPart returns the human part that belongs to r. timestamp and conf are r's two times as times of day.
func (r Record) HumanPart(timestamp, conf time.Time, fields ...Field) Human {
	return Human{
		Timestamp: r.Timestamp, TimestampWall: timestamp, HostID: r.HostID, Score: r.Score,
		ConfTimestamp: r.ConfTimestamp, ConfWall: conf, ConfOnSharedStorage: r.ConfOnSharedStorage, Fields: fields,
	}
}

// contradicts compares what stands in both parts.
func (h Human) contradicts(r Record) error {
	if h.Timestamp != r.Timestamp || h.HostID != r.HostID || h.Score != r.Score ||
		h.ConfTimestamp != r.ConfTimestamp || h.ConfOnSharedStorage != r.ConfOnSharedStorage {
		return fmt.Errorf("it says timestamp %d, host %d, score %d, configuration %d on shared storage %t; the record says %d, %d, %d, %d, %t",
			h.Timestamp, h.HostID, h.Score, h.ConfTimestamp, h.ConfOnSharedStorage,
			r.Timestamp, r.HostID, r.Score, r.ConfTimestamp, r.ConfOnSharedStorage)
	}
	return nil
}

func (h Human) text() (string, error) {
	for _, t := range []time.Time{h.TimestampWall, h.ConfWall} {
		if t.Year() < 1970 || t.Year() > 9999 {
			return "", fmt.Errorf("time of day %v is not in the years 1970 to 9999", t)
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "metadata_parse_version=%d\nmetadata_feature_version=%d\n", ParseVersion, FeatureVersion)
	fmt.Fprintf(&b, "timestamp=%d (%s)\nhost-id=%d\nscore=%d\n", h.Timestamp, ctime(h.TimestampWall), h.HostID, h.Score)
	fmt.Fprintf(&b, "vm_conf_refresh_time=%d (%s)\n", h.ConfTimestamp, ctime(h.ConfWall))
	fmt.Fprintf(&b, "conf_on_shared_storage=%s\n", pythonBool(h.ConfOnSharedStorage))

	fields := slices.SortedFunc(slices.Values(h.Fields), func(a, b Field) int { return strings.Compare(a.Key, b.Key) })
	for i, f := range fields {
		if i > 0 && fields[i-1].Key == f.Key {
			return "", fmt.Errorf("field %q stands there twice", f.Key)
		}
		if f.Key == "" || strings.Contains(f.Key, "=") {
			return "", fmt.Errorf("field name %q is empty or contains =", f.Key)
		}
		if err := errors.Join(plain(f.Key), plain(f.Value)); err != nil {
			return "", fmt.Errorf("field %q: %w", f.Key, err)
		}
		fmt.Fprintf(&b, "%s=%s\n", f.Key, f.Value)
	}
	if b.Len() > SegmentSize-MachineSize {
		return "", fmt.Errorf("%d bytes do not fit the %d of the human part", b.Len(), SegmentSize-MachineSize)
	}
	return b.String(), nil
}

// ctime is the C locale's: the day is padded with a blank.
func ctime(t time.Time) string { return t.Format("Mon Jan _2 15:04:05 2006") }

func pythonBool(b bool) string {
	if b {
		return "True"
	}
	return "False"
}

// HumanFields reads the lines key=value of a record's human part, in their order. Lines without = are left out. It is total: any
// text yields some fields, possibly none.
func HumanFields(text string) []Field {
	var fields []Field
	for line := range strings.Lines(text) {
		if key, value, found := strings.Cut(strings.TrimRight(line, "\n"), "="); found && key != "" {
			fields = append(fields, Field{key, value})
		}
	}
	return fields
}
