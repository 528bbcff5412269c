package monitor

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/vm"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
)

// EngineHealthType is the type's name in start_monitor.
const EngineHealthType = "engine-health"

// Values of the member vm.
const (
	vmUp             = "up"
	vmDown           = "down"
	vmDownUnexpected = "down_unexpected"
	vmDownMissing    = "down_missing"
)

// statsFailed is upstream's reason when the VM's state cannot be had.
const statsFailed = "failed to getVmStats"

// EngineHealth returns the type engine-health: how is the engine VM on this host? The text is upstream's JSON. driver
// tells the VM's status, alive whether the engine inside it answers; alive may be nil if there is nothing to ask. A driver
// with a method Changed() <-chan struct{} is looked at when that has a value too, and not only at every interval. The option
// vm_uuid is required, as upstream requires it.
func EngineHealth(driver vm.Driver, alive func(context.Context) error, interval, deadline time.Duration) Kind {
	return Kind{
		Type: EngineHealthType, Interval: interval, Deadline: deadline,
		New: func(options Options) (Action, error) {
			if _, err := options.required("vm_uuid"); err != nil {
				return nil, err
			}
			return &engineHealth{driver: driver, alive: alive, previous: vmDown}, nil
		},
		Unknown: func(string) string { return whiteboard.UnknownEngineStatus(statsFailed).JSON() },
	}
}

// engineHealth remembers what the VM was last. A look that failed tells nothing and is not remembered; otherwise a VM
// that vanished during an outage of its driver would stay unknown for ever.
type engineHealth struct {
	driver   vm.Driver
	alive    func(context.Context) error
	previous string // the newest vm value that was known; at first down
}

// Prompt makes the status of a VM that the driver hears of by itself, as through VDSM's events, known at once.
func (e *engineHealth) Prompt() <-chan struct{} {
	if driver, ok := e.driver.(interface{ Changed() <-chan struct{} }); ok {
		return driver.Changed()
	}
	return nil
}

// Measure looks at the VM.
func (e *engineHealth) Measure(ctx context.Context) (string, error) {
	seen, err := e.driver.Status(ctx)
	if err != nil {
		return "", fmt.Errorf("status of the engine VM: %w", err)
	}
	status := e.judge(ctx, seen)
	e.previous = status.VM
	return status.JSON(), nil
}

// judge applies upstream's tests in upstream's order.
func (e *engineHealth) judge(ctx context.Context, seen vm.Status) whiteboard.EngineStatus {
	bad := func(vm, detail, reason string) whiteboard.EngineStatus {
		return whiteboard.EngineStatus{VM: vm, Health: "bad", Detail: detail, Reason: reason}
	}
	switch {
	case !seen.Exists && e.previous == vmUp:
		return bad(vmDownMissing, "unknown", "vm not running on this host")
	case !seen.Exists:
		return bad(e.previous, "unknown", "vm not running on this host")
	case seen.Status == "Down" && lockConflict(seen.ExitMessage):
		return bad(vmDown, seen.Status, "Storage of VM is locked. Is another host already starting the VM?")
	case seen.Status == "Down" && seen.ExitReason == vm.ExitMigrationSucceeded:
		return bad(vmDown, seen.Status, "VM migrated away successfully")
	case seen.Status == "Down" || seen.Status == "Migration Destination":
		if e.previous == vmDown {
			return bad(vmDown, seen.Status, "bad vm status")
		}
		return bad(vmDownUnexpected, seen.Status, "bad vm status")
	case slices.Contains([]string{"Paused", "WaitForLaunch", "Restoring state", "Powering up"}, seen.Status):
		return bad(vmUp, seen.Status, "bad vm status")
	}
	if e.alive != nil {
		if err := e.alive(ctx); err != nil {
			return bad(vmUp, seen.Status, "failed liveliness check")
		}
	}
	return whiteboard.EngineStatus{VM: vmUp, Health: "good", Detail: seen.Status}
}

// processUsesImage is how some versions of qemu end the message, with a word for the image.
var processUsesImage = regexp.MustCompile(`Is another process using the image \[[^\]]*\]\?$`)

// lockConflict tells from libvirt's and qemu's words whether the VM's lease or image lock is held elsewhere.
func lockConflict(message string) bool {
	for _, end := range []string{
		"Failed to acquire lock: error -243",
		"Failed to acquire lock: Lease is held by another host",
		"Is another process using the image?",
	} {
		if strings.HasSuffix(message, end) {
			return true
		}
	}
	return processUsesImage.MatchString(message)
}
