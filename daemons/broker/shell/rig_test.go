package shell_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-ha/holdfast/daemons/broker/shell"
	"github.com/holdfast-ha/holdfast/daemons/brokerlink"
	"github.com/holdfast-ha/holdfast/daemons/config"
	"github.com/holdfast-ha/holdfast/daemons/lease"
	"github.com/holdfast-ha/holdfast/daemons/vm"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard/segmentfile"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 5 && os.Args[1] == holder {
		os.Exit(holderMain(os.Args[2], os.Args[3], os.Args[4]))
	}
	goleak.VerifyTestMain(m)
}

// patience is how long a test waits for what must come; nothing measured is anywhere near it.
const patience = 20 * time.Second

// prompt is what a test calls "at once": far above what an answer from memory takes, far below a hang.
const prompt = 3 * time.Second

// gate holds operations up until it is opened.
type gate struct {
	mu   sync.Mutex
	shut chan struct{} // nil = open; guarded by mu
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut == nil {
		g.shut = make(chan struct{})
	}
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut != nil {
		close(g.shut)
		g.shut = nil
	}
}

func (g *gate) pass() {
	g.mu.Lock()
	shut := g.shut
	g.mu.Unlock()
	if shut != nil {
		<-shut
	}
}

// storage is a real file behind gates.
type storage struct {
	segmentfile.Volume
	reader        *segmentfile.Reader
	writes, reads gate
	mu            sync.Mutex
	failure       error // of writes; guarded by mu
}

func newStorage(path string) *storage {
	v := segmentfile.Volume{Path: path, AllowBuffered: true}
	return &storage{Volume: v, reader: segmentfile.NewReader(v, 3)}
}

func (s *storage) Write(segment int, data *whiteboard.Segment) error {
	s.writes.pass()
	s.mu.Lock()
	err := s.failure
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.Volume.Write(segment, data)
}

func (s *storage) Pass(full bool) (segmentfile.Pass, error) {
	s.reads.pass()
	return s.reader.Pass(full)
}

func (s *storage) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure = err
}

// fakeSanlock joins and leaves at once.
type fakeSanlock struct {
	mu     sync.Mutex
	held   bool  // guarded by mu
	lost   bool  // sanlock has given the lockspace up and is ending its holders; guarded by mu
	used   bool  // a process holds a resource in the lockspace; guarded by mu
	err    error // of every call; guarded by mu
	writes int   // of the lockspace; guarded by mu
	slow   gate
	ls     lease.Lockspace
}

func (f *fakeSanlock) set(change func(*fakeSanlock)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

func (f *fakeSanlock) LockspaceStatus(context.Context, string) (lease.LockspaceStatus, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return lease.LockspaceStatus{Lockspace: f.ls, Lost: f.lost}, f.held && f.err == nil, f.err
}

func (f *fakeSanlock) AddLockspace(_ context.Context, l lease.Lockspace, async bool, _ time.Duration) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !async {
		return errors.New("the broker must not wait for sanlock")
	}
	if f.err == nil {
		f.held, f.ls = true, l
	}
	return f.err
}

func (f *fakeSanlock) RemUnusedLockspace(_ context.Context, _ lease.Lockspace, async bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !async {
		return errors.New("the broker must not wait for sanlock")
	}
	if f.used {
		return lease.ErrBusy
	}
	if f.err == nil {
		f.held = false
	}
	return f.err
}

func (f *fakeSanlock) WriteLockspace(context.Context, lease.Lockspace, time.Duration) error {
	f.slow.pass()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.writes++
	return f.err
}

// testConfig is host 3 with short times.
func testConfig(t testing.TB, whiteboardPath string) config.Config {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "hb") // not TempDir: a socket's path has room for 107 bytes
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	cfg := config.Default()
	cfg.HostID = 3
	cfg.RunDir, cfg.BrokerSocket, cfg.OpsSocket = dir, filepath.Join(dir, "run", "broker.socket"), filepath.Join(dir, "run", "ops.socket")
	cfg.StateDir, cfg.VMConf, cfg.BrokerConf = dir, filepath.Join(dir, "vm.conf"), filepath.Join(dir, "broker.conf")
	cfg.SocketOwner = ""
	cfg.WhiteboardPath, cfg.LockspacePath = whiteboardPath, filepath.Join(dir, "lockspace")
	cfg.SanlockSocket = filepath.Join(dir, "sanlock.sock")
	cfg.IOTimeout = time.Second
	timing := &cfg.Timing
	timing.Tick, timing.StorageDelay, timing.MonitorInterval = 10*time.Millisecond, 50*time.Millisecond, 50*time.Millisecond
	timing.StallAfter, timing.ViewLimit = 300*time.Millisecond, time.Second
	timing.WriteRetryMin, timing.WriteRetryMax = 20*time.Millisecond, 100*time.Millisecond
	timing.ReconnectMin, timing.ReconnectMax, timing.DomainInterval = 50*time.Millisecond, 200*time.Millisecond, 50*time.Millisecond
	timing.LeasePoll, timing.RejoinBackoff = 20*time.Millisecond, 50*time.Millisecond
	timing.ShutdownGrace = 6 * time.Second
	return cfg
}

