package shell

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/broker"
	"github.com/holdfast-ha/holdfast/daemons/config"
	"github.com/holdfast-ha/holdfast/daemons/lane"
	"github.com/holdfast-ha/holdfast/daemons/lease"
)

// Sanlock is the part of sanlock's client that the broker uses; lease.Client has it.
type Sanlock interface {
	LockspaceStatus(ctx context.Context, name string) (status lease.LockspaceStatus, known bool, err error)
	AddLockspace(ctx context.Context, l lease.Lockspace, async bool, ioTimeout time.Duration) error
	RemUnusedLockspace(ctx context.Context, l lease.Lockspace, async bool) error
	WriteLockspace(ctx context.Context, l lease.Lockspace, ioTimeout time.Duration) error
}

// resetTimeout bounds the writing of a lockspace, which is 1 MiB.
const resetTimeout = time.Minute

// leaseLane talks to sanlock. Nothing of that waits for sanlock's storage: joining and leaving are only begun, and what
// becomes of them is asked for with STATUS, which sanlock answers from memory; only a reset waits for it. Who else holds the
// host id is read from the lockspace itself, in this lane too, because no other's judgement may depend on that volume; the
// core asks for it only while no lease is held and storage answers. (GetLockspaces would not do: it lists a lockspace
// that sanlock has given up as held until the processes in it are gone, and one that hangs on storage is never gone.)
type leaseLane struct {
	*lane.Lane
	sanlock   Sanlock
	lockspace lease.Lockspace // for the loop's goroutine only, as sector is
	sector    int             // bytes
	alignMiB  int             // of the lockspace
	ioTimeout time.Duration
	timeout   time.Duration // of one command
	observed  broker.LeaseObserved

	// within bounds one command. It does not end with the broker's own context, because a release must get through
	// while the broker ends.
	within func(limit time.Duration) (context.Context, context.CancelFunc)
}

func newLeaseLane(ctx context.Context, sanlock Sanlock, cfg config.Config, in *inbox) *leaseLane {
	l := &leaseLane{
		sanlock:   sanlock,
		lockspace: lease.Lockspace{Name: cfg.LockspaceName, HostID: uint64(cfg.HostID), Path: cfg.LockspacePath}, //nolint:gosec // 1 to 2000
		sector:    512, alignMiB: max(cfg.LockspaceAlign, 1), ioTimeout: cfg.IOTimeout, timeout: cfg.Timing.LeaseTimeout,
	}
	l.within = func(limit time.Duration) (context.Context, context.CancelFunc) {
		return context.WithTimeout(context.WithoutCancel(ctx), limit)
	}
	l.Lane = lane.New(broker.LeaseLane, func(d lane.Done) {
		observed := l.observed
		observed.Err, observed.Started, observed.Ended = d.Err, d.Started, d.Ended
		in.push(observed)
	})
	return l
}

// run starts an operation; false if the lane is busy or closed.
func (l *leaseLane) run(op broker.LeaseOp) bool {
	lockspace, sector := l.lockspace, l.sector
	return l.Start(lane.Request{Op: laneOp(op), Segment: lane.NoSegment, Run: func() error {
		l.observed = broker.LeaseObserved{Op: op}
		limit := l.timeout
		if op == broker.LeaseReset {
			limit = resetTimeout
		}
		ctx, cancel := l.within(limit)
		defer cancel()
		err := l.do(ctx, lockspace, sector, op)
		// A look at storage says nothing about the daemon: there it is the lockspace that does not exist.
		gone := op != broker.LeaseExamine && (errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist))
		if gone {
			return fmt.Errorf("%w: %w", broker.ErrSanlockGone, err)
		}
		if errors.Is(err, lease.ErrHostIDHeld) {
			return fmt.Errorf("%w: %w", broker.ErrHostIDTaken, err)
		}
		return err
	}})
}

// use takes the lockspace to be at path from the next operation on.
func (l *leaseLane) use(path string, sector int) {
	if path != "" {
		l.lockspace.Path = path
	}
	if sector != 0 {
		l.sector = sector
	}
}

func laneOp(op broker.LeaseOp) lane.Op {
	switch op {
	case broker.LeaseJoin:
		return lane.OpLeaseJoin
	case broker.LeaseLeave:
		return lane.OpLeaseLeave
	case broker.LeaseReset:
		return lane.OpLeaseInit
	case broker.LeaseExamine:
		return lane.OpReadBack
	case broker.LeasePoll:
	}
	return lane.OpLease
}

func (l *leaseLane) do(ctx context.Context, lockspace lease.Lockspace, sector int, op broker.LeaseOp) error {
	switch op {
	case broker.LeaseJoin:
		err := l.sanlock.AddLockspace(ctx, lockspace, true, l.ioTimeout)
		if errors.Is(err, lease.ErrAlreadyHeld) || errors.Is(err, lease.ErrInProgress) {
			return nil
		}
		return err
	case broker.LeaseLeave:
		return l.leave(ctx, lockspace)
	case broker.LeaseReset:
		return l.reset(ctx, lockspace, sector)
	case broker.LeaseExamine:
		return l.examine(lockspace)
	case broker.LeasePoll:
	}
	seen, err := l.poll(ctx, lockspace)
	l.observed.Seen = seen
	return err
}

// examine reads from storage who holds this host id.
func (l *leaseLane) examine(lockspace lease.Lockspace) error {
	record, err := lease.ReadDeltaLease(lockspace.Path, int(lockspace.HostID)) //nolint:gosec // 1 to 2000
	if err != nil {
		return err
	}
	l.observed.Owner = broker.LeaseOwner{Name: record.OwnerName, Timestamp: record.Timestamp, Generation: record.Generation}
	return nil
}

// poll asks what sanlock knows of the lockspace.
func (l *leaseLane) poll(ctx context.Context, lockspace lease.Lockspace) (broker.LeaseSeen, error) {
	s, known, err := l.sanlock.LockspaceStatus(ctx, lockspace.Name)
	switch {
	case err != nil:
		return broker.SeenAbsent, err
	case !known:
		return broker.SeenAbsent, nil
	case s.HostID != lockspace.HostID || s.Path != lockspace.Path || s.Offset != lockspace.Offset:
		return broker.SeenOther, nil
	case s.Joining():
		return broker.SeenAdding, nil
	case !s.Safe():
		return broker.SeenRemoving, nil
	}
	return broker.SeenHeld, nil
}

// leave begins to remove the lockspace, unless a registered process holds a lease in it: sanlock would kill that
// process, which is the engine.
func (l *leaseLane) leave(ctx context.Context, lockspace lease.Lockspace) error {
	err := l.sanlock.RemUnusedLockspace(ctx, lockspace, true)
	switch {
	case errors.Is(err, lease.ErrBusy):
		return fmt.Errorf("%w: a process holds a resource in it: %w", broker.ErrLeaseInUse, err)
	case errors.Is(err, lease.ErrNotFound), errors.Is(err, lease.ErrInProgress):
		return nil
	}
	return err
}

// reset writes an empty lockspace. Hosted-engine lockspaces have areas of 1 MiB, unless lockspace_align says otherwise.
func (l *leaseLane) reset(ctx context.Context, fresh lease.Lockspace, sector int) error {
	fresh.HostID = 0
	flags, _, err := lease.Geometry(sector, l.alignMiB)
	if err != nil {
		return err
	}
	fresh.Flags = flags
	return l.sanlock.WriteLockspace(ctx, fresh, l.ioTimeout)
}
