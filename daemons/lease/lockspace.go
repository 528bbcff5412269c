package lease

import (
	"context"
	"fmt"
	"time"
)

// Flags of add_lockspace and rem_lockspace.
const (
	flagAsync  = 1
	flagUnused = 2 // rem_lockspace only
)

// Version returns the daemon's version. It is answered at once, also while storage hangs: the cheapest sign of life.
func (c Client) Version(ctx context.Context) (Version, error) {
	rep, err := c.roundTrip(ctx, command{op: "version", number: cmdVersion})
	if err != nil {
		return Version{}, err
	}
	return Version{
		Major: int(rep.data2 >> 24), Minor: int(rep.data2 >> 16 & 0xff), Patch: int(rep.data2 >> 8 & 0xff),
		Protocol: int(rep.version),
	}, nil
}

// lockspaceCommand builds a command that carries one lockspace.
func (c Client) lockspaceCommand(op string, number uint32, l Lockspace) (command, error) {
	cmd := command{op: op, subject: l.String(), number: number}
	var err error
	if cmd.payload, err = appendLockspace(nil, l); err != nil {
		return cmd, c.fail(cmd, KindRequest, err)
	}
	return cmd, nil
}

// WriteLockspace initialises the area of l: every host id free, whoever holds one loses it. It writes a whole area
// (1 MiB for Sector512|Align1M) and blocks as long as the storage does. Flags come from Geometry; without flags
// sanlock looks at the path. ioTimeout is stored in the records; whole seconds, 0 = 10 s. It waits for the end, bounded by
// ctx, or by Client.Timeout when ctx has no deadline: sanlock goes on writing when nobody waits any more.
//
// It must not run while any host of the cluster holds or joins the lockspace; sanlock does not check that.
func (c Client) WriteLockspace(ctx context.Context, l Lockspace, ioTimeout time.Duration) error {
	cmd, err := c.lockspaceCommand("write_lockspace", cmdWriteLockspace, l)
	if err != nil {
		return err
	}
	if cmd.data2, err = wholeSeconds(ioTimeout); err != nil {
		return c.fail(cmd, KindRequest, err)
	}
	cmd.waits = true
	_, err = c.roundTrip(ctx, cmd)
	return err
}

// ReadLockspace reads the record of l.HostID (0 = 1) from storage. l.Name may be empty. It returns what the area says
// about itself and the io timeout of that record. ErrNotFormatted when nothing is there.
func (c Client) ReadLockspace(ctx context.Context, l Lockspace) (Lockspace, time.Duration, error) {
	cmd, err := c.lockspaceCommand("read_lockspace", cmdReadLockspace, l)
	if err != nil {
		return Lockspace{}, 0, err
	}
	rep, err := c.roundTrip(ctx, cmd)
	if err != nil {
		return Lockspace{}, 0, err
	}
	found, err := parseLockspace(rep.payload)
	if err != nil {
		return Lockspace{}, 0, c.fail(cmd, KindProtocol, err)
	}
	return found, time.Duration(rep.data2) * time.Second, nil
}

// AddLockspace joins l: it takes the host id's delta lease and keeps it renewed. ioTimeout T is whole seconds, 0 =
// 10 s; joining takes 2T+1 s when the host id is free or was this host's before, and 10T+60 s when another name held
// it and died.
//
// With async it returns as soon as the daemon has accepted; GetLockspaces then shows l as Joining, and after that as
// Held or no longer at all. Without async it waits for the result, bounded by ctx.
//
// Errors: ErrAlreadyHeld (the same is held: fine), ErrInProgress (the same is being added), ErrAgain (the same is
// being removed), ErrInvalid (name or path is in use with another host id), ErrNoDevice (cannot open the path),
// ErrHostIDHeld, ErrNotFormatted, ErrLockspaceName. With async those that need storage never come back; the lockspace
// vanishes from GetLockspaces instead.
func (c Client) AddLockspace(ctx context.Context, l Lockspace, async bool, ioTimeout time.Duration) error {
	cmd, err := c.lockspaceCommand("add_lockspace", cmdAddLockspace, l)
	if err != nil {
		return err
	}
	if l.HostID == 0 {
		return c.fail(cmd, KindRequest, fmt.Errorf("host id 0, want 1 or more"))
	}
	if cmd.data, err = wholeSeconds(ioTimeout); err != nil {
		return c.fail(cmd, KindRequest, err)
	}
	cmd.waits = !async
	if async {
		cmd.flags = flagAsync
	}
	_, err = c.roundTrip(ctx, cmd)
	return err
}

