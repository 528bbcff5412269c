package brokerlink

import (
	"context"
	"time"
)

// The methods in this file wait in the broker until something is done or wait is over. The call as a whole is given the
// link's timeout on top of wait. A wait is 0 to 600 s; the broker refuses others.

// waiting calls a method that waits, answers "ok" or nil, and has the wait as its last argument.
func (l *Link) waiting(ctx context.Context, wait time.Duration, method string, args ...any) (bool, error) {
	v, err := l.callWaiting(ctx, wait, method, args...)
	if err != nil {
		return false, err
	}
	return v == any("ok"), nil
}

func (l *Link) callWaiting(ctx context.Context, wait time.Duration, method string, args ...any) (any, error) {
	v, err := l.rpc.CallWithin(ctx, l.rpc.Timeout()+max(wait, 0), method, append(args, wait.Seconds())...)
	if err != nil {
		return nil, l.failed(method, err)
	}
	return v, nil
}

// AwaitHostID asks for the sanlock host id and waits for it. held = it is held now; otherwise it is refused, or the
// broker goes on joining and GetView shows how it goes.
func (l *Link) AwaitHostID(ctx context.Context, id int, wait time.Duration) (held bool, err error) {
	return l.waiting(ctx, wait, "lock_host_id", id)
}

// AwaitRelease gives the host id up and waits until it is given back. Not ok: none was held, it is in use, or it is
// not done yet.
func (l *Link) AwaitRelease(ctx context.Context, wait time.Duration) (released bool, err error) {
	return l.waiting(ctx, wait, "release_host_id")
}

// AwaitReset initialises the lockspace anew and waits for it. Not ok: refused, because the host id is held or a host is
// alive, or not done yet.
func (l *Link) AwaitReset(ctx context.Context, wait time.Duration) (done bool, err error) {
	return l.waiting(ctx, wait, "reset_lockspace")
}

// StartDomainMonitor begins to watch the storage domain. ok = it is valid and its host id is acquired; otherwise that
// may still come, and GetStatus shows how it goes.
func (l *Link) StartDomainMonitor(ctx context.Context, hostID int, wait time.Duration) (ok bool, err error) {
	return l.waiting(ctx, wait, "start_domain_monitor", hostID)
}

// StopDomainMonitor ends the watching of the storage domain. ok = stopped.
func (l *Link) StopDomainMonitor(ctx context.Context, wait time.Duration) (ok bool, err error) {
	return l.waiting(ctx, wait, "stop_domain_monitor")
}

// ConnectStorage connects the shared storage. ok = connected. The broker does this by itself at its start.
func (l *Link) ConnectStorage(ctx context.Context, wait time.Duration) (ok bool, err error) {
	return l.waiting(ctx, wait, "connect_storage")
}

// DisconnectStorage writes what is pending, gives the host id back and disconnects the shared storage. ok = disconnected.
// Not ok: refused, because the engine uses it, or not done yet.
func (l *Link) DisconnectStorage(ctx context.Context, wait time.Duration) (ok bool, err error) {
	return l.waiting(ctx, wait, "disconnect_storage")
}

// PutStatsWait is PutStats that waits until the data are on storage.
func (l *Link) PutStatsWait(ctx context.Context, hostID int, data []byte, wait time.Duration) (PutAnswer, error) {
	const method = "put_stats_wait"
	v, err := l.callWaiting(ctx, wait, method, hostID, data)
	if err != nil {
		return PutAnswer{}, err
	}
	answer, err := DecodePutAnswer(v)
	if err != nil {
		return PutAnswer{}, l.failed(method, err)
	}
	return answer, nil
}

// GetSharedFile returns a file of the shared configuration archive from the broker's memory: vm.conf, broker.conf,
// fhanswers.conf, hosted-engine.conf or version.
func (l *Link) GetSharedFile(ctx context.Context, name string) (SharedFile, error) {
	const method = "get_shared_file"
	v, err := l.call(ctx, method, name)
	if err != nil {
		return SharedFile{}, err
	}
	file, err := DecodeSharedFile(v)
	if err != nil {
		return SharedFile{}, l.failed(method, err)
	}
	return file, nil
}

// PutSharedFile writes a file of the shared configuration archive. ok = it is on storage and was read back.
func (l *Link) PutSharedFile(ctx context.Context, name string, data []byte, wait time.Duration) (ok bool, err error) {
	return l.waiting(ctx, wait, "put_shared_file", name, data)
}

// GetStatus returns everything about the broker that is not the whiteboard.
func (l *Link) GetStatus(ctx context.Context) (Status, error) {
	return decoded(ctx, l, "get_status", DecodeStatus)
}
