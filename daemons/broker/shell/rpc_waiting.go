package shell

import (
	"context"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/broker"
	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/xmlrpc"
)

// settled asks the core and answers "ok" only if what was asked for is done (S2); nil if it is refused or not done in
// time. Agents ask again and again, so a nil is no line in the log.
func (s *shell) settled(ctx context.Context, method string, wait time.Duration, makeEvent func(broker.Token, clock.Mono) broker.Event) (any, error) {
	reply, err := s.await(ctx, wait, makeEvent)
	if err != nil {
		return nil, err
	}
	if !reply.OK {
		s.Log.Debug("rpc answers nil", "method", method, "why", reply.Reason)
		return nil, nil
	}
	return accepted, nil
}

// idAndWait reads the arguments of a method that takes a host id and, optionally, a wait.
func idAndWait(args []any, otherwise time.Duration) (id int, wait time.Duration, err error) {
	if wait, err = waits(args, 1, otherwise); err != nil {
		return 0, 0, err
	}
	n, err := xmlrpc.Int(args[0], "host_id")
	return int(n), wait, err
}

// lockHostID: host id[, seconds] -> "ok" only if the lease is held (S2).
func (s *shell) lockHostID(ctx context.Context, args []any) (any, error) {
	id, wait, err := idAndWait(args, s.Config.Timing.LockWait)
	if err != nil {
		return nil, err
	}
	return s.settled(ctx, "lock_host_id", wait, func(token broker.Token, until clock.Mono) broker.Event {
		return broker.LockWanted{Token: token, HostID: id, Until: until}
	})
}

// releaseHostID: [seconds] -> "ok" only if the lease is given back.
func (s *shell) releaseHostID(ctx context.Context, args []any) (any, error) {
	wait, err := waits(args, 0, s.Config.Timing.ReleaseWait)
	if err != nil {
		return nil, err
	}
	return s.settled(ctx, "release_host_id", wait, func(token broker.Token, until clock.Mono) broker.Event {
		return broker.ReleaseWanted{Token: token, Until: until}
	})
}

// resetLockspace: [seconds] -> "ok" only if an empty lockspace has been written.
func (s *shell) resetLockspace(ctx context.Context, args []any) (any, error) {
	wait, err := waits(args, 0, s.Config.Timing.ResetWait)
	if err != nil {
		return nil, err
	}
	return s.settled(ctx, "reset_lockspace", wait, func(token broker.Token, until clock.Mono) broker.Event {
		return broker.ResetWanted{Token: token, Until: until}
	})
}

// startDomainMonitor: host id[, seconds] -> "ok" only if the domain is valid and its host id is held.
func (s *shell) startDomainMonitor(ctx context.Context, args []any) (any, error) {
	id, wait, err := idAndWait(args, s.Config.Timing.DomainWait)
	if err != nil {
		return nil, err
	}
	return s.settled(ctx, "start_domain_monitor", wait, func(token broker.Token, until clock.Mono) broker.Event {
		return broker.DomainWanted{Token: token, On: true, HostID: id, Until: until}
	})
}

// stopDomainMonitor: [seconds] -> "ok" only if the monitor has ended.
func (s *shell) stopDomainMonitor(ctx context.Context, args []any) (any, error) {
	wait, err := waits(args, 0, s.Config.Timing.DomainWait)
	if err != nil {
		return nil, err
	}
	return s.settled(ctx, "stop_domain_monitor", wait, func(token broker.Token, until clock.Mono) broker.Event {
		return broker.DomainWanted{Token: token, Until: until}
	})
}

// connectStorage: [seconds] -> "ok" only if the storage is connected.
func (s *shell) connectStorage(ctx context.Context, args []any) (any, error) {
	wait, err := waits(args, 0, s.Config.Timing.MountTimeout)
	if err != nil {
		return nil, err
	}
	return s.settled(ctx, "connect_storage", wait, func(token broker.Token, until clock.Mono) broker.Event {
		return broker.ConnectWanted{Token: token, Until: until}
	})
}

// disconnectStorage: [seconds] -> "ok" only if the storage is disconnected.
func (s *shell) disconnectStorage(ctx context.Context, args []any) (any, error) {
	wait, err := waits(args, 0, s.Config.Timing.MountTimeout)
	if err != nil {
		return nil, err
	}
	return s.settled(ctx, "disconnect_storage", wait, func(token broker.Token, until clock.Mono) broker.Event {
		return broker.DisconnectWanted{Token: token, Until: until}
	})
}
