package lease

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// Kind tells errors apart by what to do about them.
type Kind uint8

// Kinds of Error.
const (
	KindRequest     Kind = iota + 1 // the request cannot be sent as it is: a name too long, no disk, ...
	KindUnreachable                 // no daemon behind the socket, or it refused the connection
	KindTimeout                     // no answer before the deadline, or the caller's context ended
	KindProtocol                    // the peer answered something that is not sanlock's protocol
	KindClosed                      // the connection ended before the answer, or was closed here
	KindResult                      // the daemon answered with a Result
)

// String returns the kind's name.
func (k Kind) String() string {
	switch k {
	case KindRequest:
		return "bad request"
	case KindUnreachable:
		return "unreachable"
	case KindTimeout:
		return "timeout"
	case KindProtocol:
		return "protocol"
	case KindClosed:
		return "connection closed"
	case KindResult:
		return "refused"
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Error is every error of this package: which command, on what, through which socket, of what kind and why. The
// cause is a Result when Kind is KindResult.
type Error struct {
	Op      string // the command, for example "add_lockspace"
	Subject string // lockspace or resource, in sanlock's notation; may be empty
	Socket  string
	Kind    Kind
	Err     error
}

// Error returns operation, subject, socket, kind, cause and remedy in one line.
func (e *Error) Error() string {
	s := "sanlock " + e.Op
	if e.Subject != "" {
		s += " " + e.Subject
	}
	s += fmt.Sprintf(" (%s): %s: %v", e.Socket, e.Kind, e.Err)
	if remedy := e.remedy(); remedy != "" {
		s += "; " + remedy
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func (e *Error) remedy() string {
	switch e.Kind {
	case KindUnreachable:
		return "check that sanlock runs and that this user may use its socket"
	case KindTimeout:
		if errors.Is(e.Err, context.Canceled) {
			return ""
		}
		return "sanlock is stopped or all its workers wait for storage; look at the storage first"
	case KindProtocol:
		return "check that sanlock, and nothing else, listens on that socket"
	case KindResult:
		var r Result
		if errors.As(e.Err, &r) {
			return r.remedy()
		}
	}
	return ""
}

// ResultOf returns the daemon's result inside err, if there is one.
func ResultOf(err error) (Result, bool) {
	var r Result
	ok := errors.As(err, &r)
	return r, ok
}

// timedOut says whether a connection's error means that its deadline passed or its context ended.
func timedOut(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, os.ErrDeadlineExceeded)
}

// mismatch is an answer to another command than the one that was asked.
type mismatch struct{ got, want uint32 }

func (m *mismatch) Error() string {
	return fmt.Sprintf("answer to command %d, want %d", m.got, m.want)
}

func (m *mismatch) Unwrap() error { return errProtocol }
