package monitor

import (
	"context"
	"fmt"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
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

// Paced is an Action with a pace of its own. Pace is called when the action is made and after each measurement.
type Paced interface {
	Action
	Pace() Pace
}

// Pace is how an action is run; zero members are the kind's.
type Pace struct {
	Interval time.Duration // from the start of one measurement to the start of the next
	Deadline time.Duration // of one measurement
	// Keep is how old a result may be before it is not known any more; at least what the Set says, three intervals,
	// and an interval and a deadline. Actions without a pace have what the Set says.
	Keep time.Duration
}

// Dated is an Action that may return a value that it observed earlier. At tells when; it is called after each
// measurement.
type Dated interface {
	Action
	At() clock.Mono
}

// Prompted is an Action that may know when it is worth measuring at once. Prompt has a value then; nil = never. Values that come while a
// measurement runs lead to one more.
type Prompted interface {
	Action
	Prompt() <-chan struct{}
}

// Aging is an Action whose text changes by itself as time goes by, such as the time since something happened. Text
// is called whenever somebody asks, from any goroutine, also during a measurement; it must not block. What Measure
// returns as text is not used.
type Aging interface {
	Action
	Text(now clock.Mono) string
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
	// Initial is the text before the first result; "" = Unknown's.
	Initial string
}

func (k Kind) check() error {
	if k.Type == "" || k.New == nil || k.Unknown == nil || k.Interval <= 0 || k.Deadline <= 0 {
		return fmt.Errorf("monitor: type %q is incomplete", k.Type)
	}
	return nil
}

// pace returns how this action is to be run now.
func (k Kind) pace(action Action, keep time.Duration) Pace {
	paced, ok := action.(Paced)
	if !ok {
		return Pace{Interval: k.Interval, Deadline: k.Deadline, Keep: keep}
	}
	p := paced.Pace()
	if p.Interval <= 0 {
		p.Interval = k.Interval
	}
	if p.Deadline <= 0 {
		p.Deadline = k.Deadline
	}
	p.Keep = max(p.Keep, keep, 3*p.Interval, p.Interval+p.Deadline)
	return p
}

// none is upstream's text for a value that is not known.
func none(string) string { return "None" }
