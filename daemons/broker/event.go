package broker

import (
	"fmt"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/health"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
)

// Token names an RPC that waits for its Reply. Zero means that nobody waits.
type Token uint64

// Event is something that happened. The types in this file and those in
// mount_types.go and domain_types.go are all there are.
type Event interface{ event() }

// Put is put_stats: a record for a segment, as the caller sent it. Without Wait it is answered at once. With Wait the
// Reply comes when these very data are on storage, when a newer record of the segment has replaced them, or at Until,
// whatever is first; it says Accepted if the record was taken, and OK only if it is durable.
type Put struct {
	Token   Token
	Segment int
	Data    []byte // not kept: the core copies it
	Wait    bool
	Until   clock.Mono // 0 or past: at once
}

// HostsPushed is push_hosts_state: the host ids that the agent takes to be alive. Answered at once.
type HostsPushed struct {
	Token Token
	Alive []int
}

// LockWanted is lock_host_id: join the lockspace and stay in it. The Reply comes when the lease is held, when the wish
// is refused, or at Until; OK only if the lease is held then.
type LockWanted struct {
	Token  Token
	HostID int
	Until  clock.Mono // 0 or past: at once
}

// ReleaseWanted is release_host_id: write what is pending, bounded, then leave the lockspace. The Reply comes when
// sanlock has let go, when that is refused because the lockspace is in use, or at Until; OK only if the lease is gone.
type ReleaseWanted struct {
	Token Token
	Until clock.Mono // 0 or past: at once
}

// ResetWanted is reset_lockspace: write a new, empty lockspace. Refused at once while this or any other host may be
// using it, else answered when the lease lane is done or at Until; OK only if it has been written.
type ResetWanted struct {
	Token Token
	Until clock.Mono // 0 or past: at once
}

// CallerGone says that nobody waits for the Reply to Token any more. What was asked for goes on.
type CallerGone struct{ Token Token }

// WriteDone is the end of the write that StartWrite began.
type WriteDone struct {
	Segment        int
	Err            error // nil: the record is on storage
	Started, Ended clock.Mono
}

// ReadDone is the end of the pass that StartRead began.
type ReadDone struct {
	Pass Pass  // without Segments if Err is set
	Err  error // nil: the pass is complete
}

// Pass is what one complete reading of the whiteboard found. What Segments points to is never changed again.
type Pass struct {
	Started, Ended clock.Mono
	Bytes          int64 // read from storage
	Full           bool  // the whole volume was read, not only the part in use
	Segments       []Seen
}

// Seen is one segment that is not empty. Segments stand in ascending order. A reader that hands out the same pointer
// again for what has not changed saves the core a comparison of 4096 bytes.
type Seen struct {
	Segment int
	Data    *whiteboard.Segment
}

// LeaseObserved is the end of the operation that StartLease began.
type LeaseObserved struct {
	Op             LeaseOp
	Seen           LeaseSeen  // LeasePoll without error only
	Owner          LeaseOwner // LeaseExamine without error only
	Err            error      // matches ErrSanlockGone, ErrLeaseInUse or ErrHostIDTaken where these apply
	Started, Ended clock.Mono
}

// Observed tells of a condition that another room watches: the engine's state, the age of the OVF, the mail queue, the
// clock, ... Detail says what is wrong; empty, the condition does not hold. The core shows it and decides nothing by it.
// A code that the core judges itself, or that is not in the table, is ignored.
type Observed struct {
	Code   health.Code
	Detail string
}

// Tick is the passing of time, several times a second.
type Tick struct {
	// Others are the lanes that the core does not run, each time all of them. A lane that is missing is idle.
	Others []LaneFact
}

// LaneFact is what a lane that the core does not run is doing.
type LaneFact struct {
	Name      string
	Op        string
	Segment   int        // -1: none
	BusySince clock.Mono // start of the operation in flight; 0 = the lane is idle
}

// Stop is the wish to end: drain, release the lease, bounded by Settings.StopLimit; then Stopped.
type Stop struct{}

func (Put) event()           {}
func (HostsPushed) event()   {}
func (LockWanted) event()    {}
func (ReleaseWanted) event() {}
func (ResetWanted) event()   {}
func (CallerGone) event()    {}
func (WriteDone) event()     {}
func (ReadDone) event()      {}
func (LeaseObserved) event() {}
func (Observed) event()      {}
func (Tick) event()          {}
func (Stop) event()          {}

// String prints sizes instead of data, so that a trace can be read and compared.
func (e Put) String() string {
	return fmt.Sprintf("Put{segment %d, %d bytes, token %d}", e.Segment, len(e.Data), e.Token)
}

// String prints the outcome.
func (e WriteDone) String() string {
	return fmt.Sprintf("WriteDone{segment %d, err %v}", e.Segment, e.Err)
}

// String prints which segments were found.
func (e ReadDone) String() string {
	ids := make([]int, 0, len(e.Pass.Segments))
	for _, s := range e.Pass.Segments {
		ids = append(ids, s.Segment)
	}
	return fmt.Sprintf("ReadDone{segments %v, err %v}", ids, e.Err)
}

// String prints the outcome.
func (e LeaseObserved) String() string {
	return fmt.Sprintf("LeaseObserved{%v, %v, err %v}", e.Op, e.Seen, e.Err)
}
