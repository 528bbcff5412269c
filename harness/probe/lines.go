package probe

import "github.com/holdfast-ha/holdfast/daemons/brokerlink"

// Kinds of lines: the value of member "k".
const (
	KindRPC      = "rpc"
	KindInFlight = "inflight"
	KindThreads  = "threads"
	KindLanes    = "lanes"
	KindHealth   = "health"
	KindView     = "view"
	KindStatus   = "status"
	KindSelf     = "self"
)

// Head begins every line.
type Head struct {
	Kind string  `json:"k"`
	Mono float64 `json:"mono"` // CLOCK_MONOTONIC seconds: of the observation, or at which the window began
}

// RPC is what the calls of one method that ended in one window took.
type RPC struct {
	Head
	End       float64   `json:"end"` // CLOCK_MONOTONIC seconds at which the window ended
	Method    string    `json:"m"`
	LatencyMS []float64 `json:"lat_ms"`              // of each answered call, nil answers too, from connect to the last byte
	Failed    int       `json:"failed"`              // calls without an answer, or answered with a fault
	FailedMS  []float64 `json:"failed_ms,omitempty"` // after which time each of these failed
	Err       string    `json:"err,omitempty"`       // of the last that failed
	Nil       int       `json:"nil,omitempty"`       // answered with nil, among LatencyMS
	Dispatch  int       `json:"dispatch,omitempty"`  // sent in a form that the broker refuses, among the others
	Skipped   int       `json:"skipped,omitempty"`   // not sent, for there was nothing to repeat
}

// InFlight is a call that has been unanswered for longer than a window.
type InFlight struct {
	Head
	Method string  `json:"m"`
	AgeMS  float64 `json:"age_ms"`
}

// Threads is one look at a daemon's process. If there is none, PID is 0 and Err says why.
type Threads struct {
	Head
	Process string   `json:"proc"` // "broker" or "agent"
	PID     int      `json:"pid"`
	Total   int      `json:"total"`  // threads of the process
	FDs     int      `json:"fds"`    // open descriptors; -1 not readable
	RSSKB   int      `json:"rss_kb"` // resident memory in KiB
	Threads []Thread `json:"threads"`
	Err     string   `json:"err,omitempty"`
}

// Thread is a thread whose name begins with ha-: a lane.
type Thread struct {
	TID         int      `json:"tid"`
	Comm        string   `json:"comm"`                   // the thread's name
	State       string   `json:"state"`                  // R, S, D, T, Z, ...
	WChan       string   `json:"wchan,omitempty"`        // the kernel function it waits in
	Syscall     int      `json:"syscall"`                // -1: in none, running, or not readable
	SyscallName string   `json:"syscall_name,omitempty"` // on the probe's machine
	Args        []string `json:"args,omitempty"`         // of the system call, hexadecimal, as the kernel shows them
	Since       float64  `json:"since"`                  // CLOCK_MONOTONIC seconds at which it was first seen blocked in this very call; 0 not blocked
	Switches    uint64   `json:"switches"`               // context switches so far; unchanged = has not run since
	Err         string   `json:"err,omitempty"`          // what could not be read
}

// Lanes is the broker's own account of its lanes. Err is set if it did not answer.
type Lanes struct {
	Head
	brokerlink.Lanes
	Err string `json:"err,omitempty"`
}

// Health is the broker's table of warnings. Err is set if it did not answer.
type Health struct {
	Head
	brokerlink.Health
	Err string `json:"err,omitempty"`
}

// Status is what the broker says of itself: storage, domain, submonitors and the rest. Err is set if it did not answer.
type Status struct {
	Head
	brokerlink.Status
	Err string `json:"err,omitempty"`
}

// View is the broker's view of the whiteboard without the data. Err is set if it did not answer.
type View struct {
	Head
	Now      float64              `json:"now"`
	ReadAge  float64              `json:"read_age"`
	Segments []Segment            `json:"segments"`
	Lease    brokerlink.LeaseView `json:"lease"`
	Storage  string               `json:"storage"`
	Err      string               `json:"err,omitempty"`
}

// Segment is one segment of the view. Ages are in seconds, -1 = never.
type Segment struct {
	HostID     int     `json:"host_id"`
	Source     string  `json:"source"`
	Age        float64 `json:"age"`
	Pending    bool    `json:"pending"`
	Durable    bool    `json:"durable"`
	DurableAge float64 `json:"durable_age"`
	Timestamp  string  `json:"timestamp"` // token 2 of a host's record as it stands there; "" for segment 0 or none
}

// Self is the probe's account of itself, once a second: a judge should not
// blame the broker for what the machine did to the probe.
type Self struct {
	Head
	CPUMS   float64 `json:"cpu_ms"`  // processor time used since the line before
	LateMS  float64 `json:"late_ms"` // the most that a loop woke up late since the line before
	Dropped int     `json:"dropped"` // lines lost since the start, because the file took too long
}
