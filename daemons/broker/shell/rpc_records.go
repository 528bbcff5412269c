package shell

import (
	"context"
	"strconv"

	"github.com/holdfast-ha/holdfast/daemons/broker"
	"github.com/holdfast-ha/holdfast/daemons/brokerlink"
	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
	"github.com/holdfast-ha/holdfast/daemons/xmlrpc"
)

// record reads the arguments host id and data.
func record(args []any) (segment int, data []byte, err error) {
	id, err := xmlrpc.Int(args[0], "host_id")
	if err != nil {
		return 0, nil, err
	}
	data, err = xmlrpc.Data(args[1], "data")
	return int(id), data, err
}

// putStats: host id, data -> "ok", or nil if refused.
func (s *shell) putStats(ctx context.Context, args []any) (any, error) {
	if err := xmlrpc.Count(args, 2); err != nil {
		return nil, err
	}
	segment, data, err := record(args)
	if err != nil {
		return nil, err
	}
	if err := s.do(ctx, func(token broker.Token) broker.Event {
		return broker.Put{Token: token, Segment: segment, Data: data}
	}); err != nil {
		return nil, err
	}
	return accepted, nil
}

// putStatsWait: host id, data, seconds -> what became of it.
func (s *shell) putStatsWait(ctx context.Context, args []any) (any, error) {
	wait, err := waits(args, 2, s.Config.Timing.PutWait)
	if err != nil {
		return nil, err
	}
	segment, data, err := record(args)
	if err != nil {
		return nil, err
	}
	began := clock.Now()
	reply, err := s.await(ctx, wait, func(token broker.Token, until clock.Mono) broker.Event {
		return broker.Put{Token: token, Segment: segment, Data: data, Wait: true, Until: until}
	})
	if err != nil {
		return nil, err
	}
	answer := brokerlink.PutAnswer{
		Accepted: reply.Accepted || reply.OK, Durable: reply.OK, Waited: clock.Now().Sub(began).Seconds(), Detail: reply.Reason,
	}
	return answer.Value(), nil
}

// getStats: -> host id in decimal: segment.
func (s *shell) getStats(_ context.Context, args []any) (any, error) {
	if err := xmlrpc.Count(args, 0); err != nil {
		return nil, err
	}
	return s.encodings.ask(s.snapshot.Load()).stats, nil
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
	if err := s.do(ctx, func(token broker.Token) broker.Event { return broker.HostsPushed{Token: token, Alive: alive} }); err != nil {
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
