package lease

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"time"
)

// DefaultTimeout is the deadline of a command when Client.Timeout is 0.
const DefaultTimeout = 5 * time.Second

// DefaultSocket is where sanlock listens.
const DefaultSocket = "/run/sanlock/sanlock.sock"

// Client sends commands to one daemon, each on a connection of its own. Its zero value speaks to DefaultSocket with
// DefaultTimeout; it holds no state and may be copied and used by several goroutines.
type Client struct {
	Socket  string        // path of sanlock's socket, at most 107 bytes; "" = DefaultSocket
	Timeout time.Duration // of one command from connect to answer; 0 = DefaultTimeout
}

func (c Client) socket() string {
	if c.Socket == "" {
		return DefaultSocket
	}
	return c.Socket
}

func (c Client) fail(cmd command, kind Kind, err error) error {
	return &Error{Op: cmd.op, Subject: cmd.subject, Socket: c.socket(), Kind: kind, Err: err}
}

// failIO turns an error of a connection into one of the right kind.
func (c Client) failIO(ctx context.Context, cmd command, err error) error {
	switch {
	case ctx.Err() != nil:
		return c.fail(cmd, KindTimeout, context.Cause(ctx))
	case timedOut(ctx, err):
		return c.fail(cmd, KindTimeout, err)
	case errors.Is(err, errProtocol):
		return c.fail(cmd, KindProtocol, err)
	}
	return c.fail(cmd, KindClosed, err)
}

// deadline returns when cmd is given up.
func (c Client) deadline(ctx context.Context, waits bool) time.Time {
	timeout := c.Timeout
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	own := time.Now().Add(timeout)
	theirs, ok := ctx.Deadline()
	if ok && (waits || theirs.Before(own)) {
		return theirs
	}
	return own
}

// dial connects. A daemon that is busy has a full backlog and the kernel says EAGAIN at once; dial then tries again
// until the deadline.
func (c Client) dial(ctx context.Context, cmd command, deadline time.Time) (net.Conn, error) {
	dialer := net.Dialer{Deadline: deadline}
	pause := 5 * time.Millisecond
	for {
		conn, err := dialer.DialContext(ctx, "unix", c.socket())
		switch {
		case err == nil:
			return conn, nil
		case ctx.Err() != nil:
			return nil, c.fail(cmd, KindTimeout, context.Cause(ctx))
		case !errors.Is(err, syscall.EAGAIN):
			var timeout net.Error
			if errors.As(err, &timeout) && timeout.Timeout() {
				return nil, c.fail(cmd, KindTimeout, err)
			}
			return nil, c.fail(cmd, KindUnreachable, err)
		case !time.Now().Add(pause).Before(deadline):
			return nil, c.fail(cmd, KindTimeout, err)
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
		pause = min(2*pause, 100*time.Millisecond)
	}
}

// guard puts the deadline on conn and ends whatever it does when ctx ends. The caller must call the returned function.
func guard(ctx context.Context, conn net.Conn, deadline time.Time) (release func() bool) {
	_ = conn.SetDeadline(deadline) // fails only on a closed connection, and then so does what follows
	return context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
}

// open connects and sends cmd in one write. The connection is returned with its guard still on.
func (c Client) open(ctx context.Context, cmd command) (net.Conn, func() bool, error) {
	deadline := c.deadline(ctx, cmd.waits)
	conn, err := c.dial(ctx, cmd, deadline)
	if err != nil {
		return nil, nil, err
	}
	release := guard(ctx, conn, deadline)
	if _, err := conn.Write(cmd.bytes()); err != nil {
		release()
		conn.Close()
		return nil, nil, c.failIO(ctx, cmd, err)
	}
	return conn, release, nil
}

// roundTrip sends cmd on a connection of its own and returns the answer. A negative result is an error unless
// cmd.results is set.
func (c Client) roundTrip(ctx context.Context, cmd command) (reply, error) {
	conn, release, err := c.open(ctx, cmd)
	if err != nil {
		return reply{}, err
	}
	defer conn.Close()
	defer release()
	rep, err := readReply(conn)
	if err != nil {
		return reply{}, c.failIO(ctx, cmd, err)
	}
	return rep, c.check(cmd, rep)
}

// stream sends cmd and returns the answer with everything that the daemon sends until it closes the connection.
func (c Client) stream(ctx context.Context, cmd command) (reply, error) {
	conn, release, err := c.open(ctx, cmd)
	if err != nil {
		return reply{}, err
	}
	defer conn.Close()
	defer release()
	rep, _, err := readHeader(conn)
	if err != nil {
		return reply{}, c.failIO(ctx, cmd, err)
	}
	if err := c.check(cmd, rep); err != nil {
		return rep, err
	}
	rep.payload, err = io.ReadAll(io.LimitReader(conn, maxStream))
	if err != nil {
		return reply{}, c.failIO(ctx, cmd, err)
	}
	return rep, nil
}

func (c Client) check(cmd command, rep reply) error {
	if rep.number != cmd.number {
		return c.fail(cmd, KindProtocol, &mismatch{got: rep.number, want: cmd.number})
	}
	if rep.result < 0 && !cmd.results {
		return c.fail(cmd, KindResult, rep.result)
	}
	return nil
}
