package lease

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const sanlockPath = "/usr/sbin/sanlock"

// testIOTimeout makes a join take 3 s.
const testIOTimeout = time.Second

// needSanlock skips loudly where the real daemon cannot run, and fails in CI, where it must.
func needSanlock(t *testing.T) {
	t.Helper()
	missing := ""
	if _, err := os.Stat(sanlockPath); err != nil {
		missing = fmt.Sprintf("sanlock's daemon (%v); cure: apt-get install sanlock", err)
	} else if os.Geteuid() != 0 {
		missing = "root, to start sanlock's daemon; cure: run the tests with sudo"
	}
	if missing == "" {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("MISSING in CI: %s", missing)
	}
	t.Skipf("SKIPPED, NOT TESTED: this test needs %s", missing)
}

// daemon is a real sanlock daemon of one test, seen as one host.
type daemon struct {
	Client
	t     *testing.T
	cmd   *exec.Cmd
	ended chan struct{}
}

// startDaemon starts a private daemon with the given host name and waits until it answers.
func startDaemon(t *testing.T, host string) *daemon {
	t.Helper()
	needSanlock(t)
	// Not t.TempDir: a socket's path has room for 107 bytes.
	dir, err := os.MkdirTemp("/tmp", "sl")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	log, err := os.Create(filepath.Join(dir, "log"))
	require.NoError(t, err)
	defer log.Close()

	cmd := exec.Command(sanlockPath, "daemon", "-D", "-w", "0", "-l", "0", "-e", host, "-U", "root", "-G", "root")
	cmd.Env = append(os.Environ(), "SANLOCK_RUN_DIR="+dir, "SANLOCK_PRIVILEGED=0")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, cmd.Start())
	d := &daemon{
		Client: Client{Socket: filepath.Join(dir, "sanlock.sock"), Timeout: 10 * time.Second},
		t:      t, cmd: cmd, ended: make(chan struct{}),
	}
	go func() {
		defer close(d.ended)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("log of sanlock %s:\n%s", host, text)
		}
		d.stop()
	})
	require.Eventually(t, func() bool {
		_, err := d.Version(t.Context())
		return err == nil
	}, 30*time.Second, 20*time.Millisecond, "sanlock %s does not answer", host)
	return d
}

// stop ends the daemon, gently at first.
func (d *daemon) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = d.Shutdown(ctx, true)
	select {
	case <-d.ended:
	case <-time.After(15 * time.Second):
		_ = d.cmd.Process.Kill()
		<-d.ended
	}
}

// volume makes a sparse file with room for lease areas.
func volume(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "volume")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, os.Truncate(path, 16<<20))
	return path
}

// formatted makes a volume with an initialised lockspace and returns it for host id 1.
func (d *daemon) formatted(name string) Lockspace {
	d.t.Helper()
	flags, _, err := Geometry(512, 1)
	require.NoError(d.t, err)
	l := Lockspace{Name: name, HostID: 1, Path: volume(d.t)}
	format := l
	format.Flags = flags
	require.NoError(d.t, d.WriteLockspace(d.t.Context(), format, testIOTimeout))
	return l
}

// as returns l for another host id.
func (l Lockspace) as(hostID uint64) Lockspace {
	l.HostID = hostID
	return l
}

// listed returns l as the daemon lists it; ok is false when it does not.
func (d *daemon) listed(l Lockspace) (found Lockspace, ok bool) {
	d.t.Helper()
	list, err := d.GetLockspaces(d.t.Context())
	require.NoError(d.t, err)
	i := slices.IndexFunc(list, func(x Lockspace) bool { return x.Name == l.Name })
	if i < 0 {
		return Lockspace{}, false
	}
	return list[i], true
}

// join adds l the way a broker does, without waiting inside the daemon, and returns how long it took.
func (d *daemon) join(l Lockspace) time.Duration {
	d.t.Helper()
	started := time.Now()
	require.NoError(d.t, d.AddLockspace(d.t.Context(), l, true, testIOTimeout))
	require.Eventually(d.t, func() bool {
		found, ok := d.listed(l)
		require.True(d.t, ok, "joining %s failed", l)
		return found.Held()
	}, 60*time.Second, 20*time.Millisecond, "%s is not held", l)
	return time.Since(started)
}

// resource initialises the resource "engine" at 1 MiB of l's volume.
func (d *daemon) resource(l Lockspace) Resource {
	d.t.Helper()
	r := Resource{Lockspace: l.Name, Name: "engine", Disks: []Disk{{Path: l.Path, Offset: 1 << 20}}}
	require.NoError(d.t, d.WriteResource(d.t.Context(), r, false))
	return r
}