// RemLockspace leaves l and frees its host id. Registered processes that hold leases in it get SIGKILL first, with no
// SIGTERM before it; see RemUnusedLockspace. With async it returns at once; GetLockspaces shows l as Leaving from the
// daemon's next round on (up to 1 s later; until then it still looks held) until it is gone (1 to 3 s when idle, for
// ever while storage hangs). ErrNotFound when it is not known, ErrInProgress when it is already on its way out.
func (c Client) RemLockspace(ctx context.Context, l Lockspace, async bool) error {
	return c.remLockspace(ctx, l, async, 0)
}

// RemUnusedLockspace is RemLockspace that refuses with ErrBusy while a registered process holds a lease in l.
func (c Client) RemUnusedLockspace(ctx context.Context, l Lockspace, async bool) error {
	return c.remLockspace(ctx, l, async, flagUnused)
}

func (c Client) remLockspace(ctx context.Context, l Lockspace, async bool, flags uint32) error {
	cmd, err := c.lockspaceCommand("rem_lockspace", cmdRemLockspace, l)
	if err != nil {
		return err
	}
	cmd.flags = flags
	cmd.waits = !async
	if async {
		cmd.flags |= flagAsync
	}
	_, err = c.roundTrip(ctx, cmd)
	return err
}

// GetLockspaces lists what the daemon holds, joins or leaves. It is answered from memory, also while storage hangs. It
// tells a join that is over from one that is not; a loss shows late, see LockspaceStatus.
func (c Client) GetLockspaces(ctx context.Context) ([]Lockspace, error) {
	cmd := command{op: "get_lockspaces", number: cmdGetLockspaces}
	rep, err := c.roundTrip(ctx, cmd)
	if err != nil {
		return nil, err
	}
	list, err := parseLockspaces(rep.payload, rep.data2)
	if err != nil {
		return nil, c.fail(cmd, KindProtocol, err)
	}
	return list, nil
}

// GetHosts tells what the daemon has seen of the hosts in a lockspace that it holds; hostID 0 asks for all that ever
// joined. It is answered from memory. ErrAgain directly after joining, before the first look; ErrNotFound when the
// lockspace is not held.
func (c Client) GetHosts(ctx context.Context, lockspace string, hostID uint64) ([]Host, error) {
	cmd, err := c.lockspaceCommand("get_hosts", cmdGetHosts, Lockspace{Name: lockspace, HostID: hostID})
	if err != nil {
		return nil, err
	}
	cmd.subject = lockspace
	rep, err := c.roundTrip(ctx, cmd)
	if err != nil {
		return nil, err
	}
	hosts, err := parseHosts(rep.payload, rep.data2)
	if err != nil {
		return nil, c.fail(cmd, KindProtocol, err)
	}
	return hosts, nil
}

// InqLockspace asks whether l is held; name, host id, path and offset must all match. With wait it waits, bounded by
// ctx, until a change is over.
//
// Not for watching: the daemon answers it from the pool of threads that hung storage uses up. LockspaceStatus
// tells more and always answers.
func (c Client) InqLockspace(ctx context.Context, l Lockspace, wait bool) (Membership, error) {
	cmd, err := c.lockspaceCommand("inq_lockspace", cmdInqLockspace, l)
	if err != nil {
		return NotHeld, err
	}
	cmd.results = true
	cmd.waits = wait
	if wait {
		cmd.flags = 1
	}
	rep, err := c.roundTrip(ctx, cmd)
	if err != nil {
		return NotHeld, err
	}
	switch {
	case rep.result >= 0:
		return Held, nil
	case rep.result == ErrNotFound:
		return NotHeld, nil
	case rep.result == ErrInProgress:
		return Changing, nil
	}
	return NotHeld, c.fail(cmd, KindResult, rep.result)
}

// Shutdown ends the daemon. Without force it refuses silently while lockspaces are held; with force it kills the
// registered processes and leaves all lockspaces first. It returns when the daemon has closed the connection, which
// is before the process has ended.
func (c Client) Shutdown(ctx context.Context, force bool) error {
	cmd := command{op: "shutdown", number: cmdShutdown}
	if force {
		cmd.data = 1
	}
	conn, release, err := c.open(ctx, cmd)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer release()
	var b [headerSize]byte
	if _, err := conn.Read(b[:]); err != nil && timedOut(ctx, err) {
		return c.failIO(ctx, cmd, err)
	}
	return nil
}
