package shell_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/broker/shell"
	"github.com/holdfast-ha/holdfast/daemons/brokerlink"
	"github.com/holdfast-ha/holdfast/daemons/lease"
)

const sanlockPath = "/usr/sbin/sanlock"

// needSanlock skips loudly where the real daemon cannot run, and fails in CI, where it must.
func needSanlock(t *testing.T) {
	t.Helper()
	missing := ""
	if _, err := os.Stat(sanlockPath); err != nil {
		missing = fmt.Sprintf("sanlock's daemon (%v); cure: apt-get install sanlock", err)
	} else if os.Geteuid() != 0 {
		missing = "root, to start sanlock's daemon; cure: run the tests with sudo"
	}
	switch {
	case missing == "":
	case os.Getenv("CI") == "true":
		t.Fatalf("MISSING in CI: %s", missing)
	default:
		t.Skipf("SKIPPED, NOT TESTED: this test needs %s", missing)
	}
}

// startSanlock starts a private daemon in dir and returns its process.
func startSanlock(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(sanlockPath, "daemon", "-D", "-w", "0", "-l", "0", "-e", "host3", "-U", "root", "-G", "root")
	cmd.Env = append(os.Environ(), "SANLOCK_RUN_DIR="+dir, "SANLOCK_PRIVILEGED=0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, cmd.Start())
	client := lease.Client{Socket: filepath.Join(dir, "sanlock.sock"), Timeout: time.Second}
	require.Eventually(t, func() bool {
		_, err := client.Version(context.Background())
		return err == nil
	}, patience, 20*time.Millisecond)
	return cmd
}

// holder is the mode in which the test program registers with sanlock and holds a resource, as the engine does. A
// process that is registered may be killed by sanlock, so it must not be the test itself.
const holder = "hold-resource"

func holderMain(socket, lockspace, path string) int {
	ctx := context.Background()
	registered, err := lease.Client{Socket: socket, Timeout: 20 * time.Second}.Register(ctx)
	if err == nil {
		err = registered.Acquire(ctx, lease.AcquireOptions{}, lease.Resource{Lockspace: lockspace, Name: "engine", Disks: []lease.Disk{{Path: path}}})
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("held")
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0
}

func startHolder(t *testing.T, socket, lockspace, path string) (release func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0], holder, socket, lockspace, path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, _ := bufio.NewReader(out).ReadString('\n')
	require.Equal(t, "held\n", line)
	return func() {
		in.Close()
		require.NoError(t, cmd.Wait(), "the holder must not have been killed")
	}
}

// The whole life of a lease with the real daemon: make the lockspace, join, lose sanlock, join again, keep it for the
// engine, give it back.
func TestTheLeaseWithTheRealSanlock(t *testing.T) {
	needSanlock(t)
	r := start(t, func(o *shell.Options) {
		o.Sanlock = nil
		o.Config.IOTimeout = time.Second
		for _, name := range []string{"lockspace", "engine.lease"} {
			path := filepath.Join(o.Config.RunDir, name)
			require.NoError(t, os.WriteFile(path, nil, 0o600))
			require.NoError(t, os.Truncate(path, 16<<20))
		}
	})
	r.eventually("sanlock is missed", func() bool {
		return strings.Contains(r.log.String(), "no sanlock daemon") || r.warns("lease-unconfirmed")
	})
	daemon := startSanlock(t, r.cfg.RunDir)
	defer func() {
		_ = daemon.Process.Kill()
		_ = daemon.Wait()
	}()
	client := lease.Client{Socket: r.cfg.SanlockSocket, Timeout: 10 * time.Second}

	r.eventually("reset_lockspace is taken", func() bool {
		ok, err := r.link.ResetLockspace(t.Context())
		require.NoError(t, err)
		return ok || strings.Contains(r.view().Lease.Detail, "empty lockspace was written")
	})
	r.put(3, record(t, 3, 1))
	began := time.Now()
	r.hold()
	t.Logf("joined in %s (I/O timeout 1 s)", time.Since(began).Round(100*time.Millisecond))
	r.eventually("durable", func() bool { return r.segment(3).Durable })

	require.NoError(t, daemon.Process.Kill())
	_ = daemon.Wait()
	r.eventually("lost with sanlock", func() bool { return r.view().Lease.State == brokerlink.LeaseLost })
	r.put(3, record(t, 3, 2))
	require.True(t, r.segment(3).Pending, "no lease, no write")
	daemon = startSanlock(t, r.cfg.RunDir)
	r.eventually("joined again by itself", func() bool { return r.view().Lease.State == brokerlink.LeaseHeld })
	r.eventually("durable", func() bool { return r.segment(3).Durable })

	flags, _, err := lease.Geometry(512, 1)
	require.NoError(t, err)
	engineLease := filepath.Join(r.cfg.RunDir, "engine.lease")
	require.NoError(t, client.WriteResource(t.Context(), lease.Resource{
		Lockspace: r.cfg.LockspaceName, Name: "engine", Disks: []lease.Disk{{Path: engineLease}}, Flags: flags,
	}, false))
	release := startHolder(t, r.cfg.SanlockSocket, r.cfg.LockspaceName, engineLease)
	ok, err := r.link.ReleaseHostID(t.Context())
	require.NoError(t, err)
	require.True(t, ok)
	r.eventually("kept for the engine", func() bool { return strings.Contains(r.view().Lease.Detail, "a process holds a resource in it") })
	release()
	r.eventually("the resource is free, and so is the host id", func() bool {
		_, err := r.link.ReleaseHostID(t.Context())
		require.NoError(t, err)
		return r.view().Lease.State == brokerlink.LeaseNone
	})
	list, err := client.GetLockspaces(t.Context())
	require.NoError(t, err)
	require.Empty(t, list)
}
