package broker

import (
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
)

// Settings is what a core has to know beforehand. All durations are as they are to be used, already scaled.
type Settings struct {
	HostID int // 1 to whiteboard.MaxHostID

	// StorageMissing is empty if the storage is configured; otherwise it says what is missing, and no operation of any
	// lane is ever started.
	StorageMissing string
	// LeaseMissing is the same for the lockspace.
	LeaseMissing string
	// ConfigRemarks are shown as the warning "config".
	ConfigRemarks string

	// MustConnect: a driver has to bring the storage to this host. False: the paths are given. The mount lane is asked all
	// the same and answers at once, but not again when reads or writes fail, because nothing could come of it.
	MustConnect bool
	// Sector is the sector size of the storage in bytes, 512 or 4096; 0 = what the mount lane finds, and 512 if it finds
	// nothing.
	Sector int
	// LockspaceAlign is the size of the lockspace in MiB: 1, 2, 4 or 8; 0 = 1. With 4096-byte sectors it limits the
	// host ids (S29).
	LockspaceAlign int

	StorageDelay time.Duration // from the start of one pass to the start of the next
	FullScan     time.Duration // from one pass over the whole volume to the next
	StallAfter   time.Duration // an operation older than this is a stall
	ViewLimit    time.Duration // a view older than this is blind; an own record later than this is late
	AliveLimit   time.Duration // a pushed list of hosts is valid, and a record that changed counts as alive, this long
	RetryMin     time.Duration // first pause after a failed write or read
	RetryMax     time.Duration // longest pause after a failed write
	LeasePoll    time.Duration // how often sanlock is asked
	LeaseRetry   time.Duration // pause after a join that failed or a lease that was lost
	LeaseLife    time.Duration // a lease that sanlock has not confirmed for so long counts as lost: 8 I/O timeouts
	DrainLimit   time.Duration // how long a release waits for the own record to be written
	StopLimit    time.Duration // how long the whole end may take; DrainLimit is part of it

	ReconnectAfter   int           // failed reads, or failed writes, in a row that make the mount lane connect again
	ReconnectMin     time.Duration // first pause after an attempt to connect that did not help
	ReconnectMax     time.Duration // longest
	DomainInterval   time.Duration // from one check of the storage domain to the next
	DomainDelayLimit time.Duration // a domain that takes longer to read is not valid
}

// Check returns what makes the settings unusable, or nil.
func (s Settings) Check() error {
	if s.HostID < 1 || s.HostID > whiteboard.MaxHostID {
		return fmt.Errorf("broker: host id %d is outside 1..%d", s.HostID, whiteboard.MaxHostID)
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"StorageDelay", s.StorageDelay},
		{"FullScan", s.FullScan},
		{"StallAfter", s.StallAfter},
		{"ViewLimit", s.ViewLimit},
		{"AliveLimit", s.AliveLimit},
		{"RetryMin", s.RetryMin},
		{"RetryMax", s.RetryMax},
		{"LeasePoll", s.LeasePoll},
		{"LeaseRetry", s.LeaseRetry},
		{"LeaseLife", s.LeaseLife},
		{"DrainLimit", s.DrainLimit},
		{"StopLimit", s.StopLimit},
		{"ReconnectMin", s.ReconnectMin},
		{"ReconnectMax", s.ReconnectMax},
		{"DomainInterval", s.DomainInterval},
		{"DomainDelayLimit", s.DomainDelayLimit},
	} {
		if d.value <= 0 {
			return fmt.Errorf("broker: setting %s must be longer than 0, is %s", d.name, d.value)
		}
	}
	if s.RetryMin > s.RetryMax {
		return fmt.Errorf("broker: setting RetryMin (%s) is longer than RetryMax (%s)", s.RetryMin, s.RetryMax)
	}
	if s.ReconnectMin > s.ReconnectMax {
		return fmt.Errorf("broker: setting ReconnectMin (%s) is longer than ReconnectMax (%s)", s.ReconnectMin, s.ReconnectMax)
	}
	if s.ReconnectAfter < 1 {
		return fmt.Errorf("broker: setting ReconnectAfter must be at least 1, is %d", s.ReconnectAfter)
	}
	if _, err := MaxHostID(max(s.Sector, 512), s.LockspaceAlign); err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	if s.DrainLimit > s.StopLimit {
		return errors.New("broker: setting DrainLimit is longer than StopLimit")
	}
	return nil
}
