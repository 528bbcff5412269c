package brokerlink

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-ha/holdfast/daemons/xmlrpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

// answers maps methods to what they answer, or to a handler.
type answers map[string]any

// serve starts a fake broker with these answers and returns a link to it.
func serve(t *testing.T, a answers) *Link {
	t.Helper()
	s := xmlrpc.NewServer(xmlrpc.Options{})
	for method, answer := range a {
		if h, ok := answer.(func([]any) any); ok {
			s.Handle(method, func(_ context.Context, args []any) (any, error) { return h(args), nil })
			continue
		}
		s.Handle(method, func(context.Context, []any) (any, error) { return answer, nil })
	}
	socket := socketPath(t)
	l, err := net.Listen("unix", socket)
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, s.Shutdown(ctx))
		require.NoError(t, <-served)
	})
	return New(socket, patience)
}

func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "link")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

// TestArgumentsOfEveryMethod: what arrives at the broker, in the order of upstream's methods.
func TestArgumentsOfEveryMethod(t *testing.T) {
	var got []any
	record := func(result any) func([]any) any {
		return func(args []any) any { got = args; return result }
	}
	l := serve(t, answers{
		"put_stats": record("ok"), "push_hosts_state": record("ok"), "lock_host_id": record("ok"),
		"release_host_id": record("ok"), "reset_lockspace": record("ok"), "start_monitor": record("network"),
		"stop_monitor": record("ok"), "status_monitor": record("1.0"), "notify": record("sent"),
		"start_domain_monitor": record("ok"), "stop_domain_monitor": record("ok"), "connect_storage": record("ok"),
		"disconnect_storage": record("ok"), "put_shared_file": record("ok"),
		"put_stats_wait":  record(PutAnswer{Accepted: true, Durable: true, Waited: 0.5}.Value()),
		"get_shared_file": record(SharedFile{Data: []byte("a=b"), Age: 3, Valid: true}.Value()),
	})
	ctx := t.Context()
	accepted := func(ok bool, err error) {
		t.Helper()
		require.NoError(t, err)
		require.True(t, ok)
	}
	accepted(l.PutStats(ctx, 3, []byte("1|1|")))
	require.Equal(t, []any{int64(3), []byte("1|1|")}, got)
	accepted(l.PushHostsState(ctx, []int{1, 3}))
	require.Equal(t, []any{[]any{int64(1), int64(3)}}, got)
	accepted(l.PushHostsState(ctx, nil))
	require.Equal(t, []any{[]any{}}, got)
	accepted(l.LockHostID(ctx, 2))
	require.Equal(t, []any{int64(2), 0.0}, got, "at once")
	accepted(l.ReleaseHostID(ctx))
	require.Equal(t, []any{15.0}, got, "an answer that still arrives in time")
	accepted(l.ResetLockspace(ctx))
	require.Equal(t, []any{15.0}, got)
	accepted(l.AwaitHostID(ctx, 2, 1500*time.Millisecond))
	require.Equal(t, []any{int64(2), 1.5}, got)
	accepted(l.AwaitRelease(ctx, time.Second))
	require.Equal(t, []any{1.0}, got)
	accepted(l.AwaitReset(ctx, time.Second))
	require.Equal(t, []any{1.0}, got)
	accepted(l.StartDomainMonitor(ctx, 2, time.Second))
	require.Equal(t, []any{int64(2), 1.0}, got)
	accepted(l.StopDomainMonitor(ctx, time.Second))
	require.Equal(t, []any{1.0}, got)
	accepted(l.ConnectStorage(ctx, time.Second))
	require.Equal(t, []any{1.0}, got)
	accepted(l.DisconnectStorage(ctx, time.Second))
	require.Equal(t, []any{1.0}, got)
	accepted(l.PutSharedFile(ctx, "vm.conf", []byte("a=b"), time.Second))
	require.Equal(t, []any{"vm.conf", []byte("a=b"), 1.0}, got)
	put, err := l.PutStatsWait(ctx, 3, []byte("1|1|"), 2*time.Second)
	require.NoError(t, err)
	require.Equal(t, PutAnswer{Accepted: true, Durable: true, Waited: 0.5}, put)
	require.Equal(t, []any{int64(3), []byte("1|1|"), 2.0}, got)
	file, err := l.GetSharedFile(ctx, "vm.conf")
	require.NoError(t, err)
	require.Equal(t, SharedFile{Data: []byte("a=b"), Age: 3, Valid: true}, file)
	require.Equal(t, []any{"vm.conf"}, got)
	accepted(l.StopMonitor(ctx, "network"))
	require.Equal(t, []any{"network"}, got)

	id, ok, err := l.StartMonitor(ctx, "network", map[string]any{"addr": "10.0.0.1", "tcp_t_port": nil})
	accepted(ok, err)
	require.Equal(t, "network", id)
	require.Equal(t, []any{"network", xmlrpc.Struct{{Name: "addr", Value: "10.0.0.1"}, {Name: "tcp_t_port"}}}, got)
	text, ok, err := l.StatusMonitor(ctx, "network")
	accepted(ok, err)
	require.Equal(t, "1.0", text)
	result, ok, err := l.Notify(ctx, "state_transition", "a-b", nil)
	accepted(ok, err)
	require.Equal(t, "sent", result)
	require.Equal(t, []any{"state_transition", "a-b", xmlrpc.Struct{}}, got)
}

