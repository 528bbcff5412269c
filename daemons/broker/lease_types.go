package broker

import (
	"errors"
	"fmt"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// Errors that a LeaseObserved event may carry and that make a difference.
var (
	// ErrSanlockGone: there is no sanlock behind its socket, so nothing renews the lease.
	ErrSanlockGone = errors.New("no sanlock daemon")
	// ErrLeaseInUse: a registered process, the engine, holds a lease in the lockspace; leaving would kill it.
	ErrLeaseInUse = errors.New("lockspace is in use")
	// ErrHostIDTaken: sanlock says that another host holds this host id.
	ErrHostIDTaken = errors.New("another host holds this host id")
)

// LeaseOp is an operation of the lease lane.
type LeaseOp uint8

// Operations of the lease lane. None of them waits for sanlock's result: joining and leaving are only begun.
const (
	LeasePoll    LeaseOp = iota + 1 // what does sanlock hold?
	LeaseJoin                       // begin to add the lockspace; accepted also if it is there or on its way
	LeaseLeave                      // begin to remove it; accepted also if it is gone or on its way
	LeaseReset                      // write an empty lockspace
	LeaseExamine                    // read this host id's own record in the lockspace: who holds it?
)

// String returns the operation's name.
func (o LeaseOp) String() string {
	switch o {
	case LeasePoll:
		return "lease-poll"
	case LeaseJoin:
		return "lease-join"
	case LeaseLeave:
		return "lease-leave"
	case LeaseReset:
		return "lockspace-reset"
	case LeaseExamine:
		return "lease-examine"
	}
	return fmt.Sprintf("lease operation %d", uint8(o))
}

// LeaseOwner is who holds a host id, as the lockspace on storage has it. The zero value is nobody, or not looked at.
type LeaseOwner struct {
	Name       string // of the host, as its sanlock calls it
	Timestamp  uint64 // seconds of that host's own clock at the last renewal; 0 = the host id is free
	Generation uint64 // how often the host id has been taken
}

// LeaseSeen is how sanlock lists this host's lockspace.
type LeaseSeen uint8

// What sanlock may show.
const (
	SeenAbsent   LeaseSeen = iota // not listed
	SeenAdding                    // on its way in, may fail yet
	SeenHeld                      // held and renewed
	SeenRemoving                  // on its way out: asked for, or the lease is lost
	SeenOther                     // the name is listed with another host id or path
)

// String returns the word for it.
func (s LeaseSeen) String() string {
	switch s {
	case SeenAbsent:
		return "absent"
	case SeenAdding:
		return "adding"
	case SeenHeld:
		return "held"
	case SeenRemoving:
		return "removing"
	case SeenOther:
		return "other"
	}
	return fmt.Sprintf("lease seen %d", uint8(s))
}

// LeaseState is the state of the host id lease.
type LeaseState uint8

// States of the lease.
//
//	none --join--> joining --> held --release--> draining --> leaving --> none
//	                  |          |                   |
//	                  +--> none  +--> lost --join--> joining
const (
	None     LeaseState = iota // not held
	Joining                    // sanlock is adding the lockspace
	Held                       // held; the own segment may be written
	Draining                   // still held, to be left as soon as the own record is written
	Leaving                    // sanlock is removing the lockspace
	Lost                       // was held and wanted, is not any more
)

// String returns the word that get_view uses. Draining is "leaving" to the outside.
func (s LeaseState) String() string {
	switch s {
	case None:
		return "none"
	case Joining:
		return "joining"
	case Held:
		return "held"
	case Draining, Leaving:
		return "leaving"
	case Lost:
		return "lost"
	}
	return fmt.Sprintf("lease state %d", uint8(s))
}

// Lease is what a snapshot says about the host id lease.
type Lease struct {
	State       LeaseState
	HostID      int        // 0: none asked for and none held
	Since       clock.Mono // when State began
	ConfirmedAt clock.Mono // when sanlock last answered; 0 never
	Detail      string     // why, for people
	Owner       LeaseOwner // as last read while the lease was not held
}
