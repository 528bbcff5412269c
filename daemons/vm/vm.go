// Package vm is what the daemons know of the engine's virtual machine: start it, stop it, ask how it is. A Driver does
// that for one way of running it; package vm/command runs a program as a child.
//
// The words are VDSM's, so that the engine's health is judged by the same rules whatever runs the engine.
package vm

import (
	"context"
	"errors"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// State is a driver's own view of the engine, as it stands in the engine's status file.
type State string

// States.
const (
	StateStarting State = "starting" // VDSM: Powering up
	StateUp       State = "up"
	StateDown     State = "down"
	StateUnknown  State = "unknown"
)

// VDSM's status words, as far as the drivers here use them.
const (
	StatusUp           = "Up"
	StatusDown         = "Down"
	StatusPoweringUp   = "Powering up"
	StatusPoweringDown = "Powering down"

	StatusWaitForLaunch        = "WaitForLaunch"
	StatusPaused               = "Paused"
	StatusRestoring            = "Restoring state"
	StatusSaving               = "Saving State"
	StatusReboot               = "RebootInProgress"
	StatusMigrationSource      = "Migration Source"
	StatusMigrationDestination = "Migration Destination"
)

// VDSM's exit reasons, as far as Holdfast acts on them or writes them.
const (
	ExitSuccess            = 0 // ended as it was asked to
	ExitGenericError       = 1
	ExitMigrationSucceeded = 4 // it runs on another host now
)

// Status is one look at the engine on this host.
type Status struct {
	// Status is VDSM's word; "" when Exists is false.
	Status string
	// ExitMessage says why it is down, in libvirt's words where engine-health goes by them: a message that ends with
	// "Failed to acquire lock: error -243" means that another host holds the engine's lease.
	ExitMessage string
	ExitReason  int // one of the Exit constants; means something only when Status is StatusDown
	// Exists is false when there is no engine on this host: never started, or removed by Stop with force. VDSM says
	// "no such VM" then. An engine that ended by itself exists, with StatusDown, until the next Start or forced Stop.
	Exists bool
	PID    int        // 0 when nothing runs
	Since  clock.Mono // when Status began; 0 when not known

	// StatusTime is when the driver's source saw this status, in milliseconds of that source's own clock (VDSM:
	// 2^31-1 plus the host's uptime); 0 when it does not say. It only orders what one source says, and as a number:
	// as texts 9999999999 is later than 10000000000, which froze upstream's engine-health after 90.9 days (S23).
	StatusTime int64
	// ObservedAt is when this machine learned it: the start of the look, or the arrival of an event; 0 when the
	// driver looks at the moment it is asked.
	ObservedAt clock.Mono
	// CPU is what the engine's processors are used for; nil when the driver does not tell.
	CPU *CPU
	// MemoryUsed is the share of its memory that the engine uses, in percent; nil when the driver does not tell.
	MemoryUsed *float64
}

// CPU is the load that the engine puts on its host, in percent of one processor: 200 is two processors busy.
type CPU struct {
	User float64 // VDSM's cpuUser, never negative
	Sys  float64 // VDSM's cpuSys, never negative
	// Actual is false while the figures are not measured yet, for example after a start or a migration. They are
	// placeholders then, and what was known before is the better answer.
	Actual bool
}

// ErrNoDriver is the answer of None to Start.
var ErrNoDriver = errors.New("no engine driver: set vm_driver in holdfast.conf to let this host run the engine")

// Driver runs the engine on this host. All calls are bounded by their context and may be made from several processes:
// the agent starts and stops, the broker asks.
type Driver interface {
	// Start begins to start the engine and returns before it is up; Status tells how that goes. It is nil without
	// doing anything when the engine is starting or running already.
	Start(ctx context.Context) error
	// Stop without force asks the engine to shut down and returns at once; Status tells when it is down. With force
	// it ends the engine, waits until it is gone and removes it, so that Exists is false. It is nil when there is
	// nothing to stop.
	Stop(ctx context.Context, force bool) error
	// Status looks at the engine. An error means not known; the Status is then empty.
	Status(ctx context.Context) (Status, error)
}

// None returns the driver of a host that never runs the engine.
func None() Driver { return none{} }

type none struct{}

func (none) Start(context.Context) error            { return ErrNoDriver }
func (none) Stop(context.Context, bool) error       { return nil }
func (none) Status(context.Context) (Status, error) { return Status{}, nil }
