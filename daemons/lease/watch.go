package lease

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// LockspaceStatus is how well a lockspace is held.
type LockspaceStatus struct {
	// Lockspace has LockspaceAdding or LockspaceRemoving set as GetLockspaces would show it.
	Lockspace
	// Lost: the daemon has given the lockspace up and is ending the processes that hold leases in it. GetLockspaces
	// shows it as held until they are gone, which a process inside a hung storage call may delay for ever.
	Lost bool
	// Renewed is when the host id's lease was last renewed on storage: whole seconds of CLOCK_MONOTONIC, rounded down.
	// 0 while joining. After 8 io timeouts without a renewal the lease is lost.
	Renewed clock.Mono
	// RenewalResult is the last renewal's result, negative when it failed. While a renewal hangs it stays what it was.
	RenewalResult Result
	IOTimeout     time.Duration // the one that this host joined with
}

// Safe says that the host id is held and the daemon has not given it up.
func (s LockspaceStatus) Safe() bool { return s.Held() && !s.Lost }

// LockspaceStatus tells how well the lockspace of that name is held; ok is false when the daemon does not know it. It
// is answered from memory. This is how a lease is watched: it shows a loss while GetLockspaces does not yet, and how
// old the lease's last renewal is.
func (c Client) LockspaceStatus(ctx context.Context, lockspace string) (status LockspaceStatus, ok bool, err error) {
	states, err := c.Status(ctx)
	if err != nil {
		return LockspaceStatus{}, false, err
	}
	for _, s := range states {
		if s.Type != StateLockspace || s.Lockspace == nil || s.Lockspace.Name != lockspace {
			continue
		}
		if status, err = s.lockspaceStatus(); err != nil {
			return LockspaceStatus{}, false,
				c.fail(command{op: "status", subject: lockspace}, KindProtocol, fmt.Errorf("%w: %w", errProtocol, err))
		}
		return status, true, nil
	}
	return LockspaceStatus{}, false, nil
}

// lockspaceStatus reads the daemon's words.
func (s State) lockspaceStatus() (LockspaceStatus, error) {
	status := LockspaceStatus{Lockspace: *s.Lockspace}
	switch s.Fields["list"] {
	case "add":
		status.Flags |= LockspaceAdding
	case "rem":
		status.Flags |= LockspaceRemoving
	}
	numbers := make(map[string]int64)
	for _, key := range []string{
		"renew_fail", "space_dead", "killing_pids", "renewal_last_result", "renewal_last_success", "io_timeout",
	} {
		value, there := s.Fields[key]
		if !there {
			return LockspaceStatus{}, fmt.Errorf("status of lockspace %s has no %s", s.Lockspace.Name, key)
		}
		number, err := strconv.ParseInt(value, 10, 32)
		if err != nil {
			return LockspaceStatus{}, fmt.Errorf("status of lockspace %s: %s=%q: %w", s.Lockspace.Name, key, value, err)
		}
		numbers[key] = number
	}
	status.Lost = numbers["renew_fail"] != 0 || numbers["space_dead"] != 0 || numbers["killing_pids"] != 0
	status.RenewalResult = Result(numbers["renewal_last_result"])
	status.Renewed = clock.Mono(numbers["renewal_last_success"] * int64(time.Second))
	status.IOTimeout = time.Duration(numbers["io_timeout"]) * time.Second
	return status, nil
}
