package whiteboard

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// EngineStatus is what a host says about the engine VM, in token 5 and as the result of the engine-health submonitor.
type EngineStatus struct {
	// VM is up, down, down_unexpected, down_missing or unknown.
	VM string
	// Health is good, bad or unknown; unknown only while the VM is not known to be up.
	Health string
	// Detail is the VM's status word, such as Up or Paused.
	Detail string
	// Reason says why the health is not good; empty if there is nothing to say.
	Reason string
}

// UnknownEngineStatus is the status of an engine of which nothing is known, for the given reason.
func UnknownEngineStatus(reason string) EngineStatus {
	return EngineStatus{VM: "unknown", Health: "unknown", Detail: "unknown", Reason: reason}
}

// undecodable is what upstream takes a status for that it cannot read.
func undecodable() EngineStatus {
	return EngineStatus{VM: "unknown", Health: "unknown", Detail: "serialization error"}
}

// ParseEngineStatus reads raw JSON. Whatever is not an object with the strings vm, health and detail, each with a known value,
// yields an error and the status unknown; hosts whose status cannot be read are known to exist but not to run an engine (S13).
// Further members are ignored.
func ParseEngineStatus(raw string) (EngineStatus, error) {
	var wire struct {
		VM     *string `json:"vm"`
		Health *string `json:"health"`
		Detail *string `json:"detail"`
		Reason *string `json:"reason"`
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(raw), &members); err != nil {
		return undecodable(), fmt.Errorf("engine status: %w", err)
	}
	for name, into := range map[string]**string{"vm": &wire.VM, "health": &wire.Health, "detail": &wire.Detail, "reason": &wire.Reason} {
		value, there := members[name]
		if !there {
			continue
		}
		if err := json.Unmarshal(value, into); err != nil {
			return undecodable(), fmt.Errorf("engine status: %s is not a string", name)
		}
	}
	if wire.VM == nil || wire.Health == nil || wire.Detail == nil {
		return undecodable(), errors.New("engine status: vm, health and detail are not all there")
	}
	status := EngineStatus{VM: *wire.VM, Health: *wire.Health, Detail: *wire.Detail}
	if wire.Reason != nil {
		status.Reason = *wire.Reason
	}
	if err := status.Check(); err != nil {
		return undecodable(), err
	}
	return status, nil
}

// Check tells whether upstream's agents can rank the status; a status that they cannot rank ends their loop (S13).
func (s EngineStatus) Check() error {
	switch {
	case !slices.Contains([]string{"up", "down", "down_unexpected", "down_missing", "unknown"}, s.VM):
		return fmt.Errorf("engine status: vm is %q, not up, down, down_unexpected, down_missing or unknown", s.VM)
	case !slices.Contains([]string{"good", "bad", "unknown"}, s.Health):
		return fmt.Errorf("engine status: health is %q, not good, bad or unknown", s.Health)
	case s.VM == "up" && s.Health == "unknown":
		return errors.New("engine status: the health of a VM that is up is unknown; it is good or bad")
	}
	return nil
}

// JSON prints the status as Python's json.dumps does: separators with a blank after them, members in the order vm, health, detail,
// reason, everything but ASCII escaped. Upstream's set-up finds a running VM by the text `"vm": "up"`. The record's
// separator | is escaped too, so that the text can always be token 5. An empty reason is left out.
func (s EngineStatus) JSON() string {
	var b strings.Builder
	b.WriteString(`{"vm": ` + quote(s.VM) + `, "health": ` + quote(s.Health) + `, "detail": ` + quote(s.Detail))
	if s.Reason != "" {
		b.WriteString(`, "reason": ` + quote(s.Reason))
	}
	b.WriteString("}")
	return b.String()
}

// quote makes a JSON string of printable ASCII. Bytes that are not UTF-8 become the replacement character.
func quote(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		case r < ' ' || r > '~' || r == '|':
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
