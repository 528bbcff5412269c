package storage

import (
	"context"
	"errors"
	"fmt"

	"github.com/holdfast-ha/holdfast/daemons/child"
)

// Kind tells errors apart by what to do about them.
type Kind uint8

// Kinds of Error.
const (
	KindSettings Kind = iota + 1 // the configuration is incomplete or contradicts itself
	KindProgram                  // a program failed or is not there
	KindTimeout                  // something did not end in time; the storage probably hangs
	KindMissing                  // the domain or a volume is not on the storage
	KindForeign                  // something else is where the domain belongs
	KindInUse                    // somebody uses what was to be taken away
	KindVDSM                     // VDSM refused or cannot be reached
	KindLocal                    // a directory, link or file of this host could not be made or read
)

// String returns the kind's name.
func (k Kind) String() string {
	switch k {
	case KindSettings:
		return "settings"
	case KindProgram:
		return "program failed"
	case KindTimeout:
		return "timeout"
	case KindMissing:
		return "missing"
	case KindForeign:
		return "foreign"
	case KindInUse:
		return "in use"
	case KindVDSM:
		return "vdsm"
	case KindLocal:
		return "local"
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Error is every error of this package. It holds no secret.
type Error struct {
	Driver  string // of Settings.Driver
	Op      string // what was tried: "mount", "log in", "prepare", ...
	Subject string // on what
	Kind    Kind
	Err     error
	Cure    string // what a person can do, if more is known than the kind says
}

// Error returns driver, operation, subject, cause and remedy in one line.
func (e *Error) Error() string {
	text := e.Op
	if e.Driver != "" {
		text = e.Driver + ": " + text
	}
	if e.Subject != "" {
		text += " " + e.Subject
	}
	text += ": " + e.Err.Error()
	if remedy := e.Remedy(); remedy != "" {
		text += " (" + remedy + ")"
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Remedy says what a person can do about it.
func (e *Error) Remedy() string {
	if e.Cure != "" {
		return e.Cure
	}
	switch {
	case errors.Is(e.Err, context.Canceled):
		return ""
	case errors.Is(e.Err, child.ErrNotFound):
		return "install the package that the program belongs to"
	}
	switch e.Kind {
	case KindTimeout:
		return "check server, network and paths; it is tried again"
	case KindMissing:
		return "check sd_uuid and the image and volume UUIDs, then what is on the storage"
	case KindForeign:
		return "find out who put it there; it is left alone"
	case KindInUse:
		return "stop its user first"
	case KindVDSM:
		return "check vdsmd and its log"
	}
	return ""
}

func settingsError(key, format string, args ...any) *Error {
	return &Error{Op: "configuration", Subject: key, Kind: KindSettings, Err: fmt.Errorf(format, args...)}
}

// errorOf gives an error of a step its kind and its place. One that has both already keeps them.
func (s Settings) errorOf(op, subject string, kind Kind, err error) error {
	var known *Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	switch {
	case errors.Is(err, child.ErrDeadline), errors.Is(err, child.ErrAbandoned), errors.Is(err, child.ErrStuck),
		errors.Is(err, context.DeadlineExceeded):
		kind = KindTimeout
	}
	return &Error{Driver: s.Driver, Op: op, Subject: subject, Kind: kind, Err: err}
}
