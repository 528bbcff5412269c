package child_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/child"
)

const patience = 30 * time.Second

// self is a Spec that runs this binary in a mode.
func self(args ...string) child.Spec {
	return child.Spec{Argv: append([]string{os.Args[0]}, args...), Deadline: patience}
}

func TestTheChildSeesACleanWorld(t *testing.T) {
	t.Setenv("SECRET_OF_THE_DAEMON", "yes")
	own, err := os.Create(filepath.Join(t.TempDir(), "daemons-own-file"))
	require.NoError(t, err)
	defer own.Close()
	spec := self(modeShow, "a b", "$HOME", "*", "")
	spec.Env = []string{"EXTRA=1"}
	out, err := child.Run(t.Context(), spec)
	require.NoError(t, err)
	require.Equal(t, "cwd /\nleads session true and group true\n"+
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C EXTRA=1\n"+
		`["a b" "$HOME" "*" ""]`+"\n", out.Stdout, "no shell, no inherited variables, no inherited descriptors")
	require.Zero(t, out.Code)
}

func TestProgramsAreFoundInThePath(t *testing.T) {
	t.Parallel()
	out, err := child.Run(t.Context(), child.Spec{Argv: []string{"echo", "hello"}})
	require.NoError(t, err)
	require.Equal(t, "hello\n", out.Stdout)

	dir := t.TempDir()
	script := filepath.Join(dir, "iscsiadm")
	require.NoError(t, os.WriteFile(script, []byte("#!/bin/sh\necho fake $0\n"), 0o700))
	out, err = child.Run(t.Context(), child.Spec{Argv: []string{"iscsiadm"}, Env: []string{"PATH=relative::" + dir + ":/bin"}})
	require.NoError(t, err)
	require.Equal(t, "fake "+script+"\n", out.Stdout)
}

func TestWhatCannotBeRunIsRefusedByName(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	require.NoError(t, os.WriteFile(plain, nil, 0o600))
	loop := filepath.Join(dir, "loop")
	require.NoError(t, os.Symlink(loop, loop))
	for _, tc := range []struct {
		argv []string
		want string
	}{
		{nil, "no program given"},
		{[]string{""}, "no program given"},
		{[]string{"bin/true"}, "child bin/true: want an absolute path or a name without a slash"},
		{[]string{"/bin/true", "a\x00b"}, "contains a zero byte"},
		{[]string{"/nowhere/program", "secret"}, "/nowhere/program: program not found"},
		{[]string{"no-such-program-here"}, "no-such-program-here: program not found in /usr/sbin:"},
		{[]string{plain}, "not an executable file"},
		{[]string{dir}, "not an executable file"},
		{[]string{loop}, "too many levels"},
		{[]string{plain + "/below"}, "program not found"},
		{[]string{"/rhev/data-center/mnt/server:_path/program"}, "lies on shared storage"},
	} {
		out, err := child.Run(t.Context(), child.Spec{Argv: tc.argv})
		require.ErrorContains(t, err, tc.want)
		require.NotContains(t, err.Error(), "secret")
		require.Equal(t, child.Output{Code: -1}, out)
	}
}

func TestExitStatusIsAnErrorWithTheChildsWords(t *testing.T) {
	t.Parallel()
	out, err := child.Run(t.Context(), self(modeFail, "password"))
	var exit *child.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 32, exit.Code)
	require.Equal(t, 32, out.Code)
	require.Equal(t, "some output\n", out.Stdout)
	require.Equal(t, os.Args[0]+": exit status 32: mount.nfs: access denied", err.Error())

	out, err = child.Run(t.Context(), self(modeKilled))
	require.ErrorAs(t, err, &exit)
	require.Equal(t, -1, exit.Code)
	require.ErrorContains(t, err, "signal: killed")
	require.Equal(t, -1, out.Code)
}

func TestInputAndItsAbsence(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789abcdef", 1<<16) // more than a pipe holds
	spec := self(modeEcho)
	spec.Stdin, spec.MaxOutput = []byte(long), len(long)
	out, err := child.Run(t.Context(), spec)
	require.NoError(t, err)
	require.Equal(t, long, out.Stdout)
	require.False(t, out.Truncated)

	spec.Argv[1] = modeDeaf
	out, err = child.Run(t.Context(), spec)
	require.NoError(t, err, "a child need not read")
	require.Equal(t, "done\n", out.Stdout)

	out, err = child.Run(t.Context(), self(modeEcho))
	require.NoError(t, err, "no input is an empty one")
	require.Empty(t, out.Stdout)
}

func TestOutputIsBounded(t *testing.T) {
	t.Parallel()
	spec := self(modeFlood, "10000000")
	spec.MaxOutput = 1000
	out, err := child.Run(t.Context(), spec)
	require.NoError(t, err)
	require.Len(t, out.Stdout, 1000)
	require.Len(t, out.Stderr, 1000)
	require.True(t, out.Truncated)

	out, err = child.Run(t.Context(), self(modeFlood, "100000"))
	require.NoError(t, err)
	require.Len(t, out.Stdout, child.DefaultMaxOutput)
}

// alive says whether a process that is not our child still runs; as a zombie it does not.
func alive(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return !strings.HasPrefix(rest, "Z")
}

// firstPID reads a process id from the first line of an output.
func firstPID(t *testing.T, out child.Output) int {
	t.Helper()
	line, _, _ := strings.Cut(out.Stdout, "\n")
	pid, err := strconv.Atoi(line)
	require.NoError(t, err, "stdout %q, stderr %q", out.Stdout, out.Stderr)
	return pid
}

func TestTheDeadlineKillsTheWholeGroup(t *testing.T) {
	t.Parallel()
	spec := self(modeStubborn, "secret")
	spec.Deadline = 2 * time.Second
	began := time.Now()
	out, err := child.Run(t.Context(), spec)
	require.ErrorIs(t, err, child.ErrDeadline)
	require.ErrorContains(t, err, "after 2s")
	require.NotContains(t, err.Error(), "secret")
	require.Less(t, time.Since(began), patience)
	require.Equal(t, -1, out.Code)
	grandchild := firstPID(t, out)
	require.Eventually(t, func() bool { return !alive(grandchild) }, patience, 10*time.Millisecond, "the child's child lives on")
}

func TestTheContextEndsTheChild(t *testing.T) {
	t.Parallel()
	reason := errors.New("the daemon is ending")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(200*time.Millisecond, func() { cancel(reason) })
	_, err := child.Run(ctx, self(modeSleeper))
	require.ErrorIs(t, err, reason)
	require.NotErrorIs(t, err, child.ErrDeadline)
	_, err = child.Run(ctx, self(modeShow))
	require.ErrorIs(t, err, reason)
	require.ErrorContains(t, err, "not started")
}

// A daemon that keeps the output open must neither hold Run up nor be killed.
func TestADaemonLeftBehindIsLeftAlone(t *testing.T) {
	t.Parallel()
	began := time.Now()
	out, err := child.Run(t.Context(), self(modeHolder))
	require.NoError(t, err)
	require.Less(t, time.Since(began), patience)
	pid := firstPID(t, out)
	require.True(t, alive(pid))
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	var work sync.WaitGroup
	for i := range 16 {
		work.Go(func() {
			out, err := child.Run(t.Context(), child.Spec{Argv: []string{"echo", strconv.Itoa(i)}, Deadline: patience})
			if err != nil || out.Stdout != strconv.Itoa(i)+"\n" {
				t.Errorf("child %d: got %q, %v", i, out.Stdout, err)
			}
		})
	}
	work.Wait()
}
