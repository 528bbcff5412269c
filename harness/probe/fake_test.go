package probe

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-ha/holdfast/daemons/brokerlink"
	"github.com/holdfast-ha/holdfast/daemons/xmlrpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 30 * time.Second

// ownRecord is what the fake broker holds of host 1.
var ownRecord = append([]byte("1|1|4711|1|3400|{}|host1|0|0|0|1|0"), make([]byte, 4096-34)...)

// fake is a broker that answers from constants and remembers what it was asked.
type fake struct {
	server *xmlrpc.Server
	socket string

	mu    sync.Mutex
	args  map[string][]any // of the last call
	calls map[string]int
	lease string
	// domain is the state of its monitor.
	domain string
	alive  []int
	held   map[string]chan struct{} // methods that block until closed
}

// newFake returns a fake that serves nothing yet.
func newFake(t *testing.T) *fake {
	t.Helper()
	dir, err := os.MkdirTemp("", "probe")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	f := &fake{
		server: xmlrpc.NewServer(xmlrpc.Options{}), socket: filepath.Join(dir, "s"),
		args: map[string][]any{}, calls: map[string]int{}, held: map[string]chan struct{}{},
		lease: brokerlink.LeaseHeld, domain: brokerlink.DomainOn, alive: []int{1, 2},
	}
	for _, name := range Methods() {
		f.server.Handle(name, func(_ context.Context, args []any) (any, error) { return f.answer(name, args) })
	}
	return f
}

func (f *fake) answer(name string, args []any) (any, error) {
	f.mu.Lock()
	f.args[name] = args
	f.calls[name]++
	held, lease, domain, alive := f.held[name], f.lease, f.domain, f.alive
	f.mu.Unlock()
	if held != nil {
		<-held
	}
	switch name {
	case "get_stats":
		return xmlrpc.Struct{{Name: "1", Value: ownRecord}}, nil
	case "is_host_alive":
		return alive, nil
	case "get_view":
		return brokerlink.View{
			Now: 5, ReadAge: 0.5, Storage: "",
			Segments: []brokerlink.SegmentView{
				{HostID: 0, Data: []byte("maintenance=0"), Source: brokerlink.SourceStorage, DurableAge: -1},
				{HostID: 1, Data: ownRecord, Source: brokerlink.SourceMemory, Age: 2, Pending: true, DurableAge: 12},
			},
			Lease: brokerlink.LeaseView{State: lease, HostID: 1, Age: 1},
		}.Value(), nil
	case "get_lanes":
		return brokerlink.Lanes{Now: 5, Lanes: []brokerlink.LaneView{{Name: "ha-writer", TID: 7, Busy: true, Op: "write", Segment: 1, BlockedFor: 3}}}.Value(), nil
	case "get_health":
		return brokerlink.Health{Now: 5, Uptime: 4, Warnings: []brokerlink.Warning{{Code: "writer-stalled", Title: "t"}}}.Value(), nil
	case "release_host_id", "reset_lockspace", "stop_domain_monitor", "connect_storage", "disconnect_storage":
		return nil, xmlrpc.CountBetween(args, 0, 1)
	case "put_shared_file":
		return nil, xmlrpc.CountBetween(args, 2, 3)
	case "get_status":
		return brokerlink.Status{Version: "1", Domain: brokerlink.DomainView{State: domain, HostID: 1}, Monitors: []brokerlink.MonitorView{{Type: "ping", Text: "True"}}}.Value(), nil
	case "get_shared_file":
		return brokerlink.SharedFile{Data: []byte("memSize=4096")}.Value(), nil
	}
	return "ok", nil
}

// hold makes a method block until the returned function is called.
func (f *fake) hold(name string) (release func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	held := make(chan struct{})
	f.held[name] = held
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.held, name)
		close(held)
	}
}

// set changes the fake's state.
func (f *fake) set(change func(*fake)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

// lastArgs returns the arguments of the last call of a method, and how often it was called.
func (f *fake) lastArgs(name string) ([]any, int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.args[name], f.calls[name]
}

func (f *fake) serve(t *testing.T) {
	t.Helper()
	l, err := net.Listen("unix", f.socket)
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- f.server.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_ = f.server.Shutdown(ctx)
		require.NoError(t, <-served)
	})
}

// tape is an output that decodes what it gets.
type tape struct {
	mu    sync.Mutex
	tail  Tail
	lines []Line
	torn  int // writes that were not exactly one line
}

func (r *tape) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if bytes.IndexByte(p, '\n') != len(p)-1 {
		r.torn++
	}
	r.lines = append(r.lines, r.tail.Feed(p)...)
	return len(p), nil
}

// find returns the lines so far that fit.
func (r *tape) find(fits func(Line) bool) []Line {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []Line
	for _, l := range r.lines {
		if fits(l) {
			found = append(found, l)
		}
	}
	return found
}

// await waits until a line fits, and returns it.
func (r *tape) await(t *testing.T, what string, fits func(Line) bool) Line {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if found := r.find(fits); len(found) > 0 {
			return found[0]
		}
	}
	require.FailNow(t, "no line came: "+what)
	return Line{}
}

// start runs a probe until the test ends; change may alter its options.
func start(t *testing.T, f *fake, change func(*Options)) (lines *tape, stop func() error) {
	t.Helper()
	lines = &tape{}
	o := Options{Socket: f.socket, PIDs: t.TempDir(), HostID: 1, SDUUID: "sd-1", Replay: true, Rate: 25, Timeout: patience, Out: lines}
	if change != nil {
		change(&o)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, o) }()
	var once sync.Once
	var err error
	stop = func() error {
		once.Do(func() {
			cancel()
			select {
			case err = <-ended:
			case <-time.After(patience):
				t.Error("the probe did not end")
			}
		})
		return err
	}
	t.Cleanup(func() { _ = stop() })
	return lines, stop
}
