package brokerlink

// View is what the broker knows of the whiteboard and of its lease. Nothing in it is without an age.
type View struct {
	Now      float64       `json:"now"`      // the broker's CLOCK_MONOTONIC in seconds when the view was made
	ReadAge  float64       `json:"read_age"` // seconds since the last complete read of the whiteboard; -1 never
	Segments []SegmentView `json:"segments"` // by ascending host id
	Lease    LeaseView     `json:"lease"`
	Storage  string        `json:"storage"` // "" = configured; else what is missing
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
	HostID     int     `json:"host_id"`     // 0..2000
	Data       []byte  `json:"data"`        // 4096 bytes
	Source     string  `json:"source"`      // SourceStorage or SourceMemory
	Age        float64 `json:"age"`         // seconds since Data was read or put
	Pending    bool    `json:"pending"`     // put, and not yet written
	Durable    bool    `json:"durable"`     // Data is on storage
	DurableAge float64 `json:"durable_age"` // seconds since a record of this segment was last known to be on storage; -1 never
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
	State  string  `json:"state"`   // LeaseNone, ...
	HostID int     `json:"host_id"` // 0 = none asked for
	Since  float64 `json:"since"`   // CLOCK_MONOTONIC seconds at which State began
	Age    float64 `json:"age"`     // seconds since sanlock last confirmed it; -1 never
	Detail string  `json:"detail"`  // why, for people
}

// Lanes is what each lane is doing.
type Lanes struct {
	Now   float64    `json:"now"` // the broker's CLOCK_MONOTONIC in seconds
	Lanes []LaneView `json:"lanes"`
}

// LaneView is one lane: a thread that may block on storage or on sanlock.
type LaneView struct {
	Name       string  `json:"name"` // the thread's name, like ha-writer
	TID        int     `json:"tid"`  // the thread's id in the broker's pid name space
	Busy       bool    `json:"busy"`
	Op         string  `json:"op"`          // the operation in progress, "idle" if there is none
	Segment    int     `json:"segment"`     // the segment it is about; -1 none
	Since      float64 `json:"since"`       // CLOCK_MONOTONIC seconds at which the operation began
	BlockedFor float64 `json:"blocked_for"` // seconds that the operation in progress has lasted; 0 if idle
	Stalled    bool    `json:"stalled"`     // longer than the broker's limit
	Completed  int     `json:"completed"`   // operations that succeeded
	Failed     int     `json:"failed"`      // operations that failed
}

// Health is the broker's table of warnings.
type Health struct {
	Now      float64   `json:"now"`    // the broker's CLOCK_MONOTONIC in seconds
	OK       bool      `json:"ok"`     // no warning is worse than SeverityLow
	Uptime   float64   `json:"uptime"` // seconds since the broker started
	Warnings []Warning `json:"warnings"`
}

// Severities of a warning.
const (
	SeverityLow    = "low"
	SeverityMedium = "medium"
	SeverityHigh   = "high"
)

// Warning is something that is wrong now.
type Warning struct {
	Code     string  `json:"code"` // stable, for programs
	Title    string  `json:"title"`
	Severity string  `json:"severity"` // SeverityLow, ...
	Detail   string  `json:"detail"`
	Remedy   string  `json:"remedy"` // what to do
	Since    float64 `json:"since"`  // CLOCK_MONOTONIC seconds at which it was raised
	Age      float64 `json:"age"`    // seconds since then
}
