// Package wire asks storage servers, in their own protocols and with a deadline, whether they answer: an ONC-RPC NULL call
// for NFS, a login and a NOP-Out for iSCSI. Each probe is one short connection of its own.
//
// The probes are what a fault proves itself with, so they tell silence apart from every other failure: a server that is
// paused, or behind a path that drops packets, is silent (ErrSilent); a server that is gone refuses (ErrRefused).
// Public client libraries cannot be used for this: the NFS client at hand has no deadline and deadlocks when a reply takes
// longer than five seconds.
package wire

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"
)

// DefaultTimeout bounds a probe whose context has no earlier deadline and whose own Timeout is 0.
const DefaultTimeout = 2 * time.Second

// Reasons why a probe was not answered as it should. They are matched with errors.Is.
var (
	// ErrSilent: no connection, or a connection and no answer, until the deadline.
	ErrSilent = errors.New("no answer before the deadline")
	// ErrRefused: the connection was refused or reset, closed early, or there is no route.
	ErrRefused = errors.New("connection refused or broken")
	// ErrRejected: the server answered, and the answer is no (unknown program, unknown target, login failure).
	ErrRejected = errors.New("the server answered with a refusal")
	// ErrMalformed: bytes came back that are not the protocol asked for.
	ErrMalformed = errors.New("malformed answer")
)

// Prober sends one request to a server. A nil error means that the server answered, after the returned time; an error that
// wraps ErrSilent means that it did not answer until the deadline. Implementations may run the probe elsewhere, for
// instance in another network namespace, and must then keep this meaning of the error.
type Prober interface {
	Probe(ctx context.Context) (time.Duration, error)
}

// Error is the failure of a probe: what was asked, of whom, and why it failed. Reason is one of the Err values above.
type Error struct {
	Op     string // "rpc null", "iscsi login", "iscsi nop"
	Addr   string // host:port
	Reason error
	Cause  error // may be nil
}

func (e *Error) Error() string {
	switch {
	case e.Cause == nil:
		return fmt.Sprintf("%s %s: %v", e.Op, e.Addr, e.Reason)
	case errors.Is(e.Cause, e.Reason): // the cause names the reason itself
		return fmt.Sprintf("%s %s: %v", e.Op, e.Addr, e.Cause)
	}
	return fmt.Sprintf("%s %s: %v: %v", e.Op, e.Addr, e.Reason, e.Cause)
}

// Unwrap lets errors.Is see both the reason and the cause.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Reason}
	}
	return []error{e.Reason, e.Cause}
}

// exchange dials addr, runs talk on the connection under one deadline for everything, and measures the time.
func exchange(ctx context.Context, op, addr string, timeout time.Duration, talk func(net.Conn) error) (time.Duration, error) {
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	start := time.Now()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return time.Since(start), failure(op, addr, err)
	}
	defer conn.Close()
	// One watcher ends the connection when the context does, be it by deadline or by cancellation.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := talk(conn); err != nil {
		return time.Since(start), failure(op, addr, err)
	}
	return time.Since(start), nil
}

// failure sorts an error of the network, or of a codec, into one of the reasons.
func failure(op, addr string, err error) error {
	var e *Error
	if errors.As(err, &e) {
		return err
	}
	reason := ErrRefused
	var timeout net.Error
	switch {
	case errors.Is(err, ErrMalformed):
		return &Error{Op: op, Addr: addr, Reason: ErrMalformed, Cause: err}
	case errors.Is(err, ErrRejected):
		return &Error{Op: op, Addr: addr, Reason: ErrRejected, Cause: err}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.Canceled),
		errors.Is(err, syscall.ETIMEDOUT), errors.As(err, &timeout) && timeout.Timeout():
		reason = ErrSilent
	}
	return &Error{Op: op, Addr: addr, Reason: reason, Cause: err}
}
