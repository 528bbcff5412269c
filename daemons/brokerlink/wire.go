package brokerlink

// View is what the broker knows of the whiteboard and of its lease. Nothing in it is without an age.
type View struct {
	Now      float64       // the broker's CLOCK_MONOTONIC in seconds when the view was made
	ReadAge  float64       // seconds since the last complete read of the whiteboard; -1 never
	Segments []SegmentView // by ascending host id
	Lease    LeaseView
	Storage  string // "" = configured; else what is missing
}

// Segment returns the segment of this host id, 0 for the global record.
func (v *View) Segment(hostID int) (SegmentView, bool) {
	for _, s := range v.Segments {
		if s.HostID == hostID {
			return s, true
		}
	}
	return SegmentView{}, false
}

// Sources of a segment's data.
const (
	SourceStorage = "storage" // read from the whiteboard
	SourceMemory  = "memory"  // put by the agent, newer than what was read
)

// SegmentView is one segment of the whiteboard as the broker sees it.
type SegmentView struct {
	HostID     int     // 0..2000
	Data       []byte  // 4096 bytes
	Source     string  // SourceStorage or SourceMemory
	Age        float64 // seconds since Data was read or put
	Pending    bool    // put, and not yet written
	Durable    bool    // Data is on storage
	DurableAge float64 // seconds since a record of this segment was last known to be on storage; -1 never
}

// States of the lease on the host id.
const (
	LeaseNone    = "none"
	LeaseJoining = "joining"
	LeaseHeld    = "held"
	LeaseLost    = "lost"
	LeaseLeaving = "leaving"
)

// LeaseView is the state of the sanlock lease on the host id.
type LeaseView struct {
	State  string  // LeaseNone, ...
	HostID int     // 0 = none asked for
	Since  float64 // CLOCK_MONOTONIC seconds at which State began
	Age    float64 // seconds since sanlock last confirmed it; -1 never
	Detail string  // why, for people
}

// Lanes is what each lane is doing.
type Lanes struct {
	Now   float64 // the broker's CLOCK_MONOTONIC in seconds
	Lanes []LaneView
}

// LaneView is one lane: a thread that may block on storage or on sanlock.
type LaneView struct {
	Name       string // the thread's name, like ha-writer
	TID        int    // the thread's id in the broker's pid name space
	Busy       bool
	Op         string  // the operation in progress, or the last one
	Segment    int     // the segment it is about; -1 none
	Since      float64 // CLOCK_MONOTONIC seconds at which the operation began
	BlockedFor float64 // seconds that the operation in progress has lasted; 0 if idle
	Stalled    bool    // longer than the broker's limit
	Completed  int     // operations that succeeded
	Failed     int     // operations that failed
}

// Health is the broker's table of warnings.
type Health struct {
	Now      float64 // the broker's CLOCK_MONOTONIC in seconds
	OK       bool    // no warnings
	Uptime   float64 // seconds since the broker started
	Warnings []Warning
}

// Severities of a warning.
const (
	SeverityLow    = "low"
	SeverityMedium = "medium"
	SeverityHigh   = "high"
)

// Warning is something that is wrong now.
type Warning struct {
	Code     string // stable, for programs
	Title    string
	Severity string // SeverityLow, ...
	Detail   string
	Remedy   string  // what to do
	Since    float64 // CLOCK_MONOTONIC seconds at which it was raised
	Age      float64 // seconds since then
}
