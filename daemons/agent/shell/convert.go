package shell

import (
	"math"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/agent"
	"github.com/holdfast-ha/holdfast/daemons/brokerlink"
	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// viewOf turns the broker's answer into the core's. It is total: a number that makes no sense becomes "never".
func viewOf(v brokerlink.View) agent.View {
	view := agent.View{
		Made:    clock.Mono(max(durationOf(v.Now), 0)),
		ReadAge: durationOf(v.ReadAge),
		Lease: agent.Lease{
			State: v.Lease.State, HostID: v.Lease.HostID, Age: durationOf(v.Lease.Age), Detail: v.Lease.Detail,
		},
		Missing: v.Storage,
	}
	for _, segment := range v.Segments {
		view.Segments = append(view.Segments, agent.Segment{
			HostID: segment.HostID, Data: segment.Data, DurableAge: durationOf(segment.DurableAge),
		})
	}
	return view
}

// durationOf turns seconds into a duration; -1 ns for what is negative, infinite, not a number or longer than a century.
func durationOf(seconds float64) time.Duration {
	const century = 100 * 365 * 24 * 3600
	if math.IsNaN(seconds) || seconds < 0 || seconds > century {
		return -1
	}
	return time.Duration(seconds * float64(time.Second))
}

// secondsOrNone is d in seconds, or -1 for what is negative.
func secondsOrNone(d time.Duration) float64 {
	if d < 0 {
		return -1
	}
	return d.Seconds()
}

// millisecondsOrNone is d in milliseconds, or -1 for what is negative.
func millisecondsOrNone(d time.Duration) float64 {
	if d < 0 {
		return -1
	}
	return float64(d) / float64(time.Millisecond)
}
