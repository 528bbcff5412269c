package lease

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

const thisConnection = 0xffffffff

// Restriction limits what the daemon does to a registered process.
type Restriction uint32

// Bits of Restriction.
const (
	RestrictAll     Restriction = 1 // no further commands from this process
	RestrictSIGKILL Restriction = 2 // never SIGKILL
	RestrictSIGTERM Restriction = 4 // never SIGTERM
)

// Registered is this process's own standing connection to the daemon. The leases acquired over it belong to the
// connection: when it ends, by Close, exit or crash, the daemon releases them.
//
// One command at a time; a second caller waits its turn. After a command that got no answer in time the daemon may
// still be at it and refuses the next one with ErrBusy; a late answer is recognised and dropped.
type Registered struct {
	client  Client
	conn    net.Conn
	turn    chan struct{} // one token: the right to send
	replies chan reply
	gone    chan struct{} // closed when the connection has ended
	seq     uint32        // guarded by turn
	cause   error         // set before gone is closed
}

// Register connects and registers the calling process; the daemon takes its pid from the socket. From here on the
// daemon signals this process when a lockspace that it uses is lost: never call it from a process that must not die.
// The command has no answer; whether it worked shows with the first Acquire or Inquire.
func (c Client) Register(ctx context.Context) (*Registered, error) {
	conn, release, err := c.open(ctx, command{op: "register", number: cmdRegister})
	if err != nil {
		return nil, err
	}
	if !release() {
		conn.Close()
		return nil, c.fail(command{op: "register"}, KindTimeout, context.Cause(ctx))
	}
	_ = conn.SetDeadline(time.Time{}) // fails only on a closed connection, and then so does what follows
	r := &Registered{
		client: c, conn: conn,
		turn: make(chan struct{}, 1), replies: make(chan reply, 1), gone: make(chan struct{}),
	}
	r.turn <- struct{}{}
	go r.receive()
	return r, nil
}

// receive reads answers until the connection ends; Close ends it. An answer that nobody waits for any more makes room
// for the next.
func (r *Registered) receive() {
	for {
		rep, err := readReply(r.conn)
		if err != nil {
			r.cause = err
			close(r.gone)
			r.conn.Close()
			return
		}
		select {
		case <-r.replies:
		default:
		}
		r.replies <- rep
	}
}

// Gone is closed when the connection has ended: the daemon died or was shut down, or Close was called. The leases are
// no longer protected from then on.
func (r *Registered) Gone() <-chan struct{} { return r.gone }

// Close ends the registration; the daemon releases what this process holds.
func (r *Registered) Close() error {
	err := r.conn.Close()
	<-r.gone
	if errors.Is(err, net.ErrClosed) { // it had ended before
		return nil
	}
	return err
}

func (r *Registered) roundTrip(ctx context.Context, cmd command) (reply, error) {
	deadline := r.client.deadline(ctx, cmd.waits)
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	select {
	case <-r.turn:
		defer func() { r.turn <- struct{}{} }()
	case <-r.gone:
		return reply{}, r.ended(cmd)
	case <-ctx.Done():
		return reply{}, r.client.fail(cmd, KindTimeout, context.Cause(ctx))
	}
	r.seq++
	cmd.seq = r.seq
	if err := r.conn.SetWriteDeadline(deadline); err == nil {
		_, err = r.conn.Write(cmd.bytes())
		if err != nil {
			// Part of a request may be in the daemon's buffer; nothing that follows would be understood.
			r.conn.Close()
			return reply{}, r.client.failIO(ctx, cmd, err)
		}
	}
	for {
		select {
		case rep := <-r.replies:
			if rep.seq != cmd.seq {
				continue
			}
			return rep, r.client.check(cmd, rep)
		case <-r.gone:
			return reply{}, r.ended(cmd)
		case <-ctx.Done():
			return reply{}, r.client.fail(cmd, KindTimeout, context.Cause(ctx))
		}
	}
}

// ended is the error of a command that finds the connection gone.
func (r *Registered) ended(cmd command) error {
	kind := KindClosed
	if errors.Is(r.cause, errProtocol) {
		kind = KindProtocol
	}
	return r.client.fail(cmd, kind, r.cause)
}

// AcquireOptions are the ways to acquire.
type AcquireOptions struct {
	// NoWait: do not wait for the daemon to find out whether an owner that was not watched long enough is alive. The
	// answer is then ErrOwnedRetry; ask again.
	NoWait bool
}

// Acquire takes all the resources or none. It may wait: for an owner that does not renew any more until it is dead (8
// io timeouts and 60 s), bounded by ctx. ErrHeldElsewhere when a living host holds one, ErrNoLockspace when the
// lockspace is not held, ErrBusy when an earlier command of this process is still under way.
func (r *Registered) Acquire(ctx context.Context, options AcquireOptions, resources ...Resource) error {
	cmd := command{op: "acquire", number: cmdAcquire, data: uint32(len(resources)), data2: thisConnection, waits: true}
	if options.NoWait {
		cmd.flags = 8
	}
	if err := r.appendResources(&cmd, resources, true); err != nil {
		return err
	}
	cmd.payload = append(cmd.payload, make([]byte, optionsSize)...)
	_, err := r.roundTrip(ctx, cmd)
	return err
}

// Release gives the resources back, by their names; without any it gives back all. ErrNotHeldByYou when one is not
// held. It writes to storage and waits for it, bounded by ctx.
func (r *Registered) Release(ctx context.Context, resources ...Resource) error {
	cmd := command{op: "release", number: cmdRelease, data: uint32(len(resources)), data2: thisConnection, waits: true}
	if len(resources) == 0 {
		cmd.flags = 1
		cmd.subject = "all"
	} else if err := r.appendResources(&cmd, resources, false); err != nil {
		return err
	}
	_, err := r.roundTrip(ctx, cmd)
	return err
}

func (r *Registered) appendResources(cmd *command, resources []Resource, withDisks bool) error {
	if len(resources) == 0 || len(resources) > MaxResources {
		return r.client.fail(*cmd, KindRequest, fmt.Errorf("%d resources, want 1 to %d", len(resources), MaxResources))
	}
	for i, resource := range resources {
		if i > 0 {
			cmd.subject += " "
		}
		cmd.subject += resource.String()
		var err error
		if cmd.payload, err = appendResource(cmd.payload, resource, withDisks); err != nil {
			return r.client.fail(*cmd, KindRequest, err)
		}
	}
	return nil
}

// Inquire returns the leases that this process holds, with their versions.
func (r *Registered) Inquire(ctx context.Context) ([]Resource, error) {
	cmd := command{op: "inquire", number: cmdInquire, data2: thisConnection}
	rep, err := r.roundTrip(ctx, cmd)
	if err != nil {
		return nil, err
	}
	list, err := parseHeld(text(rep.payload))
	if err != nil {
		return nil, r.client.fail(cmd, KindProtocol, err)
	}
	return list, nil
}

// Restrict limits what the daemon does to this process.
func (r *Registered) Restrict(ctx context.Context, restriction Restriction) error {
	_, err := r.roundTrip(ctx, command{
		op: "restrict", number: cmdRestrict, flags: uint32(restriction), data2: thisConnection,
	})
	return err
}
