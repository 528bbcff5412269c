package shell

import (
	"context"
	"errors"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/holdfast-ha/holdfast/daemons/broker"
	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/monitor"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
	"github.com/holdfast-ha/holdfast/daemons/xmlrpc"
)

// resetWait is how long reset_lockspace waits for its end before it answers nil; the reset itself goes on.
const resetWait = 200 * time.Millisecond

// accepted is what upstream answers for "done" or "begun".
const accepted = "ok"

// newServer makes the RPC server with all methods. An error of a method is answered with nil, as upstream does, and
// logged.
func (s *shell) newServer() *xmlrpc.Server {
	t := s.Config.Timing
	server := xmlrpc.NewServer(xmlrpc.Options{
		MaxBody: s.Config.MaxBody, MaxClients: s.Config.MaxClients, ReadTimeout: t.RPCTimeout, WriteTimeout: t.RPCTimeout,
		OnError: func(method string, err error) { s.Log.Warn("rpc", "method", method, "error", err.Error()) },
	})
	for name, handler := range map[string]xmlrpc.Handler{
		"put_stats":        s.putStats,
		"get_stats":        s.getStats,
		"push_hosts_state": s.pushHostsState,
		"is_host_alive":    s.isHostAlive,
		"lock_host_id":     s.lockHostID,
		"release_host_id":  s.releaseHostID,
		"reset_lockspace":  s.resetLockspace,
		"start_monitor":    s.startMonitor,
		"stop_monitor":     s.stopMonitor,
		"status_monitor":   s.statusMonitor,
		"notify":           s.notify,
		"get_view":         s.getView,
		"get_lanes":        s.getLanes,
		"get_health":       s.getHealth,
	} {
		server.Handle(name, handler)
	}
	return server
}

// ask sends the core an event and waits for its answer, which does not depend on storage.
func (s *shell) ask(ctx context.Context, makeEvent func(broker.Token) broker.Event) error {
	return s.calls.ask(ctx, s.inbox, s.Config.Timing.RPCTimeout, makeEvent)
}

// putStats: host id, data -> "ok", or nil if refused.
func (s *shell) putStats(ctx context.Context, args []any) (any, error) {
	if err := xmlrpc.Count(args, 2); err != nil {
		return nil, err
	}
	id, err := xmlrpc.Int(args[0], "host_id")
	if err != nil {
		return nil, err
	}
	data, err := xmlrpc.Data(args[1], "data")
	if err != nil {
		return nil, err
	}
	if err := s.ask(ctx, func(token broker.Token) broker.Event {
		return broker.Put{Token: token, Segment: int(id), Data: data}
	}); err != nil {
		return nil, err
	}
	s.beforeStats(ctx)
	return accepted, nil
}

// getStats: -> host id in decimal: segment. A segment that is no text would break Python readers, which decode all of
// the answer at once (S12): it is left out here and shown by get_view.
func (s *shell) getStats(ctx context.Context, args []any) (any, error) {
	if err := xmlrpc.Count(args, 0); err != nil {
		return nil, err
	}
	s.beforeStats(ctx)
	stats := xmlrpc.Struct{}
	for _, state := range s.snapshot.Load().Segments {
		if whiteboard.IsAbsent(state.Data[:]) || !utf8.Valid(state.Data[:]) {
			continue
		}
		stats = append(stats, xmlrpc.Member{Name: strconv.Itoa(state.Segment), Value: state.Data[:]})
	}
	return stats, nil
}

// pushHostsState: [host id] -> "ok".
func (s *shell) pushHostsState(ctx context.Context, args []any) (any, error) {
	if err := xmlrpc.Count(args, 1); err != nil {
		return nil, err
	}
	alive, err := xmlrpc.Ints(args[0], "hosts")
	if err != nil {
		return nil, err
	}
	if len(alive) > whiteboard.Segments {
		return nil, &xmlrpc.ArgumentError{What: "hosts", Want: "at most 2001", Got: strconv.Itoa(len(alive))}
	}
	if err := s.ask(ctx, func(token broker.Token) broker.Event { return broker.HostsPushed{Token: token, Alive: alive} }); err != nil {
		return nil, err
	}
	return accepted, nil
}

