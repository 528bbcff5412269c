package storage

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/daemons/mountinfo"
)

// The tests of this file mount for real.

// missing skips loudly where the machine lacks something, and fails in CI, where nothing may be lacking.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("MISSING in CI: %s", what)
	}
	t.Skipf("SKIPPED, NOT TESTED: this test needs %s", what)
}

// kernelSettings are for a directory that is bound to where it belongs, all below the test's own directory.
func kernelSettings(t *testing.T) Settings {
	t.Helper()
	if os.Geteuid() != 0 {
		missing(t, "root, to mount; cure: run the tests with sudo")
	}
	// Not t.TempDir: while something is mounted below it, it must not be removed.
	dir, err := os.MkdirTemp("", "storage")
	require.NoError(t, err)
	t.Cleanup(func() {
		table, err := os.ReadFile(mountinfo.Path)
		require.NoError(t, err)
		for _, m := range mountinfo.Parse(string(table)) {
			if strings.HasPrefix(m.Point, dir+"/") {
				t.Errorf("%s is still mounted on %s", m.Source, m.Point)
				_ = unix.Unmount(m.Point, unix.MNT_DETACH)
			}
		}
		if !t.Failed() {
			require.NoError(t, os.RemoveAll(dir))
		}
	})
	source := filepath.Join(dir, "export")
	writeDomain(t, source, "4096")
	s := testSettings("posix", source)
	s.VFSType, s.MountOptions = "none", "bind"
	s.MountParent, s.RunLinks = filepath.Join(dir, "mnt"), filepath.Join(dir, "run")
	return s
}

func TestPosixForReal(t *testing.T) {
	s := kernelSettings(t)
	d := newDriver(t, s, Deps{Note: func(text string) { t.Error(text) }})
	v, err := d.Connect(t.Context())
	require.NoError(t, err)
	require.Equal(t, 4096, v.Sector)
	require.Equal(t, filepath.Join(s.RunLinks, testDomain, metaImage, metaVolume), v.Whiteboard)
	got, err := os.ReadFile(v.Whiteboard)
	require.NoError(t, err)
	require.Len(t, got, 8192)
	target, err := os.Readlink(filepath.Join(s.Connection, testDomain, "ha_agent", "hosted-engine.lockspace"))
	require.NoError(t, err)
	require.Equal(t, v.Lockspace, target)

	again, err := newDriver(t, s, Deps{}).Connect(t.Context())
	require.NoError(t, err, "by another broker")
	require.Equal(t, v, again)

	held, err := os.Open(v.Whiteboard)
	require.NoError(t, err)
	defer held.Close()
	require.NoError(t, d.Disconnect(t.Context()), "who has a file open keeps it")
	require.NoFileExists(t, v.Whiteboard)
	require.NoFileExists(t, d.(*fileDriver).point)
	_, err = held.Stat()
	require.NoError(t, err)
	require.NoError(t, d.Disconnect(t.Context()))
}

func TestTmpfsForReal(t *testing.T) {
	s := kernelSettings(t)
	s.Connection, s.VFSType, s.MountOptions = "scratch", "tmpfs", "size=1m"
	d := newDriver(t, s, Deps{})
	_, err := d.Connect(t.Context())
	require.Equal(t, KindMissing, kindOf(err), "an empty file system has no domain: %v", err)
	point := d.(*fileDriver).point
	writeDomain(t, point, "512")
	v, err := d.Connect(t.Context())
	require.NoError(t, err)
	require.Equal(t, 512, v.Sector)
	require.NoError(t, d.Disconnect(t.Context()))
}

// deadMount mounts a file system whose server never answers: whoever touches anything of it hangs.
func deadMount(t *testing.T, point, source string) {
	t.Helper()
	fuse, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		missing(t, fmt.Sprintf("/dev/fuse (%v)", err))
	}
	require.NoError(t, os.MkdirAll(point, 0o755))
	if err := unix.Mount(source, point, "fuse", 0, fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0", fuse)); err != nil {
		_ = unix.Close(fuse)
		missing(t, fmt.Sprintf("to mount FUSE (%v)", err))
	}
	var once sync.Once
	release := func() { once.Do(func() { _ = unix.Close(fuse) }) } // everybody who hangs gets an error
	t.Cleanup(func() {
		release()
		_ = unix.Unmount(point, unix.MNT_DETACH)
	})
	// The proof that it hangs: a process that looks at it does not end.
	cmd := exec.Command("stat", point)
	cmd.Dir = "/"
	require.NoError(t, cmd.Start())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }()
	t.Cleanup(func() { release(); _ = cmd.Process.Kill(); <-ended })
	select {
	case <-ended:
		t.Fatal("the dead mount answers")
	case <-time.After(200 * time.Millisecond):
	}
}

// soon is far longer than anything here takes that does not hang.
const soon = 60 * time.Second

// Dead mounts of others beside the domain's own: upstream's broker lists and looks at them all, and hangs.
func TestDeadMountsOfOthers_S20(t *testing.T) {
	s := kernelSettings(t)
	deadMount(t, filepath.Join(s.MountParent, "a:_dead"), "a:/dead")
	deadMount(t, filepath.Join(s.MountParent, "zz:_dead"), "zz:/dead")
	d := newDriver(t, s, Deps{Note: func(text string) { t.Error(text) }})
	ended := make(chan error, 1)
	go func() {
		_, err := d.Connect(t.Context())
		if err == nil {
			_, err = Reconnect(t.Context(), d)
		}
		if err == nil {
			err = d.Disconnect(t.Context())
		}
		ended <- err
	}()
	select {
	case err := <-ended:
		require.NoError(t, err)
	case <-time.After(soon):
		t.Fatal("hangs: somebody else's mount was touched")
	}
}

// The domain's own server is dead: Connect and Disconnect end by their deadlines, and Disconnect takes the mount away.
func TestTheDomainsOwnDeadMount(t *testing.T) {
	s := kernelSettings(t)
	s.Connection, s.VFSType, s.MountOptions = "nas:/he", "fuse", ""
	s.SubprocessTimeout = time.Second
	d := newDriver(t, s, Deps{})
	point := d.(*fileDriver).point
	deadMount(t, point, "nas:/he")
	began := time.Now()
	_, err := d.Connect(t.Context())
	require.Equal(t, KindTimeout, kindOf(err), "%v", err)
	_, err = Reconnect(t.Context(), d)
	require.Equal(t, KindTimeout, kindOf(err), "%v", err)
	require.NoError(t, d.Disconnect(t.Context()))
	require.Less(t, time.Since(began), soon)
	require.NoDirExists(t, point)
}
