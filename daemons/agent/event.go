package agent

import (
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// Event is something that happened. The set is closed.
type Event interface{ event() }

// Tick is the passing of time, several times a second. Decisions are only made at ticks.
type Tick struct {
	// BootSeconds is the clock of the whiteboard's timestamps.
	BootSeconds int64
	// Wall is the time of day, for people only.
	Wall time.Time
}

// ViewAnswer is the end of a get_view call.
type ViewAnswer struct {
	// Sent is when the call began: nothing in the answer is older than that plus the age that it states.
	Sent clock.Mono
	// View is the answer; meaningless if Failure is set.
	View View
	// Failure says why there is no answer.
	Failure string
}

// Monitor is a submonitor of the broker whose results the agent asks for.
type Monitor string

// The submonitors of the agent. The text is the type name, which is also the id.
const (
	EngineHealth  Monitor = "engine-health"
	StorageDomain Monitor = "storage-domain"
)

// MonitorAnswer is the end of a status_monitor call.
type MonitorAnswer struct {
	Monitor Monitor
	// Sent is when the call began.
	Sent clock.Mono
	// Text is the result as the broker prints it, or empty if there is none.
	Text string
	// Restarted says that the broker did not know the submonitor, so that it has just been started and may have no
	// result yet.
	Restarted bool
	// Failure says why there is no answer.
	Failure string
}

// LockAnswer is the end of a lock_host_id call.
type LockAnswer struct {
	// Held says that the lease is held already; otherwise joining has begun.
	Held bool
	// Failure says why there is no answer.
	Failure string
}

// MaintenanceAnswer is the outcome of looking for the flag of local maintenance.
type MaintenanceAnswer struct {
	Local bool
	// Failure says why the flag could not be read; the last known one stays.
	Failure string
}

// Published is the end of a publication.
type Published struct {
	// Serial is that of the effect which asked for it.
	Serial uint64
	// Took is how long put_stats took.
	Took time.Duration
	// Refused says that the broker declined the record.
	Refused bool
	// Failure says why there is no answer.
	Failure string
}

// ActionDone is the end of an action on the engine VM.
type ActionDone struct {
	// ID is that of the effect which asked for it.
	ID uint64
	// Failure is empty if the action succeeded.
	Failure string
}

// Released is the end of a release_host_id call.
type Released struct {
	// Accepted says that the broker lets the host id go.
	Accepted bool
	// Failure says why there is no answer.
	Failure string
}

// Stop asks the agent to end in order: the engine VM is left as it is.
type Stop struct{}

func (Tick) event()              {}
func (ViewAnswer) event()        {}
func (MonitorAnswer) event()     {}
func (LockAnswer) event()        {}
func (MaintenanceAnswer) event() {}
func (Published) event()         {}
func (ActionDone) event()        {}
func (Released) event()          {}
func (Stop) event()              {}

// View is the broker's view of the cluster, as the agent needs it.
type View struct {
	// Made is when the broker made the view; 0 if it does not say.
	Made clock.Mono
	// ReadAge is the age of the last complete read of the whiteboard; negative means never.
	ReadAge time.Duration
	// Segments are the segments that are there, in any order. Nothing is expected of them.
	Segments []Segment
	// Lease is this host's host id lease.
	Lease Lease
	// Missing says what the broker's storage lacks; empty if nothing.
	Missing string
}

// Segment is one segment of the whiteboard.
type Segment struct {
	HostID int
	Data   []byte
	// DurableAge is how long ago a record of this segment was last known to be on storage; negative means never.
	DurableAge time.Duration
}

// Lease is the state of a host id lease.
type Lease struct {
	// State is none, joining, held, lost or leaving.
	State  string
	HostID int
	// Age is how long ago sanlock confirmed it; negative means never.
	Age time.Duration
	// Detail says more, for operators.
	Detail string
}

// LeaseHeld is the state of a lease that is held.
const LeaseHeld = "held"
