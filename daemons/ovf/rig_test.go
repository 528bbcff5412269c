package ovf

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/directio"
	fixture "github.com/holdfast-ha/holdfast/fixtures/ovf"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// soon is how long a test waits for what takes milliseconds on an idle machine.
const soon = 30 * time.Second

// storage is a Device in memory, in whose operations a test can step in.
type storage struct {
	mu      sync.Mutex
	volumes map[string][]byte
	reads   map[string]int
	writes  map[string]int
	before  func(op, path string, n int) error // called before the n-th operation of its kind on path, counted from 1; without mu
}

func newStorage() *storage {
	return &storage{volumes: map[string][]byte{}, reads: map[string]int{}, writes: map[string]int{}}
}

func (s *storage) step(op, path string, counter map[string]int) error {
	s.mu.Lock()
	counter[path]++
	n, hook := counter[path], s.before
	s.mu.Unlock()
	if hook != nil {
		return hook(op, path, n)
	}
	return nil
}

func (s *storage) Read(path string, offset int64, length int) ([]byte, error) {
	if err := s.step("read", path, s.reads); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	data, ok := s.volumes[path]
	if !ok {
		return nil, &directio.Error{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	if offset >= int64(len(data)) {
		return nil, nil
	}
	return bytes.Clone(data[offset:min(int64(len(data)), offset+int64(length))]), nil
}

func (s *storage) Write(path string, offset int64, data []byte) error {
	if err := s.step("write", path, s.writes); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	copy(s.volumes[path][offset:], data)
	return nil
}

func (s *storage) set(path string, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.volumes[path] = bytes.Clone(data)
}

func (s *storage) configuration() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.volumes[config])
}

func (s *storage) hook(before func(op, path string, n int) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before, s.reads, s.writes = before, map[string]int{}, map[string]int{}
}

func (s *storage) count(counter *map[string]int, path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return (*counter)[path]
}

// hang makes every operation on path wait until the returned function is called; entered gets a value for each that waits.
func (s *storage) hang(t testing.TB, on string) (entered chan string, release func()) {
	t.Helper()
	entered = make(chan string, 100)
	gate := make(chan struct{})
	var once sync.Once
	s.hook(func(op, path string, _ int) error {
		if path == on {
			entered <- op
			<-gate
		}
		return nil
	})
	release = func() {
		once.Do(func() {
			s.hook(nil)
			close(gate)
		})
	}
	t.Cleanup(release)
	return entered, release
}

const (
	vm     = fixture.DefaultVM
	config = "/configuration"
	first  = "/store1"
	second = "/store2"
)

type rig struct {
	t       testing.TB
	storage *storage
	clock   *clock.Fake
	options Options
	*Room
}

// newRig is a host with two OVF_STOREs, neither of which the engine has written yet, and an archive.
func newRig(t testing.TB) *rig {
	t.Helper()
	dir := t.TempDir()
	r := &rig{t: t, storage: newStorage(), clock: clock.NewFake(1_000_000_000_000, time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC))}
	r.options = Options{
		VMConf: filepath.Join(dir, "vm.conf"), BrokerConf: filepath.Join(dir, "broker.conf"), StorePaths: []string{first, second},
		Device: r.storage, Clock: r.clock, LockWait: 200 * time.Millisecond, Settle: time.Millisecond,
	}
	r.storage.set(config, append(fixture.Archive(fixture.Spec{MemoryMiB: 1000}), make([]byte, 1<<20)...))
	for _, path := range []string{first, second} {
		r.storage.set(path, make([]byte, 1<<20))
		r.storage.set(path+".meta", fixture.Metadata(fixture.Spec{}))
	}
	r.Room = r.start()
	return r
}

// start is another process on the same host.
func (r *rig) start() *Room {
	room := New(r.options)
	room.Attach(Sources{Configuration: config})
	r.t.Cleanup(func() {
		room.Close()
		select {
		case <-room.Ended():
		case <-time.After(soon):
			r.t.Errorf("the lane has not ended: %+v", room.Lane())
		}
	})
	return room
}

func (r *rig) publish(path string, s fixture.Spec) {
	r.storage.set(path, append(fixture.Store(s), make([]byte, 1<<20)...))
	r.storage.set(path+".meta", fixture.Metadata(s))
}

func at(hour int) time.Time { return time.Date(2019, 5, 6, hour, 0, 0, 0, time.UTC) }

func (r *rig) refresh() error {
	ctx, cancel := context.WithTimeout(r.t.Context(), soon)
	defer cancel()
	return r.Refresh(ctx, vm)
}

func (r *rig) vmConf() string {
	r.t.Helper()
	text, err := os.ReadFile(r.options.VMConf)
	require.NoError(r.t, err)
	return string(text)
}

func (r *rig) requireMemory(want string) {
	r.t.Helper()
	require.Contains(r.t, r.vmConf(), "\nmemSize="+want+"\n")
}

// shortly is a context that ends before anything that hangs.
func (r *rig) shortly() context.Context {
	ctx, cancel := context.WithTimeout(r.t.Context(), 30*time.Millisecond)
	r.t.Cleanup(cancel)
	return ctx
}

func receive[T any](t testing.TB, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(soon):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}