// isHostAlive: -> [host id], empty if what was pushed is too old.
func (s *shell) isHostAlive(_ context.Context, args []any) (any, error) {
	if err := xmlrpc.Count(args, 0); err != nil {
		return nil, err
	}
	snap := s.snapshot.Load()
	if snap.AliveAt == 0 || clock.Now().Sub(snap.AliveAt) > s.Config.Timing.HostAliveTimeout {
		return []any{}, nil
	}
	return append([]int{}, snap.Alive...), nil
}

// lockHostID: host id -> "ok" only if the lease is held (S2); nil while it is being joined.
func (s *shell) lockHostID(ctx context.Context, args []any) (any, error) {
	if err := xmlrpc.Count(args, 1); err != nil {
		return nil, err
	}
	id, err := xmlrpc.Int(args[0], "host_id")
	if err != nil {
		return nil, err
	}
	if err := s.ask(ctx, func(token broker.Token) broker.Event { return broker.LockWanted{Token: token, HostID: int(id)} }); err != nil {
		s.Log.Debug("lock_host_id", "error", err.Error()) // asked again and again while joining
		return nil, nil
	}
	return accepted, nil
}

// releaseHostID: -> "ok" if the release has begun; nil if there is nothing to release.
func (s *shell) releaseHostID(ctx context.Context, args []any) (any, error) {
	if err := xmlrpc.Count(args, 0); err != nil {
		return nil, err
	}
	if err := s.ask(ctx, func(token broker.Token) broker.Event { return broker.ReleaseWanted{Token: token} }); err != nil {
		return nil, err
	}
	return accepted, nil
}

// resetLockspace: -> "ok" if an empty lockspace has been written; nil if refused, or if it is not done yet.
func (s *shell) resetLockspace(ctx context.Context, args []any) (any, error) {
	if err := xmlrpc.Count(args, 0); err != nil {
		return nil, err
	}
	err := s.calls.ask(ctx, s.inbox, resetWait, func(token broker.Token) broker.Event { return broker.ResetWanted{Token: token} })
	if err != nil {
		return nil, err
	}
	return accepted, nil
}

// startMonitor: type, options -> id; nil if the type is not known or the options are wrong.
func (s *shell) startMonitor(_ context.Context, args []any) (any, error) {
	if err := xmlrpc.Count(args, 2); err != nil {
		return nil, err
	}
	typ, err := xmlrpc.Text(args[0], "type")
	if err != nil {
		return nil, err
	}
	members, err := xmlrpc.Members(args[1], "options")
	if err != nil {
		return nil, err
	}
	options := monitor.Options{}
	for _, m := range members {
		options[m.Name] = m.Value
	}
	return s.monitors.Start(typ, options)
}

// stopMonitor: id -> "ok"; nil if it does not run.
func (s *shell) stopMonitor(_ context.Context, args []any) (any, error) {
	id, err := oneText(args, "id")
	if err != nil {
		return nil, err
	}
	if !s.monitors.Stop(id) {
		return nil, nil
	}
	return accepted, nil
}

// statusMonitor: id -> text; nil if it does not run, which is how agents notice that the broker was restarted.
func (s *shell) statusMonitor(_ context.Context, args []any) (any, error) {
	id, err := oneText(args, "id")
	if err != nil {
		return nil, err
	}
	text, running := s.monitors.Status(id)
	if !running {
		return nil, nil
	}
	return text, nil
}

// notify: event, detail, options -> "sent" if it was queued, "ignored" if no rule asks for it.
func (s *shell) notify(_ context.Context, args []any) (any, error) {
	if err := xmlrpc.Count(args, 3); err != nil {
		return nil, err
	}
	event, eventErr := xmlrpc.Text(args[0], "event_type")
	detail, detailErr := xmlrpc.Text(args[1], "detail")
	options, optionsErr := xmlrpc.Members(args[2], "options")
	if err := errors.Join(eventErr, detailErr, optionsErr); err != nil {
		return nil, err
	}
	host := ""
	if v, there := options.Get("hostname"); there {
		host, _ = v.(string)
	}
	if !s.notices.offer(notice{event: event, detail: detail, host: host}) {
		return "ignored", nil
	}
	return "sent", nil
}

func oneText(args []any, name string) (string, error) {
	if err := xmlrpc.Count(args, 1); err != nil {
		return "", err
	}
	return xmlrpc.Text(args[0], name)
}
