package broker

import (
	"fmt"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// DomainOp is an operation of the domain lane.
type DomainOp uint8

// Operations of the domain lane.
const (
	DomainStart DomainOp = iota + 1 // begin to monitor the storage domain, and begin to acquire its host id
	DomainCheck                     // how is it?
	DomainStop                      // end both; no error if there is nothing to end
)

// String returns the operation's name.
func (o DomainOp) String() string {
	switch o {
	case DomainStart:
		return "domain-start"
	case DomainCheck:
		return "domain-check"
	case DomainStop:
		return "domain-stop"
	}
	return fmt.Sprintf("domain operation %d", uint8(o))
}

// DomainFacts are what one look at the storage domain found.
type DomainFacts struct {
	Valid    bool          // it could be read
	Delay    time.Duration // how long that took
	Acquired bool          // this host's id is held in the domain's own lockspace
	Detail   string        // why not, for people
}

// States of the domain monitor, as Domain.State has them.
const (
	DomainNever    = "never"    // no command has come yet
	DomainStarting = "starting" // on command; not begun yet
	DomainOn       = "on"
	DomainStopping = "stopping" // on command; not ended yet
	DomainOff      = "off"      // on command
)

// Domain is what a snapshot says about the storage domain.
type Domain struct {
	State string // one of the Domain constants
	// Valid: with the monitor on, the last check found the domain good, not slower than the limit, and is not too old.
	// With the monitor off or stopping on command the domain counts as valid, because nobody looks. Before the first
	// command it does not.
	Valid     bool
	Delay     time.Duration // of the last check
	CheckedAt clock.Mono    // end of the last check; 0 never
	Acquired  bool
	Detail    string // why it is not valid or not acquired
	HostID    int    // that the monitor was started with; 0 = it is not on
}

// DomainWanted is start_domain_monitor and stop_domain_monitor. The Reply comes when the domain is valid and acquired
// (On), when the monitor has been stopped (not On), when the wish is refused, or at Until.
type DomainWanted struct {
	Token  Token
	On     bool
	HostID int        // with On: must be the own one
	Until  clock.Mono // 0 or past: at once
}

// DomainDone is the end of the operation that StartDomain began.
type DomainDone struct {
	Op             DomainOp
	Facts          DomainFacts // DomainStart and DomainCheck without error only
	Err            error
	Started, Ended clock.Mono
}

// StartDomain starts an operation on the domain lane, which is idle. DomainDone ends it.
type StartDomain struct {
	Op     DomainOp
	HostID int // the own one
}

func (DomainWanted) event() {}
func (DomainDone) event()   {}
func (StartDomain) effect() {}
