package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/faults/faultfs"
	"github.com/holdfast-ha/holdfast/faults/internal/needs"
)

// The file system and its victims are processes of their own: the test binary plays all three parts. A test process that
// used the mount itself could not be ended while its thread hangs.
const (
	roleVariable = "HOLDFAST_FAULTFS_TEST_ROLE"
	roleServer   = "server"
	roleVictim   = "victim"
)

const patience = 20 * time.Second

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case roleServer:
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		code := run(ctx, os.Args[1:], os.Stderr)
		stop()
		os.Exit(code)
	case roleVictim:
		os.Exit(victimMain(os.Args[1], os.Args[2:]))
	}
	goleak.VerifyTestMain(m)
}

// self is the test binary in a role.
func self(role string, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), roleVariable+"="+role, "GORACE=atexit_sleep_ms=0")
	cmd.Dir = "/"
	return cmd
}

// lab is a mounted fault file system with two files of eight segments, and whoever uses it.
type lab struct {
	t                      testing.TB
	backing, mount, socket string
	second                 string // another mount of the same files; "" in most labs
	client                 faultfs.Client
	server                 *exec.Cmd
	exited                 chan struct{} // closed when the server's exit code is known
	log                    *lockedBuffer
}

func newLab(t testing.TB) *lab { return makeLab(t, false) }

// newLabForTwo also has a second mount, as each host of a cluster has its own.
func newLabForTwo(t testing.TB) *lab { return makeLab(t, true) }

func makeLab(t testing.TB, two bool) *lab {
	t.Helper()
	needs.FUSE(t)
	dir := t.TempDir()
	l := &lab{t: t, backing: filepath.Join(dir, "volumes"), mount: filepath.Join(dir, "export"), socket: filepath.Join(dir, "c.sock")}
	l.client = faultfs.Client{Socket: l.socket}
	require.NoError(t, os.Mkdir(l.backing, 0o755))
	require.NoError(t, os.Mkdir(l.mount, 0o755))
	if two {
		l.second = filepath.Join(dir, "export2")
		require.NoError(t, os.Mkdir(l.second, 0o755))
	}
	for _, name := range []string{"w.img", "other.img"} {
		require.NoError(t, os.WriteFile(filepath.Join(l.backing, name), bytes.Repeat([]byte(name[:1]), 8*4096), 0o644))
	}
	l.start()
	t.Cleanup(l.tearDown)
	return l
}

// start runs the server and waits for its ready line.
func (l *lab) start() {
	l.t.Helper()
	l.log = &lockedBuffer{}
	args := []string{"--backing", l.backing, "--mount", l.mount, "--control", l.socket}
	if l.second != "" {
		args = append(args, "--mount", l.second)
	}
	l.server = self(roleServer, args...)
	stderr, err := l.server.StderrPipe()
	require.NoError(l.t, err)
	require.NoError(l.t, l.server.Start())
	l.exited = make(chan struct{})
	ready, cmd, exited := make(chan struct{}), l.server, l.exited
	go func() {
		defer close(exited)
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			fmt.Fprintln(l.log, lines.Text())
			if strings.Contains(lines.Text(), `"msg":"mounted"`) {
				close(ready)
			}
		}
		_ = cmd.Wait()
	}()
	select {
	case <-ready:
	case <-exited:
		require.FailNow(l.t, "the server ended", l.log.String())
	case <-time.After(patience):
		require.FailNow(l.t, "the server is not ready", l.log.String())
	}
}

// stop sends a signal and returns the exit code.
func (l *lab) stop(sig syscall.Signal) int {
	l.t.Helper()
	require.NoError(l.t, l.server.Process.Signal(sig))
	return l.exitCode()
}

func (l *lab) exitCode() int {
	l.t.Helper()
	select {
	case <-l.exited:
	case <-time.After(patience):
		require.FailNow(l.t, "the server does not end", l.log.String())
	}
	return l.server.ProcessState.ExitCode()
}

// tearDown leaves nothing behind, whatever state the test left things in: abort the connection, kill, detach.
func (l *lab) tearDown() {
	for _, minor := range l.mounts() {
		if l.t.Failed() {
			_ = l.abort(minor)
		}
	}
	_ = l.server.Process.Signal(syscall.SIGTERM)
	select {
	case <-l.exited:
	case <-time.After(patience):
		l.t.Errorf("the server had to be killed:\n%s", l.log.String())
		_ = l.server.Process.Kill()
		<-l.exited
	}
	if left := l.mounts(); len(left) > 0 && !l.t.Failed() && l.server.ProcessState.ExitCode() != -1 {
		l.t.Errorf("still mounted after the end: %s (%v)", l.mount, left)
	}
	for range l.mounts() {
		_ = unix.Unmount(l.mount, unix.MNT_DETACH)
		_ = unix.Unmount(l.second, unix.MNT_DETACH)
	}
	if len(l.mounts()) > 0 {
		l.t.Errorf("cannot be unmounted: %s", l.mount)
	}
	if l.t.Failed() {
		l.t.Logf("the server's log:\n%s", l.log.String())
	}
}

// mounts returns the device minors of what is mounted on the mount points; they are the numbers of the FUSE connections.
func (l *lab) mounts() (minors []string) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		l.t.Errorf("mountinfo: %v", err)
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 4 && (f[4] == l.mount || f[4] == l.second) {
			minors = append(minors, strings.TrimPrefix(f[2], "0:"))
		}
	}
	return minors
}

// abort ends a FUSE connection from outside. The control file system need not be mounted where it usually is, so it is mounted
// for a moment in a place of our own.
func (l *lab) abort(connection string) error {
	dir, err := os.MkdirTemp("", "fusectl")
	if err != nil {
		return err
	}
	defer os.Remove(dir)
	if err := unix.Mount("fusectl", dir, "fusectl", 0, ""); err != nil {
		return err
	}
	defer func() { _ = unix.Unmount(dir, unix.MNT_DETACH) }()
	return os.WriteFile(filepath.Join(dir, connection, "abort"), []byte("1"), 0)
}

// lockedBuffer collects the server's log.
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

// add puts a rule into effect.
func (l *lab) add(r faultfs.Rule) string {
	l.t.Helper()
	id, err := l.client.Add(l.t.Context(), r)
	require.NoError(l.t, err)
	return id
}

// clear removes a rule and returns its last status.
func (l *lab) clear(id string) faultfs.RuleStatus {
	l.t.Helper()
	s, err := l.client.Clear(l.t.Context(), id)
	require.NoError(l.t, err)
	return s
}

// requireHeld waits until so many requests are held.
func (l *lab) requireHeld(want int64) {
	l.t.Helper()
	var s faultfs.Status
	require.Eventually(l.t, func() bool {
		var err error
		s, err = l.client.Status(context.Background())
		return err == nil && s.Held == want
	}, patience, 2*time.Millisecond, "want %d held requests", want)
}
