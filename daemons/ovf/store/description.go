// Package store understands OVF_STORE volumes: the description that the engine gives such a volume, how VDSM keeps that description beside
// the volume, the tar in it, and which of several stores to believe. It is pure: what it reads comes from an io.Reader.
package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Label is what the description of an OVF_STORE says that it is.
const Label = "OVF_STORE"

// Description is what the engine says about a store, as JSON in the volume's description.
//
// The engine writes a store in three steps: the description with Updated false, then the tar, then the description with Updated true,
// Last Updated and Size. So a store that is not Updated may hold half a tar (S28).
type Description struct {
	// Updated tells that the tar was written completely.
	Updated bool
	// Published is when, by the engine's clock; zero if unknown. Compare it with other stores of the same engine only.
	Published time.Time
	// Size of the tar in bytes; 0 if unknown.
	Size int64
}

// maxDescription bounds what is parsed, in bytes; VDSM keeps at most 210 bytes in old domains and some hundred in new ones.
const maxDescription = 8192

// ErrOther says that the description is that of another kind of volume.
var ErrOther = errors.New("not an OVF_STORE")

// ParseDescription reads the text. ErrOther tells that the volume is something else; another error that it is an OVF_STORE whose description
// makes no sense.
func ParseDescription(text string) (Description, error) {
	text = strings.TrimSpace(text)
	if !strings.HasPrefix(text, "{") || !strings.HasSuffix(text, "}") || len(text) > maxDescription {
		return Description{}, ErrOther
	}
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &members) != nil {
		return Description{}, ErrOther
	}
	var label string
	if json.Unmarshal(members["Disk Description"], &label) != nil || label != Label {
		return Description{}, ErrOther
	}
	var d Description
	if raw, ok := members["Updated"]; ok {
		if err := json.Unmarshal(raw, &d.Updated); err != nil {
			return Description{}, fmt.Errorf("description of an OVF_STORE: Updated is %s, want true or false", short(raw))
		}
	}
	if raw, ok := members["Size"]; ok && string(raw) != "null" {
		if err := json.Unmarshal(raw, &d.Size); err != nil || d.Size < 0 {
			return Description{}, fmt.Errorf("description of an OVF_STORE: Size is %s, want a number of bytes", short(raw))
		}
	}
	d.Published = published(members["Last Updated"])
	return d, nil
}

func short(raw []byte) string {
	if len(raw) > 40 {
		raw = append(raw[:40:40], "..."...)
	}
	return fmt.Sprintf("%q", raw)
}

// layouts of the time: what Java prints for a Date, and what newer serialisers make of one.
var layouts = []string{time.UnixDate, time.RFC3339Nano, "2006-01-02T15:04:05.999Z0700", time.ANSIC}

// published reads the time of an update; zero if it cannot be read. Java names the zone by letters, which do not tell the offset: such a
// time is taken as UTC, which is good enough to compare times of one engine, but for the hour in which its clock is set back.
func published(raw json.RawMessage) time.Time {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		for _, layout := range layouts {
			if at, err := time.Parse(layout, strings.TrimSpace(text)); err == nil {
				return at
			}
		}
		return time.Time{}
	}
	var milliseconds int64
	if string(raw) != "null" && json.Unmarshal(raw, &milliseconds) == nil && milliseconds > 0 && milliseconds < 1<<53 {
		return time.UnixMilli(milliseconds)
	}
	return time.Time{}
}

// FromMetadata finds the description in the metadata that VDSM keeps for a volume: lines of KEY=VALUE, ended by a line EOF. ok is false if
// there is none.
func FromMetadata(metadata []byte) (description string, ok bool) {
	text := string(metadata[:min(len(metadata), maxDescription)])
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if line == "EOF" {
			break
		}
		if value, found := strings.CutPrefix(line, "DESCRIPTION="); found {
			description, ok = value, true
		}
	}
	return description, ok
}
