package whiteboard

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// Global is the content of segment 0, which concerns all hosts.
type Global struct {
	// Maintenance is global maintenance: no host starts, stops or moves the engine.
	Maintenance bool
}

// EncodeGlobal makes segment 0. It holds the one key that readers know, without a line end, as upstream writes it.
func EncodeGlobal(g Global) Segment {
	var segment Segment
	copy(segment[:], "maintenance="+flagText(g.Maintenance))
	return segment
}

// DecodeGlobal reads segment 0. A segment that was never written or was cleaned (first byte 0) means no maintenance. Lines that say
// nothing known are skipped and named in remarks, because a single bad line must not hide the flag. The error, an *Error of kind
// Malformed, means that the flag cannot be told; upstream's agents then take it as not set.
func DecodeGlobal(seg []byte) (Global, []string, error) {
	malformed := func(cause error) error { return &Error{Kind: Malformed, Segment: 0, Cause: cause} }
	if len(seg) < SegmentSize {
		return Global{}, nil, malformed(fmt.Errorf("%d bytes, fewer than %d", len(seg), SegmentSize))
	}
	if IsAbsent(seg) {
		return Global{}, nil, nil
	}
	var global Global
	var remarks []string
	remark := func(format string, args ...any) {
		const enough = 16 // a segment of garbage must not become 4096 log lines
		if len(remarks) < enough {
			remarks = append(remarks, fmt.Sprintf(format, args...))
		}
	}
	said, readable := false, false
	for line := range bytes.Lines(untilNUL(seg[:SegmentSize])) {
		key, value, found := strings.Cut(strings.TrimSpace(string(line)), "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		switch {
		case !found && key == "":
		case !found:
			remark("segment 0: line %q is not key=value", abbreviate(key))
		case key != "maintenance":
			readable = readable || plain(key) == nil
			remark("segment 0: unknown key %q", abbreviate(key))
		default:
			flag, err := truth(value)
			if err != nil {
				return Global{}, remarks, malformed(err)
			}
			if said {
				remark("segment 0: maintenance is there more than once; the last one counts")
			}
			global.Maintenance, said, readable = flag, true, true
		}
	}
	if !readable {
		return Global{}, remarks, malformed(errors.New("not a single key=value line"))
	}
	return global, remarks, nil
}

// truth reads a boolean as upstream does: by its first letter.
func truth(text string) (bool, error) {
	if text != "" {
		switch text[0] {
		case 't', 'T', 'y', 'Y', '1':
			return true, nil
		case 'f', 'F', 'n', 'N', '0':
			return false, nil
		}
	}
	return false, fmt.Errorf("maintenance is %q, neither true nor false", abbreviate(text))
}

func abbreviate(text string) string {
	const limit = 64
	if len(text) > limit {
		return text[:limit] + "..."
	}
	return text
}
