package shell

import (
	"time"

	"github.com/holdfast-ha/holdfast/daemons/xmlrpc"
)

// accepted is what upstream answers for "done" or "begun".
const accepted = "ok"

// methods are all methods of the RPC, upstream's thirteen first. docs/rpc.md describes each of them, and a test compares
// its list with this one.
func (s *shell) methods() map[string]xmlrpc.Handler {
	return map[string]xmlrpc.Handler{
		"start_monitor":        s.startMonitor,
		"stop_monitor":         s.stopMonitor,
		"status_monitor":       s.statusMonitor,
		"get_stats":            s.getStats,
		"put_stats":            s.putStats,
		"push_hosts_state":     s.pushHostsState,
		"is_host_alive":        s.isHostAlive,
		"notify":               s.notify,
		"start_domain_monitor": s.startDomainMonitor,
		"stop_domain_monitor":  s.stopDomainMonitor,
		"lock_host_id":         s.lockHostID,
		"release_host_id":      s.releaseHostID,
		"reset_lockspace":      s.resetLockspace,

		"put_stats_wait":     s.putStatsWait,
		"connect_storage":    s.connectStorage,
		"disconnect_storage": s.disconnectStorage,
		"get_shared_file":    s.getSharedFile,
		"put_shared_file":    s.putSharedFile,
		"get_view":           s.getView,
		"get_lanes":          s.getLanes,
		"get_health":         s.getHealth,
		"get_status":         s.getStatus,
	}
}

// newServer makes the RPC server with all methods. An error of a method is answered with nil, as upstream does, and
// logged.
func (s *shell) newServer() *xmlrpc.Server {
	t := s.Config.Timing
	options := xmlrpc.Options{
		MaxBody: s.Config.MaxBody, MaxClients: s.Config.MaxClients, ReadTimeout: t.RPCTimeout, WriteTimeout: t.RPCTimeout,
		Peer:    s.guests.Check,
		OnError: func(method string, err error) { s.Log.Warn("rpc", "method", method, "error", err.Error()) },
	}
	if s.metrics != nil {
		options.OnCall = s.metrics.ObserveCall
	}
	server := xmlrpc.NewServer(options)
	for name, handler := range s.methods() {
		server.Handle(name, handler)
	}
	return server
}

// longestWait is the most that a caller may ask a method to wait.
const longestWait = 10 * time.Minute

// waitOf returns the wait of a method whose last argument it is, in seconds: args[at], or the default if it is not there.
func waitOf(args []any, at int, otherwise time.Duration) (time.Duration, error) {
	if len(args) <= at {
		return otherwise, nil
	}
	seconds, err := xmlrpc.Float(args[at], "wait_s")
	if err != nil {
		return 0, err
	}
	if !(seconds >= 0 && seconds <= longestWait.Seconds()) { // the other way round NaN would pass
		return 0, &xmlrpc.ArgumentError{What: "wait_s", Want: "0 to 600 seconds", Got: "another number"}
	}
	return time.Duration(seconds * float64(time.Second)), nil
}

// waits checks the number of arguments of a method that takes count and, optionally, a wait, and returns the wait.
func waits(args []any, count int, otherwise time.Duration) (time.Duration, error) {
	if err := xmlrpc.CountBetween(args, count, count+1); err != nil {
		return 0, err
	}
	return waitOf(args, count, otherwise)
}

func oneText(args []any, name string) (string, error) {
	if err := xmlrpc.Count(args, 1); err != nil {
		return "", err
	}
	return xmlrpc.Text(args[0], name)
}