// TestNilIsARefusalNotAnError_S11: upstream's link does not look at the answer.
func TestNilIsARefusalNotAnError_S11(t *testing.T) {
	l := serve(t, answers{
		"put_stats": nil, "push_hosts_state": nil, "lock_host_id": nil, "release_host_id": nil, "reset_lockspace": nil,
		"start_monitor": nil, "stop_monitor": nil, "status_monitor": nil, "notify": nil,
		"get_view": View{Lease: LeaseView{State: LeaseNone}}.Value(),
	})
	ctx := t.Context()
	for name, call := range map[string]func() (bool, error){
		"put_stats":        func() (bool, error) { return l.PutStats(ctx, 1, nil) },
		"push_hosts_state": func() (bool, error) { return l.PushHostsState(ctx, nil) },
		"lock_host_id":     func() (bool, error) { return l.LockHostID(ctx, 1) },
		"release_host_id":  func() (bool, error) { return l.ReleaseHostID(ctx) },
		"reset_lockspace":  func() (bool, error) { return l.ResetLockspace(ctx) },
		"stop_monitor":     func() (bool, error) { return l.StopMonitor(ctx, "x") },
		"start_monitor":    func() (bool, error) { _, ok, err := l.StartMonitor(ctx, "x", nil); return ok, err },
		"status_monitor":   func() (bool, error) { _, ok, err := l.StatusMonitor(ctx, "x"); return ok, err },
		"notify":           func() (bool, error) { _, ok, err := l.Notify(ctx, "x", "y", nil); return ok, err },
	} {
		ok, err := call()
		require.NoError(t, err, name)
		require.False(t, ok, name)
	}
}

// An agent that stops leaves the host id with a running engine; that is in order.
func TestAReleaseThatIsKeptForTheEngineIsInOrder(t *testing.T) {
	for state, want := range map[string]bool{LeaseHeld: true, LeaseLeaving: true, LeaseLost: false, LeaseJoining: false} {
		l := serve(t, answers{"release_host_id": nil, "get_view": View{Lease: LeaseView{State: state}}.Value()})
		ok, err := l.ReleaseHostID(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, ok, state)
		released, err := l.AwaitRelease(t.Context(), 0)
		require.NoError(t, err)
		require.False(t, released, "not given back")
	}
	_, err := serve(t, answers{"release_host_id": nil}).ReleaseHostID(t.Context())
	require.Equal(t, KindFault, KindOf(err))
}

func TestGetStats(t *testing.T) {
	l := serve(t, answers{"get_stats": xmlrpc.Struct{{Name: "1", Value: []byte("one")}, {Name: "0", Value: "global"}}})
	got, err := l.GetStats(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[int][]byte{0: []byte("global"), 1: []byte("one")}, got)

	for _, wrong := range []any{nil, "text", xmlrpc.Struct{{Name: "extra", Value: []byte{}}}, xmlrpc.Struct{{Name: "1", Value: true}}} {
		_, err = serve(t, answers{"get_stats": wrong}).GetStats(t.Context())
		require.Equal(t, KindProtocol, KindOf(err), "answer %v: %v", wrong, err)
	}
}

