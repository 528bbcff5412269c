package brokerlink

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"

	"github.com/holdfast-ha/holdfast/daemons/xmlrpc"
)

// Kind says what sort of failure an Error is. Code switches on it; people read the text.
type Kind string

// The kinds of failure of a call.
const (
	KindDown     Kind = "down"     // nobody serves the socket
	KindTimeout  Kind = "timeout"  // no full answer within the deadline
	KindBusy     Kind = "busy"     // the broker refuses further clients for now
	KindDenied   Kind = "denied"   // the socket's mode or owner forbids it
	KindFault    Kind = "fault"    // the broker has no such method or did not understand
	KindProtocol Kind = "protocol" // the answer is not what this method answers
	KindArgument Kind = "argument" // the arguments cannot be sent; a defect of the caller
	KindEnded    Kind = "ended"    // the connection broke, or the caller's context was cancelled
)

// Error is a failed call.
type Error struct {
	Op     string // the method
	Socket string
	Kind   Kind
	Cause  error
}

// Error returns the operation, the socket, the cause and what to do.
func (e *Error) Error() string {
	return fmt.Sprintf("broker call %s on %s: %s: %v; %s", e.Op, e.Socket, e.Kind, e.Cause, e.Kind.remedy())
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

func (k Kind) remedy() string {
	switch k {
	case KindDown:
		return "check that the broker runs (systemctl status ovirt-ha-broker) and serves this path"
	case KindTimeout:
		return "the broker is stopped or overloaded: check its process and its log"
	case KindBusy:
		return "the broker has as many clients as max_clients allows: find who keeps connections open"
	case KindDenied:
		return "check the owner and mode of the socket and its directory, and the caller's user and group"
	case KindFault:
		return "the broker is older than this client, or another server listens there: compare their versions"
	case KindProtocol:
		return "the broker and this client do not fit: compare their versions"
	case KindArgument:
		return "this is a defect of the caller: report it"
	}
	return "the broker may be restarting: try again"
}

// KindOf returns the kind of a Link's error, or "" for others.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return ""
}

func (l *Link) failed(method string, err error) error {
	return &Error{Op: method, Socket: l.socket, Kind: classify(err), Cause: err}
}

func classify(err error) Kind {
	var fault *xmlrpc.Fault
	var status *xmlrpc.StatusError
	var syntax *xmlrpc.SyntaxError
	var value *xmlrpc.ValueError
	var argument *xmlrpc.ArgumentError
	var network net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return KindEnded
	case errors.As(err, &fault):
		return KindFault
	case errors.As(err, &status):
		if status.Status == 503 {
			return KindBusy
		}
		return KindProtocol
	case errors.As(err, &syntax), errors.As(err, &argument):
		return KindProtocol
	case errors.As(err, &value):
		return KindArgument
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return KindDown
	case errors.Is(err, fs.ErrPermission):
		return KindDenied
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return KindTimeout
	case errors.Is(err, syscall.EAGAIN):
		return KindTimeout
	}
	return KindEnded
}
