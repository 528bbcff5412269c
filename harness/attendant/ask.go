package attendant

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/brokerlink"
	"github.com/holdfast-ha/holdfast/daemons/lease"
	"github.com/holdfast-ha/holdfast/faults/wire"
)

// ask sends a program the cheapest question of its protocol.
func ask(ctx context.Context, program, addr string) (time.Duration, error) {
	began := time.Now()
	var err error
	switch program {
	case "vdsm":
		return wire.Handshake(ctx, addr)
	case "smtp":
		return wire.Greeting(ctx, addr)
	case "sanlock":
		client := lease.Client{Socket: addr, Timeout: within(ctx)}
		_, err = client.Version(ctx)
	case "broker":
		_, err = brokerlink.New(addr, within(ctx)).GetHealth(ctx)
	default:
		return 0, &Error{Kind: KindBadRequest, Text: fmt.Sprintf("no question is known for %q: want broker, sanlock, smtp or vdsm", program)}
	}
	took := time.Since(began)
	if err == nil {
		return took, nil
	}
	reason := wire.ErrRefused
	// The client's own deadline may pass a moment before the context's, and the other way round. A queue of connections that stays full
	// is a time-out too.
	var failed *lease.Error
	if ctx.Err() != nil || errors.As(err, &failed) && failed.Kind == lease.KindTimeout || brokerlink.KindOf(err) == brokerlink.KindTimeout {
		reason = wire.ErrSilent
	}
	return took, &wire.Error{Op: "ask " + program, Addr: addr, Reason: reason, Cause: err}
}

// within is the time that a context leaves.
func within(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return 2 * time.Second
	}
	return max(time.Until(deadline), time.Millisecond)
}
