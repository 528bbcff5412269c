package monitor

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// OVFType is the type's name in start_monitor. Upstream has no such type.
const OVFType = "ovf"

// Limits of how often vm.conf is refreshed.
const (
	shortestOVFPeriod = 100 * time.Millisecond
	longestOVFPeriod  = 24 * time.Hour
)

// OVFRoom is what keeps vm.conf up to date.
type OVFRoom interface {
	// Refresh renews vm.conf from storage, or finds that it is new already; it returns when ctx ends at the latest.
	Refresh(ctx context.Context, vmUUID string) error
	// LastSuccess is when that last succeeded; 0 = never. It never blocks.
	LastSuccess() clock.Mono
}

// OVF returns the type ovf: how old is vm.conf? Each measurement refreshes it. The text is the seconds since the last
// success, with one decimal, counted when asked, so that it goes on growing while storage hangs; "None" before the
// first.
//
// Options: vm_uuid is the engine VM, required; interval, or period, is the time from one refresh to the next in
// seconds, 0.1 to 86400.
func OVF(room OVFRoom, interval, deadline time.Duration) Kind {
	return Kind{
		Type: OVFType, Interval: interval, Deadline: deadline,
		New: func(o Options) (Action, error) {
			id, err := o.required("vm_uuid")
			if err != nil {
				return nil, err
			}
			name := "interval"
			if o[name] == nil {
				name = "period"
			}
			period, err := o.duration(name, interval, shortestOVFPeriod, longestOVFPeriod)
			if err != nil {
				return nil, err
			}
			return &ovf{room: room, vm: id, period: period}, nil
		},
		Unknown: none,
	}
}

type ovf struct {
	room   OVFRoom
	vm     string
	period time.Duration
}

// Pace is as the agent wants it.
func (o *ovf) Pace() Pace { return Pace{Interval: o.period} }

// Measure refreshes vm.conf.
func (o *ovf) Measure(ctx context.Context) (string, error) {
	if err := o.room.Refresh(ctx, o.vm); err != nil {
		return "", fmt.Errorf("refresh vm.conf: %w", err)
	}
	return "", nil
}

// Text is the age of vm.conf.
func (o *ovf) Text(now clock.Mono) string {
	at := o.room.LastSuccess()
	if at == 0 {
		return none("")
	}
	return strconv.FormatFloat(max(now.Sub(at), 0).Seconds(), 'f', 1, 64)
}
