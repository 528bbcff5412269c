package broker

import (
	"fmt"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
)

// Token names an RPC that waits for its Reply. Zero means that nobody waits.
type Token uint64

// Event is something that happened. The types in this file are all there are.
type Event interface{ event() }

// Put is put_stats: a record for a segment, as the caller sent it. Answered at once with Reply.
type Put struct {
	Token   Token
	Segment int
	Data    []byte // not kept: the core copies it
}

// HostsPushed is push_hosts_state: the host ids that the agent takes to be alive. Answered at once.
type HostsPushed struct {
	Token Token
	Alive []int
}

// LockWanted is lock_host_id: join the lockspace and stay in it. Answered at once; OK only if the lease is held.
type LockWanted struct {
	Token  Token
	HostID int
}

// ReleaseWanted is release_host_id: write what is pending, bounded, then leave the lockspace. Answered at once; OK if
// there was something to release.
type ReleaseWanted struct{ Token Token }

// ResetWanted is reset_lockspace: write a new, empty lockspace. Refused at once while this or any other host may be
// using it, else answered when the lease lane is done.
type ResetWanted struct{ Token Token }

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

// Seen is one segment that is not empty. Segments stand in ascending order.
type Seen struct {
	Segment int
	Data    *whiteboard.Segment
}

// LeaseObserved is the end of the operation that StartLease began.
type LeaseObserved struct {
	Op             LeaseOp
	Seen           LeaseSeen // LeasePoll without error only
	Err            error     // matches ErrSanlockGone or ErrLeaseInUse where these apply
	Started, Ended clock.Mono
}

// EngineObserved tells whether the state of the engine VM is known. Problem is empty if it is, or if nobody watches
// the engine; otherwise it says why not.
type EngineObserved struct{ Problem string }

// Tick is the passing of time, several times a second.
type Tick struct{}

// Stop is the wish to end: drain, release the lease, bounded by Settings.StopLimit; then Stopped.
type Stop struct{}

func (Put) event()            {}
func (HostsPushed) event()    {}
func (LockWanted) event()     {}
func (ReleaseWanted) event()  {}
func (ResetWanted) event()    {}
func (WriteDone) event()      {}
func (ReadDone) event()       {}
func (LeaseObserved) event()  {}
func (EngineObserved) event() {}
func (Tick) event()           {}
func (Stop) event()           {}

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