func TestIsHostAlive(t *testing.T) {
	for _, tc := range []struct {
		answer any
		want   []int
	}{
		{[]int{1, 3}, []int{1, 3}},
		{[]any{}, []int{}},
		{"", nil}, // upstream's broker before the first push
	} {
		got, err := serve(t, answers{"is_host_alive": tc.answer}).IsHostAlive(t.Context())
		require.NoError(t, err)
		require.Equal(t, tc.want, got)
	}
	_, err := serve(t, answers{"is_host_alive": []any{"1"}}).IsHostAlive(t.Context())
	require.Equal(t, KindProtocol, KindOf(err))
}

func TestErrorsSayWhatWhereAndWhatToDo(t *testing.T) {
	ctx := t.Context()
	nowhere := New(socketPath(t), patience)
	_, err := nowhere.GetView(ctx)
	require.Equal(t, KindDown, KindOf(err))
	require.ErrorContains(t, err, "broker call get_view on "+nowhere.Socket()+": down")
	require.ErrorContains(t, err, "check that the broker runs")

	_, err = serve(t, nil).GetView(ctx)
	require.Equal(t, KindFault, KindOf(err))
	require.ErrorContains(t, err, `method "get_view" is not supported`)

	_, err = serve(t, answers{"get_view": nil}).GetView(ctx)
	require.Equal(t, KindProtocol, KindOf(err))
	require.ErrorContains(t, err, "view: expected a struct, got nil")

	_, _, err = nowhere.StatusMonitor(ctx, "\x00")
	require.Equal(t, KindArgument, KindOf(err))

	require.Empty(t, KindOf(errors.New("other")))
	require.Equal(t, KindBusy, classify(&xmlrpc.StatusError{Status: http.StatusServiceUnavailable}))
	require.Equal(t, KindProtocol, classify(&xmlrpc.StatusError{Status: http.StatusNotFound}))
	require.Equal(t, KindDenied, classify(&net.OpError{Op: "dial", Err: os.ErrPermission}))
	for _, k := range []Kind{KindDown, KindTimeout, KindBusy, KindDenied, KindFault, KindProtocol, KindArgument, KindEnded} {
		require.NotEmpty(t, k.remedy())
	}
}

// TestCallHasADeadline_S17: upstream's agent waits for ever for a blocked broker.
func TestCallHasADeadline_S17(t *testing.T) {
	socket := socketPath(t)
	l, err := net.Listen("unix", socket) // accepts into the backlog, never answers
	require.NoError(t, err)
	defer l.Close()
	_, err = New(socket, 50*time.Millisecond).GetHealth(t.Context())
	require.Equal(t, KindTimeout, KindOf(err), "%v", err)
	require.ErrorContains(t, err, "get_health")

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = New(socket, time.Hour).GetHealth(ctx)
	require.Equal(t, KindTimeout, KindOf(err), "%v", err)

	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err = New(socket, time.Hour).GetHealth(ctx)
	require.Equal(t, KindEnded, KindOf(err), "%v", err)
	require.ErrorIs(t, err, context.Canceled)
}

// TestBrokerRestartNeedsNoReconnect: a link has no connection that could be stale.
func TestBrokerRestartNeedsNoReconnect(t *testing.T) {
	socket := socketPath(t)
	link := New(socket, patience)
	for _, answer := range []string{"first", "second"} {
		s := xmlrpc.NewServer(xmlrpc.Options{})
		s.Handle("status_monitor", func(context.Context, []any) (any, error) { return answer, nil })
		l, err := net.Listen("unix", socket)
		require.NoError(t, err)
		served := make(chan error, 1)
		go func() { served <- s.Serve(l) }()
		text, _, err := link.StatusMonitor(t.Context(), "x")
		require.NoError(t, err)
		require.Equal(t, answer, text)
		require.NoError(t, s.Shutdown(t.Context()))
		require.NoError(t, <-served)
		_, _, err = link.StatusMonitor(t.Context(), "x")
		require.Equal(t, KindDown, KindOf(err), "%v", err)
	}
}

func TestRecordsPassUnchanged(t *testing.T) {
	data := []byte("1|1|100|3|3400|" + strings.Repeat("\x00", 4081))
	view := View{Segments: []SegmentView{{HostID: 3, Data: data, Source: SourceMemory}}, Lease: LeaseView{State: LeaseHeld}}
	got, err := serve(t, answers{"get_view": view.Value()}).GetView(t.Context())
	require.NoError(t, err)
	s, ok := got.Segment(3)
	require.True(t, ok)
	require.Equal(t, data, s.Data)
	_, ok = got.Segment(4)
	require.False(t, ok)
}
