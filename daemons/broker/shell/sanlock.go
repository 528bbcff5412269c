package shell

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/broker"
	"github.com/holdfast-ha/holdfast/daemons/lane"
	"github.com/holdfast-ha/holdfast/daemons/lease"
)

// Sanlock is the part of sanlock's client that the broker uses; lease.Client has it.
type Sanlock interface {
	GetLockspaces(ctx context.Context) ([]lease.Lockspace, error)
	AddLockspace(ctx context.Context, l lease.Lockspace, async bool, ioTimeout time.Duration) error
	RemLockspace(ctx context.Context, l lease.Lockspace, async bool) error
	WriteLockspace(ctx context.Context, l lease.Lockspace, ioTimeout time.Duration) error
	Status(ctx context.Context) ([]lease.State, error)
}

// resetTimeout bounds the writing of a lockspace, which is 1 MiB.
const resetTimeout = time.Minute

// leaseLane talks to sanlock. Nothing here waits for sanlock's storage: joining and leaving are only begun, and what
// becomes of them is asked for with GetLockspaces, which sanlock answers from memory.
type leaseLane struct {
	*lane.Lane
	sanlock   Sanlock
	lockspace lease.Lockspace
	ioTimeout time.Duration
	timeout   time.Duration // of one command
	observed  broker.LeaseObserved

	// within bounds one command. It does not end with the broker's own context, because a release must get through
	// while the broker ends.
	within func(limit time.Duration) (context.Context, context.CancelFunc)
}

func newLeaseLane(ctx context.Context, sanlock Sanlock, lockspace lease.Lockspace, ioTimeout, timeout time.Duration, in *inbox) *leaseLane {
	l := &leaseLane{sanlock: sanlock, lockspace: lockspace, ioTimeout: ioTimeout, timeout: timeout}
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
	return l.Start(lane.Request{Op: laneOp(op), Segment: lane.NoSegment, Run: func() error {
		l.observed = broker.LeaseObserved{Op: op}
		limit := l.timeout
		if op == broker.LeaseReset {
			limit = resetTimeout
		}
		ctx, cancel := l.within(limit)
		defer cancel()
		err := l.do(ctx, op)
		if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: %w", broker.ErrSanlockGone, err)
		}
		return err
	}})
}

func laneOp(op broker.LeaseOp) lane.Op {
	switch op {
	case broker.LeaseJoin:
		return lane.OpLeaseJoin
	case broker.LeaseLeave:
		return lane.OpLeaseLeave
	case broker.LeaseReset:
		return lane.OpLeaseInit
	case broker.LeasePoll:
	}
	return lane.OpLease
}

func (l *leaseLane) do(ctx context.Context, op broker.LeaseOp) error {
	switch op {
	case broker.LeaseJoin:
		err := l.sanlock.AddLockspace(ctx, l.lockspace, true, l.ioTimeout)
		if errors.Is(err, lease.ErrAlreadyHeld) || errors.Is(err, lease.ErrInProgress) {
			return nil
		}
		return err
	case broker.LeaseLeave:
		return l.leave(ctx)
	case broker.LeaseReset:
		return l.reset(ctx)
	case broker.LeasePoll:
	}
	seen, err := l.poll(ctx)
	l.observed.Seen = seen
	return err
}

// poll asks how sanlock lists the lockspace.
func (l *leaseLane) poll(ctx context.Context) (broker.LeaseSeen, error) {
	list, err := l.sanlock.GetLockspaces(ctx)
	if err != nil {
		return broker.SeenAbsent, err
	}
	for _, ls := range list {
		same := ls.Name == l.lockspace.Name && ls.HostID == l.lockspace.HostID && ls.Path == l.lockspace.Path && ls.Offset == l.lockspace.Offset
		switch {
		case !same && ls.Name != l.lockspace.Name:
		case !same:
			return broker.SeenOther, nil
		case ls.Joining():
			return broker.SeenAdding, nil
		case ls.Leaving():
			return broker.SeenRemoving, nil
		default:
			return broker.SeenHeld, nil
		}
	}
	return broker.SeenAbsent, nil
}

// leave begins to remove the lockspace, unless a registered process holds a lease in it: sanlock would kill that
// process, which is the engine.
func (l *leaseLane) leave(ctx context.Context) error {
	states, err := l.sanlock.Status(ctx)
	if err != nil {
		return err
	}
	for _, s := range states {
		if s.Type == lease.StateResource && s.Resource != nil && s.Resource.Lockspace == l.lockspace.Name {
			return fmt.Errorf("%w: process %d holds %s in it", broker.ErrLeaseInUse, s.Data32, s.Resource.Name)
		}
	}
	err = l.sanlock.RemLockspace(ctx, l.lockspace, true)
	if errors.Is(err, lease.ErrNotFound) || errors.Is(err, lease.ErrInProgress) {
		return nil
	}
	return err
}

// reset writes an empty lockspace. Hosted-engine lockspaces have areas of 1 MiB.
func (l *leaseLane) reset(ctx context.Context) error {
	fresh := l.lockspace
	fresh.HostID = 0
	flags, _, err := lease.Geometry(512, 1)
	if err != nil {
		return err
	}
	fresh.Flags = flags
	return l.sanlock.WriteLockspace(ctx, fresh, l.ioTimeout)
}
