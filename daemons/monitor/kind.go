package monitor

import (
	"context"
	"fmt"
	"time"
)

// Options are what a submonitor is started with: the members of the RPC's struct. Values are nil, bool, int64,
// float64, string, []byte, []any or Options' own kind of map.
type Options map[string]any

// Action is a submonitor with its options.
type Action interface {
	// Measure does one measurement and returns its text. It ends when ctx does. An error means that the value is
	// not known now. It is never called twice at a time.
	Measure(ctx context.Context) (string, error)
}

// Kind is a type of submonitor.
type Kind struct {
	Type     string        // as start_monitor names it
	Interval time.Duration // from the start of one measurement to the start of the next
	Deadline time.Duration // of one measurement
	// New checks the options and makes the action. It must not block.
	New func(Options) (Action, error)
	// Unknown is the text that says that the value is not known, and if it can, why.
	Unknown func(why string) string
}

func (k Kind) check() error {
	if k.Type == "" || k.New == nil || k.Unknown == nil || k.Interval <= 0 || k.Deadline <= 0 {
		return fmt.Errorf("monitor: type %q is incomplete", k.Type)
	}
	return nil
}

// none is upstream's text for a value that is not known.
func none(string) string { return "None" }
