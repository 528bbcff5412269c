package attendant

import (
	"context"
	"errors"
	"time"

	"github.com/holdfast-ha/holdfast/faults/wire"
)

// WireProbes are the probes that the attendant of a container uses.
func WireProbes() Probes {
	return Probes{
		RPCNull: func(ctx context.Context, addr string, program, version uint32) (time.Duration, error) {
			return wire.Null(ctx, addr, program, version)
		},
		ISCSINop: func(ctx context.Context, addr, target string) (time.Duration, error) {
			return wire.Nop(ctx, addr, target)
		},
		Ask: ask,
	}
}

// Reasons maps a failed probe back to the reasons of package wire, so that a fault's proof reads the same wherever the probe ran:
// errors.Is(err, wire.ErrSilent) holds exactly when the server did not answer until the deadline.
func (e *Error) Unwrap() error {
	switch e.Kind {
	case KindTimeout:
		return wire.ErrSilent
	case KindRefused:
		return wire.ErrRefused
	case KindRejected:
		return wire.ErrRejected
	}
	return nil
}

// kindOf classifies an error of a probe or of a program.
func kindOf(err error) Kind {
	switch {
	case errors.Is(err, wire.ErrSilent), errors.Is(err, context.DeadlineExceeded):
		return KindTimeout
	case errors.Is(err, wire.ErrRefused):
		return KindRefused
	case errors.Is(err, wire.ErrRejected):
		return KindRejected
	}
	return KindFailed
}
