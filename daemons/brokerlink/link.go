package brokerlink

import (
	"context"
	"strconv"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/xmlrpc"
)

// Link calls the broker. It may be used by many goroutines; it holds no connection
// between calls, so a broker's restart needs no reconnect.
//
// Every error is an *Error. Where upstream answers "ok" or nil, the methods
// return ok = false and no error for nil: the broker is there and declined.
type Link struct {
	socket string
	rpc    *xmlrpc.Client
}

// New returns a link to the broker at this socket. Each call, from connect to
// the last byte, is given timeout; 0 means 5 s. It does not touch the socket yet.
func New(socket string, timeout time.Duration) *Link {
	return &Link{socket: socket, rpc: xmlrpc.NewClient(socket, timeout)}
}

// Socket returns the path of the broker's socket.
func (l *Link) Socket() string { return l.socket }

func (l *Link) call(ctx context.Context, method string, args ...any) (any, error) {
	v, err := l.rpc.Call(ctx, method, args...)
	if err != nil {
		return nil, l.failed(method, err)
	}
	return v, nil
}

// accepted calls a method that answers "ok" or nil.
func (l *Link) accepted(ctx context.Context, method string, args ...any) (bool, error) {
	v, err := l.call(ctx, method, args...)
	if err != nil {
		return false, err
	}
	return v == any("ok"), nil
}

// answered calls a method that answers a text or nil.
func (l *Link) answered(ctx context.Context, method string, args ...any) (string, bool, error) {
	v, err := l.call(ctx, method, args...)
	if err != nil || v == nil {
		return "", false, err
	}
	text, err := xmlrpc.Text(v, "result")
	if err != nil {
		return "", false, l.failed(method, err)
	}
	return text, true, nil
}

// PutStats hands the broker the record of host hostID (0: the global record):
// whole 512-byte blocks, at most 4096 bytes of ASCII. ok = accepted into memory
// and queued for the writer; GetView tells when it is durable. Not ok: refused,
// for a foreign host id, a bad size or an older timestamp than the broker holds.
func (l *Link) PutStats(ctx context.Context, hostID int, data []byte) (ok bool, err error) {
	return l.accepted(ctx, "put_stats", hostID, data)
}

// GetStats returns the segments that the broker holds in memory, by host id; 0
// is the global record. They have no age: prefer GetView.
func (l *Link) GetStats(ctx context.Context) (map[int][]byte, error) {
	const method = "get_stats"
	v, err := l.call(ctx, method)
	if err != nil {
		return nil, err
	}
	s, err := xmlrpc.Members(v, "result")
	if err != nil {
		return nil, l.failed(method, err)
	}
	stats := make(map[int][]byte, len(s))
	for _, m := range s {
		id, err := strconv.Atoi(m.Name)
		if err != nil {
			return nil, l.failed(method, &xmlrpc.ArgumentError{What: "member name", Want: "a host id", Got: strconv.Quote(m.Name)})
		}
		if stats[id], err = xmlrpc.Data(m.Value, m.Name); err != nil {
			return nil, l.failed(method, err)
		}
	}
	return stats, nil
}

// PushHostsState tells the broker which hosts the agent holds to be alive.
func (l *Link) PushHostsState(ctx context.Context, alive []int) (ok bool, err error) {
	return l.accepted(ctx, "push_hosts_state", alive)
}

// IsHostAlive returns the hosts that PushHostsState named last; none if that was
// longer ago than the host alive timeout. Upstream's broker first answers "" for none.
func (l *Link) IsHostAlive(ctx context.Context) ([]int, error) {
	const method = "is_host_alive"
	v, err := l.call(ctx, method)
	if err != nil || v == any("") {
		return nil, err
	}
	ids, err := xmlrpc.Ints(v, "result")
	if err != nil {
		return nil, l.failed(method, err)
	}
	return ids, nil
}

// LockHostID asks for the sanlock host id. It does not wait: held = it is held
// now; otherwise the broker has begun to join, and GetView shows how it goes.
func (l *Link) LockHostID(ctx context.Context, id int) (held bool, err error) {
	return l.waiting(ctx, 0, "lock_host_id", id)
}

// ReleaseHostID gives the host id up once the pending own record is written (bounded), and waits for that as long as
// the link's timeout lets it. ok = given back, on its way, or left with sanlock because the engine uses it, which GetView's
// lease tells. Not ok: none was held. AwaitRelease tells whether it is really gone.
func (l *Link) ReleaseHostID(ctx context.Context) (ok bool, err error) {
	if ok, err = l.within(ctx, "release_host_id"); ok || err != nil {
		return ok, err
	}
	view, err := l.GetView(ctx)
	return err == nil && (view.Lease.State == LeaseLeaving || view.Lease.State == LeaseHeld), err
}

// ResetLockspace initialises the lockspace anew, and waits for that as long as the link's timeout lets it. Not ok: refused,
// because the host id is held or a host is alive, or not done yet.
func (l *Link) ResetLockspace(ctx context.Context) (ok bool, err error) {
	return l.within(ctx, "reset_lockspace")
}

// within has the broker wait for most of the link's timeout, so that its answer still arrives in time.
func (l *Link) within(ctx context.Context, method string) (bool, error) {
	v, err := l.call(ctx, method, (l.rpc.Timeout() * 3 / 4).Seconds())
	if err != nil {
		return false, err
	}
	return v == any("ok"), nil
}

// StartMonitor starts the submonitor of this type, or keeps it if it runs with
// these options. id is what StatusMonitor and StopMonitor take. Not ok:
// unknown type or wrong options.
func (l *Link) StartMonitor(ctx context.Context, typ string, options map[string]any) (id string, ok bool, err error) {
	return l.answered(ctx, "start_monitor", typ, orEmpty(options))
}

// StopMonitor ends a submonitor. Not ok: no such submonitor.
func (l *Link) StopMonitor(ctx context.Context, id string) (ok bool, err error) {
	return l.accepted(ctx, "stop_monitor", id)
}

// StatusMonitor returns a submonitor's last result in its text form. Not ok: no
// such submonitor, for instance after a restart of the broker: start it again.
func (l *Link) StatusMonitor(ctx context.Context, id string) (text string, ok bool, err error) {
	return l.answered(ctx, "status_monitor", id)
}

// Notify reports an event to the operator. result is "sent" (queued) or "ignored" (no rule asks for it).
func (l *Link) Notify(ctx context.Context, event, detail string, options map[string]any) (result string, ok bool, err error) {
	return l.answered(ctx, "notify", event, detail, orEmpty(options))
}

// orEmpty makes no options an empty struct; a nil map is one already.
func orEmpty(options map[string]any) map[string]any {
	if options == nil {
		return map[string]any{}
	}
	return options
}

// GetView returns the broker's view of the whiteboard and its lease, with ages.
func (l *Link) GetView(ctx context.Context) (View, error) {
	return decoded(ctx, l, "get_view", DecodeView)
}

// GetLanes returns what each lane is doing.
func (l *Link) GetLanes(ctx context.Context) (Lanes, error) {
	return decoded(ctx, l, "get_lanes", DecodeLanes)
}

// GetHealth returns the broker's warnings.
func (l *Link) GetHealth(ctx context.Context) (Health, error) {
	return decoded(ctx, l, "get_health", DecodeHealth)
}

func decoded[T any](ctx context.Context, l *Link, method string, decode func(any) (T, error)) (T, error) {
	v, err := l.call(ctx, method)
	if err != nil {
		var none T
		return none, err
	}
	t, err := decode(v)
	if err != nil {
		return t, l.failed(method, err)
	}
	return t, nil
}
