package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/faults/faultfs"
)

func TestKillingTheServerFreesTheVictim(t *testing.T) {
	l := newLab(t)
	l.add(faultfs.Rule{Kind: faultfs.Hang, Ops: write})
	v := l.victim("write", "w.img", 0)
	l.requireHeld(1)
	start := time.Now()
	require.Equal(t, -1, l.stop(syscall.SIGKILL), "ended by a signal")
	r := v.done()
	t.Logf("the victim got %s %s after the kill", r.Errno, time.Since(start))
	require.Contains(t, []string{"ENOTCONN", "ECONNABORTED"}, r.Errno)
	var st unix.Statfs_t
	require.ErrorIs(t, unix.Statfs(l.mount, &st), unix.ENOTCONN, "the dead mount is still there")

	l.start()
	require.Contains(t, l.log.String(), "dead mount")
	require.Len(t, l.mounts(), 1, "the dead mount was taken away")
	require.Empty(t, l.victim("write", "w.img", 0).done().Errno, "no rule outlives the server")
}

func TestTermFreesTheVictimAndUnmounts(t *testing.T) {
	l := newLab(t)
	l.add(faultfs.Rule{Kind: faultfs.Hang, Ops: write})
	v := l.victim("write", "w.img", 0)
	l.requireHeld(1)
	code := l.stop(syscall.SIGTERM)
	require.Empty(t, v.done().Errno, "its write went through")
	require.Contains(t, []int{exitOK, exitBusy}, code, "the victim may have been slow to close its file")
	require.Empty(t, l.mounts())
	require.NoFileExists(t, l.socket)
}

func TestTermWithoutUsersEndsCleanly(t *testing.T) {
	l := newLab(t)
	require.Equal(t, exitOK, l.stop(syscall.SIGTERM), l.log.String())
	require.Empty(t, l.mounts())
	require.Contains(t, l.log.String(), `"msg":"unmounted"`)
}

func TestTermDetachesABusyMount(t *testing.T) {
	l := newLab(t)
	l.victim("idle", "w.img", 0)
	require.Equal(t, exitBusy, l.stop(syscall.SIGTERM), l.log.String())
	require.Empty(t, l.mounts())
}

// Held requests have nobody to go back to after an abort; they must not keep the process.
func TestAbortEndsTheServer(t *testing.T) {
	l := newLab(t)
	l.add(faultfs.Rule{Kind: faultfs.Hang, Ops: write})
	v := l.victim("write", "w.img", 0)
	l.requireHeld(1)
	require.NoError(t, l.abort(l.mounts()[0]))
	require.Contains(t, []string{"ENOTCONN", "ECONNABORTED"}, v.done().Errno)
	require.Equal(t, exitFailure, l.exitCode(), l.log.String())
	require.Empty(t, l.mounts())
}

func TestUnmountFromOutsideEndsTheServer(t *testing.T) {
	l := newLab(t)
	require.NoError(t, unix.Unmount(l.mount, 0))
	require.Equal(t, exitFailure, l.exitCode(), l.log.String())
	require.Contains(t, l.log.String(), "unmounted from outside")
}

func TestUnmountFromOutsideWithAHeldVictim(t *testing.T) {
	l := newLab(t)
	l.add(faultfs.Rule{Kind: faultfs.Hang, Ops: write})
	v := l.victim("write", "w.img", 0)
	l.requireHeld(1)
	require.NoError(t, unix.Unmount(l.mount, unix.MNT_DETACH))
	require.Equal(t, exitFailure, l.exitCode(), l.log.String())
	require.Empty(t, v.done().Errno, "its write went through")
}

func TestWrongUse(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(dir, "in")
	require.NoError(t, os.Mkdir(in, 0o755))
	socket, file := filepath.Join(dir, "c.sock"), filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, c := range []struct {
		args []string
		code int
		text string
	}{
		{nil, exitUsage, "want --backing DIR --mount DIR --control PATH"},
		{[]string{"--backing", dir}, exitUsage, "want --backing DIR"},
		{[]string{"--backing", dir, "--mount", in, "--control", socket, "more"}, exitUsage, "no further arguments"},
		{[]string{"--backing", dir, "--mount", in, "--control", socket, "--control-mode", "rw"}, exitUsage, "want an octal mode"},
		{[]string{"--bakcing", dir}, exitUsage, "flag provided but not defined"},
		{[]string{"--help"}, exitOK, "-backing"},
		{[]string{"--backing", dir, "--mount", dir, "--control", socket}, exitFailure, "neither may be or lie in the other"},
		{[]string{"--backing", dir, "--mount", in, "--control", socket}, exitFailure, "neither may be or lie in the other"},
		{[]string{"--backing", in, "--mount", dir + "/none", "--control", socket}, exitFailure, "no such file"},
		{[]string{"--backing", dir + "/none", "--mount", in, "--control", socket}, exitFailure, "no such file"},
		{[]string{"--backing", file, "--mount", in, "--control", socket}, exitFailure, "want an existing directory"},
		{[]string{"--backing", in, "--mount", dir, "--control", dir + "/none/c.sock"}, exitFailure, "control socket"},
	} {
		var stderr bytes.Buffer
		require.Equal(t, c.code, run(context.Background(), c.args, &stderr), "%v: %s", c.args, stderr.String())
		require.Contains(t, stderr.String(), c.text, "%v", c.args)
	}
}
