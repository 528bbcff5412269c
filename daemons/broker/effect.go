package broker

import (
	"fmt"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/health"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
)

// Names of the broker's lanes, which are also the names of their kernel threads. The core starts the operations of the
// first five; the last two are only shown to it, with Tick.
const (
	WriterLane = "ha-writer"
	ReaderLane = "ha-reader"
	LeaseLane  = "ha-lease"
	MountLane  = "ha-mount"
	DomainLane = "ha-domain"
	OVFLane    = "ha-ovf"
	NotifyLane = "ha-notify"
)

// Effect is something to be done. The types in this file and those in mount_types.go and domain_types.go are all there
// are. They are to be carried out in order.
type Effect interface{ effect() }

// StartWrite hands a segment to the writer lane, which is idle. WriteDone ends it.
type StartWrite struct {
	Segment int
	Data    *whiteboard.Segment // not to be changed
}

// StartRead starts a pass on the reader lane, which is idle. ReadDone ends it.
type StartRead struct {
	Full bool // read the whole volume, not only the part in use
}

// StartLease starts an operation on the lease lane, which is idle. LeaseObserved ends it.
type StartLease struct{ Op LeaseOp }

// Reply answers the RPC that waits under Token.
type Reply struct {
	Token    Token
	OK       bool   // what was asked for is done; for a Put with Wait: durable
	Accepted bool   // Put only: the record was taken, even if it is not durable (yet)
	Reason   string // why not, for the log; empty if OK
}

// Publish replaces the snapshot that read-only RPCs are answered from. It always stands before the replies of the
// same step, so that who has been answered finds his change in the snapshot.
type Publish struct{ Snapshot *Snapshot }

// RaiseWarning says that a warning has become visible.
type RaiseWarning struct{ Warning health.Warning }

// ClearWarning says that a warning is no longer visible.
type ClearWarning struct{ Warning health.Warning }

// LaneStalled says that a lane's operation has taken longer than Settings.StallAfter.
type LaneStalled struct {
	Lane    string
	Op      string
	Segment int // -1: none
	For     time.Duration
}

// LaneRecovered says that the operation of a stalled lane has ended, well or badly.
type LaneRecovered LaneStalled

// LeaseChanged says that the state of the host id lease changed.
type LeaseChanged struct {
	State  LeaseState
	Detail string
}

// DomainChanged says that the state of the domain monitor changed.
type DomainChanged struct {
	State  string // one of the Domain constants
	Detail string
}

// Stopped says that the ordered end is over. Clean is false when something had to be given up; Detail says what.
type Stopped struct {
	Clean  bool
	Detail string
}

func (StartWrite) effect()    {}
func (StartRead) effect()     {}
func (StartLease) effect()    {}
func (Reply) effect()         {}
func (Publish) effect()       {}
func (RaiseWarning) effect()  {}
func (ClearWarning) effect()  {}
func (LaneStalled) effect()   {}
func (LaneRecovered) effect() {}
func (LeaseChanged) effect()  {}
func (DomainChanged) effect() {}
func (Stopped) effect()       {}

// String prints the segment without its data.
func (e StartWrite) String() string { return fmt.Sprintf("StartWrite{segment %d}", e.Segment) }

// String prints that there is a snapshot.
func (e Publish) String() string {
	return fmt.Sprintf("Publish{%d segments, lease %v}", len(e.Snapshot.Segments), e.Snapshot.Lease.State)
}

// String prints the code and the detail.
func (e RaiseWarning) String() string {
	return fmt.Sprintf("RaiseWarning{%s: %s}", e.Warning.Code, e.Warning.Detail)
}

// String prints the code.
func (e ClearWarning) String() string { return fmt.Sprintf("ClearWarning{%s}", e.Warning.Code) }
