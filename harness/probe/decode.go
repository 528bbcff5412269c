package probe

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Line is one decoded line. The field of its kind is set and the others are
// nil; for a kind that this version does not know all are nil.
type Line struct {
	Head
	RPC      *RPC
	InFlight *InFlight
	Threads  *Threads
	Lanes    *Lanes
	Health   *Health
	View     *View
	Status   *Status
	Self     *Self
}

// Decode reads one line. Unknown kinds and members are accepted; what is
// not a JSON object with a kind is an error.
func Decode(data []byte) (Line, error) {
	var line Line
	if err := json.Unmarshal(data, &line.Head); err != nil {
		return Line{}, fmt.Errorf("probe line: %w: %.60q", err, data)
	}
	var into any
	switch line.Kind {
	case KindRPC:
		line.RPC = &RPC{}
		into = line.RPC
	case KindInFlight:
		line.InFlight = &InFlight{}
		into = line.InFlight
	case KindThreads:
		line.Threads = &Threads{}
		into = line.Threads
	case KindLanes:
		line.Lanes = &Lanes{}
		into = line.Lanes
	case KindHealth:
		line.Health = &Health{}
		into = line.Health
	case KindView:
		line.View = &View{}
		into = line.View
	case KindStatus:
		line.Status = &Status{}
		into = line.Status
	case KindSelf:
		line.Self = &Self{}
		into = line.Self
	case "":
		return Line{}, fmt.Errorf("probe line: no kind: %.60q", data)
	default:
		return line, nil
	}
	if err := json.Unmarshal(data, into); err != nil {
		return Line{}, fmt.Errorf("probe line of kind %s: %w", line.Kind, err)
	}
	return line, nil
}

// maxLine bounds the memory that a line without end takes, in bytes.
const maxLine = 4 << 20

// Tail decodes a file that is still being written. Feed it whatever was read;
// it keeps a line that is not complete yet. A line that does not decode, as
// the last one of a killed probe, is counted and passed over.
type Tail struct {
	rest []byte
	bad  int
}

// Feed takes the next bytes of the file and returns the lines that they complete.
func (t *Tail) Feed(data []byte) []Line {
	var lines []Line
	t.rest = append(t.rest, data...)
	for {
		line, rest, ok := bytes.Cut(t.rest, []byte("\n"))
		if !ok {
			break
		}
		t.rest = rest
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		decoded, err := Decode(line)
		if err != nil {
			t.bad++
			continue
		}
		lines = append(lines, decoded)
	}
	if len(t.rest) > maxLine {
		t.rest = nil
		t.bad++
	}
	t.rest = bytes.Clone(t.rest) // let go of what was decoded
	return lines
}

// Bad returns how many lines did not decode.
func (t *Tail) Bad() int { return t.bad }
