package domain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/directio"
	"github.com/holdfast-ha/holdfast/daemons/lease"
)

// readSize is how much of the domain's metadata a check reads, in bytes; upstream's monitor reads as much.
const readSize = 4096

// Locks is what a monitor asks of the sanlock daemon; lease.Client is one.
type Locks interface {
	AddLockspace(ctx context.Context, l lease.Lockspace, async bool, ioTimeout time.Duration) error
	RemUnusedLockspace(ctx context.Context, l lease.Lockspace, async bool) error
	LockspaceStatus(ctx context.Context, lockspace string) (lease.LockspaceStatus, bool, error)
}

// DirectOptions are what a Direct monitor needs.
type DirectOptions struct {
	// Where returns what is read and the domain's own lockspace, as storage.Volumes has them; both may change when storage is
	// reconnected. An empty ids means that the domain has no lockspace to acquire: it then counts as acquired while it is watched.
	Where func() (metadata, ids string)
	// SDUUID is the domain's UUID, the name of its lockspace. Empty: nothing is acquired and any metadata will do.
	SDUUID string
	// Locks is the sanlock daemon; nil: nothing is acquired.
	Locks Locks
	// IOTimeout is sanlock's for the domain's lockspace, whole seconds; 0 = 10 s.
	IOTimeout time.Duration
	// Clock measures the delay; nil means the machine's.
	Clock clock.Clock
	// Read reads length bytes at the beginning of path; nil means directio.Read.
	Read func(path string, length int) ([]byte, error)
}

// Direct watches the domain by reading its metadata with O_DIRECT, and acquires the host id in the domain's lockspace itself.
type Direct struct {
	options DirectOptions
	hostID  int // 0 while nothing is watched
}

var _ Monitor = (*Direct)(nil)

// NewDirect returns a monitor that watches nothing yet.
func NewDirect(o DirectOptions) *Direct {
	if o.Clock == nil {
		o.Clock = clock.System()
	}
	if o.Read == nil {
		o.Read = func(path string, length int) ([]byte, error) { return directio.Read(path, 0, length) }
	}
	return &Direct{options: o}
}

// Start asks the sanlock daemon to acquire the host id in the domain's lockspace. A daemon that already holds it, for this monitor or for
// VDSM, is fine.
func (d *Direct) Start(ctx context.Context, hostID int) error {
	if hostID < 1 || hostID > 2000 {
		return fmt.Errorf("start domain monitor: host id %d, want 1 to 2000", hostID)
	}
	metadata, _ := d.options.Where()
	if metadata == "" {
		return errors.New("start domain monitor: no storage is connected, so there is nothing to watch")
	}
	if d.hostID != 0 && d.hostID != hostID {
		if err := d.Stop(ctx); err != nil {
			return err
		}
	}
	d.hostID = hostID
	if err := d.acquire(ctx); err != nil {
		return fmt.Errorf("start domain monitor: %w", err)
	}
	return nil
}

// Check reads and asks. A domain that cannot be read is an error as well as a fact; a sanlock daemon that does not answer only means that
// nothing is acquired.
func (d *Direct) Check(ctx context.Context) (Facts, error) {
	metadata, _ := d.options.Where()
	if metadata == "" {
		return Facts{Detail: "no storage is connected"}, errors.New("check domain: no storage is connected")
	}
	var f Facts
	began := d.options.Clock.Now()
	data, err := d.options.Read(metadata, readSize)
	f.Delay = d.options.Clock.Now().Sub(began)
	if err == nil {
		err = d.judge(metadata, data)
	}
	if err != nil {
		f.Detail = err.Error()
	}
	f.Valid = err == nil
	var why string
	f.Acquired, why = d.acquired(ctx)
	if f.Detail == "" {
		f.Detail = why
	}
	return f, err
}

// judge refuses metadata that cannot be this domain's.
func (d *Direct) judge(path string, data []byte) error {
	if len(data) == 0 {
		return fmt.Errorf("%s is empty: check that this is the domain's metadata", path)
	}
	const key = "SDUUID="
	for line := range bytes.Lines(data) {
		value, ok := bytes.CutPrefix(line, []byte(key))
		if ok && d.options.SDUUID != "" && string(bytes.TrimSpace(value)) != d.options.SDUUID {
			return fmt.Errorf("%s belongs to the storage domain %.64q, want %s: check what is mounted there", path, bytes.TrimSpace(value), d.options.SDUUID)
		}
	}
	return nil
}

// Stop gives the host id up, unless a process still holds a lease under it: then it is kept, as taking it away would kill that process.
func (d *Direct) Stop(ctx context.Context) error {
	l, ok := d.lockspace()
	d.hostID = 0
	if !ok {
		return nil
	}
	err := d.options.Locks.RemUnusedLockspace(ctx, l, true)
	switch {
	case errors.Is(err, lease.ErrNotFound), errors.Is(err, lease.ErrInProgress), errors.Is(err, lease.ErrBusy):
		return nil
	case err != nil:
		return fmt.Errorf("stop domain monitor: %w", err)
	}
	return nil
}

// lockspace is what is to be acquired; ok is false if nothing is.
func (d *Direct) lockspace() (l lease.Lockspace, ok bool) {
	_, ids := d.options.Where()
	if d.hostID == 0 || ids == "" || d.options.Locks == nil || d.options.SDUUID == "" {
		return lease.Lockspace{}, false
	}
	return lease.Lockspace{Name: d.options.SDUUID, HostID: uint64(d.hostID), Path: ids}, true
}

// acquire asks for the host id and does not wait for it.
func (d *Direct) acquire(ctx context.Context) error {
	l, ok := d.lockspace()
	if !ok {
		return nil
	}
	err := d.options.Locks.AddLockspace(ctx, l, true, d.options.IOTimeout)
	switch {
	case errors.Is(err, lease.ErrAlreadyHeld), errors.Is(err, lease.ErrInProgress), errors.Is(err, lease.ErrAgain):
		return nil
	}
	return err
}

// acquired says whether the host id is held, and if not, why. A host id that the daemon has dropped, or never got, is asked for again.
func (d *Direct) acquired(ctx context.Context) (held bool, why string) {
	l, ok := d.lockspace()
	if !ok {
		if d.hostID == 0 {
			return false, "the domain is not watched"
		}
		return true, ""
	}
	status, known, err := d.options.Locks.LockspaceStatus(ctx, l.Name)
	switch {
	case err != nil:
		return false, err.Error()
	case !known:
		if err := d.acquire(ctx); err != nil {
			return false, err.Error()
		}
		return false, fmt.Sprintf("acquiring host id %d in the domain's lockspace", d.hostID)
	case status.HostID != l.HostID:
		return false, fmt.Sprintf("this machine holds host id %d in the domain's lockspace, want %d: stop whoever took it, VDSM perhaps", status.HostID, d.hostID)
	case status.Lost:
		return false, "the host id in the domain's lockspace is lost"
	case status.Joining():
		return false, fmt.Sprintf("acquiring host id %d in the domain's lockspace", d.hostID)
	case !status.Held():
		return false, "the host id in the domain's lockspace is being given up"
	}
	return true, ""
}