func newVolume(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "whiteboard")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, os.Truncate(path, 16<<20))
	return path
}

// rig is a running broker.
type rig struct {
	t       testing.TB
	cfg     config.Config
	link    *brokerlink.Link
	storage *storage
	sanlock *fakeSanlock
	log     *lockedBuffer
	cancel  context.CancelFunc
	ended   chan error
}

func start(t testing.TB, change func(*shell.Options)) *rig {
	t.Helper()
	path := newVolume(t)
	r := &rig{t: t, storage: newStorage(path), sanlock: &fakeSanlock{}, log: &lockedBuffer{}, ended: make(chan error, 1)}
	options := shell.Options{
		Config: testConfig(t, path), VM: vm.None(), Storage: r.storage, Sanlock: r.sanlock,
		Log: slog.New(slog.NewJSONHandler(r.log, nil)),
	}
	serving := make(chan struct{})
	options.Serving = func(string) { close(serving) }
	if change != nil {
		change(&options)
	}
	r.cfg = options.Config
	r.link = brokerlink.New(r.cfg.BrokerSocket, prompt)
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	go func() { r.ended <- shell.Run(ctx, options) }()
	t.Cleanup(func() {
		r.storage.writes.open()
		r.storage.reads.open()
		r.sanlock.slow.open()
		_ = r.stop()
	})
	select {
	case <-serving:
	case err := <-r.ended:
		r.ended <- err
		t.Fatalf("the broker did not begin: %v", err)
	case <-time.After(patience):
		t.Fatal("the broker does not serve")
	}
	return r
}

// stop ends the broker and returns what Run returned.
func (r *rig) stop() error {
	r.t.Helper()
	r.cancel()
	select {
	case err := <-r.ended:
		r.ended <- err
		return err
	case <-time.After(patience):
		r.t.Fatal("the broker does not end")
		return nil
	}
}

func (r *rig) eventually(what string, condition func() bool) {
	r.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if condition() {
			return
		}
	}
	r.t.Fatalf("not within %s: %s\n%s", patience, what, r.log.String())
}

func (r *rig) view() brokerlink.View {
	r.t.Helper()
	view, err := r.link.GetView(r.t.Context())
	require.NoError(r.t, err)
	return view
}

func (r *rig) segment(id int) brokerlink.SegmentView {
	r.t.Helper()
	view := r.view()
	s, _ := view.Segment(id)
	return s
}

func (r *rig) warns(code string) bool {
	r.t.Helper()
	answer, err := r.link.GetHealth(context.Background())
	require.NoError(r.t, err)
	for _, w := range answer.Warnings {
		if w.Code == code {
			return true
		}
	}
	return false
}

func (r *rig) put(id int, data []byte) {
	r.t.Helper()
	ok, err := r.link.PutStats(context.Background(), id, data)
	require.NoError(r.t, err)
	require.True(r.t, ok, "put refused\n%s", r.log.String())
}

func (r *rig) hold() {
	r.t.Helper()
	r.eventually("the lease is held", func() bool {
		held, err := r.link.LockHostID(context.Background(), 3)
		require.NoError(r.t, err)
		return held
	})
}

func (r *rig) onDisk(id int) []byte {
	r.t.Helper()
	data, err := os.ReadFile(r.storage.Path)
	require.NoError(r.t, err)
	return data[id*whiteboard.SegmentSize : (id+1)*whiteboard.SegmentSize]
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer // guarded by mu
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// record returns a host's record as its agent would put it.
func record(t testing.TB, hostID int, timestamp int64) []byte {
	t.Helper()
	wall := time.Unix(1_700_000_000+timestamp, 0).UTC()
	s, err := whiteboard.Encode(whiteboard.Record{
		ParseVersion: whiteboard.ParseVersion, FeatureVersion: whiteboard.FeatureVersion, Timestamp: timestamp, HostID: hostID, Score: 3400,
		EngineStatus: "null", HostName: "host", ConfOnSharedStorage: true,
	}, whiteboard.Human{Timestamp: timestamp, HostID: hostID, Score: 3400, ConfOnSharedStorage: true, TimestampWall: wall, ConfWall: wall})
	require.NoError(t, err)
	return s[:]
}

func maintenanceOn() []byte {
	s := whiteboard.EncodeGlobal(whiteboard.Global{Maintenance: true})
	return s[:]
}

func testLogger() *slog.Logger { return slog.New(slog.DiscardHandler) }
