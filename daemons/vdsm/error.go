package vdsm

import (
	"errors"
	"fmt"
)

// Kind says what sort of failure an Error is. Code switches on it; people read the text.
type Kind string

// The kinds of failure.
const (
	KindDown     Kind = "down"     // nobody listens at the address
	KindTimeout  Kind = "timeout"  // no answer within the deadline
	KindTLS      Kind = "tls"      // certificates cannot be read or do not fit
	KindProtocol Kind = "protocol" // the peer sent what is not VDSM's protocol, or a result of another shape
	KindBusy     Kind = "busy"     // as many calls as may be under way are
	KindArgument Kind = "argument" // the call cannot be sent; a defect of the caller
	KindEnded    Kind = "ended"    // the connection was lost, the client closed, or the caller's context cancelled
	KindRefused  Kind = "refused"  // VDSM answered with an error; Code says which
)

// VDSM's codes, as far as Holdfast acts on them.
const (
	CodeNoSuchVM   = 1
	CodeVMExists   = 4
	CodeRecovering = 99 // VDSM has just started and carries out nothing yet
	CodeNoVolume   = 201
	CodeNoImage    = 254 // the image's path does not exist
	CodeInPool     = 900 // the domain belongs to a connected pool

	CodeNoMethod = -32601 // JSON-RPC's own: this VDSM does not know the method
)

// Error is a failed call, or a failed attempt to connect.
type Error struct {
	Op      string // the method, or "connect"
	Address string
	Kind    Kind
	Code    int // VDSM's code when Kind is KindRefused, else 0
	Cause   error
}

// Error returns operation, address, kind, cause and remedy in one line.
func (e *Error) Error() string {
	return fmt.Sprintf("vdsm %s at %s: %s: %v; %s", e.Op, e.Address, e.Kind, e.Cause, e.remedy())
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

func (e *Error) remedy() string {
	switch e.Kind {
	case KindDown:
		return "check that VDSM runs (systemctl status vdsmd) and listens there"
	case KindTimeout:
		return "VDSM is stopped, overloaded or waits for storage: check its log"
	case KindTLS:
		return "check vdsm_certificate, vdsm_key and vdsm_authority, and that VDSM's own certificate is valid"
	case KindProtocol:
		return "check that it is VDSM that listens there, and its version"
	case KindBusy:
		return "VDSM is slower than it is asked: check its log"
	case KindArgument:
		return "this is a defect of the caller: report it"
	case KindRefused:
		return codeRemedy(e.Code)
	}
	return "VDSM may be restarting: try again"
}

func codeRemedy(code int) string {
	switch code {
	case CodeNoSuchVM:
		return "the virtual machine is not on this host"
	case CodeRecovering:
		return "VDSM recovers after its start: wait"
	case CodeInPool:
		return "nothing to do: VDSM's pool monitors this domain"
	case CodeNoVolume, CodeNoImage:
		return "check that the storage is connected and the ids in hosted-engine.conf"
	case CodeNoMethod:
		return "this VDSM is too old"
	}
	return "VDSM's log says more"
}

// KindOf returns the kind of a Client's error, "" for others.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return ""
}

// CodeOf returns the code with which VDSM answered, 0 if it did not answer with one.
func CodeOf(err error) int {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}
