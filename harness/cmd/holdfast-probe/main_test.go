package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/harness/probe"
)

// asProbe makes the test binary the command itself, so that a test can send it a signal.
const asProbe = "HOLDFAST_TEST_AS_PROBE"

func TestMain(m *testing.M) {
	if os.Getenv(asProbe) == "1" {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestUsage(t *testing.T) {
	for _, tc := range []struct {
		args []string
		code int
		says string
	}{
		{nil, 2, "--out FILE is required"},
		{[]string{"--nosuch"}, 2, "nosuch"},
		{[]string{"--out", "x", "more"}, 2, "no arguments"},
		{[]string{"load"}, 2, "no broker socket"},
		{[]string{"load", "--nosuch"}, 2, "nosuch"},
		{[]string{"load", "--socket", "s", "more"}, 2, "no arguments"},
		{[]string{"load", "--socket", "s", "--clients", "5", "--slow", "3", "--half-open", "2", "--for", "1s"}, 2, "at least one good"},
		{[]string{"load", "--socket", "s", "--clients", "5", "--for", "31m"}, 2, "at most 30m"},
		{[]string{"--help"}, 0, "calls per second"},
		{[]string{"--out", filepath.Join(t.TempDir(), "no", "file"), "--host-id", "1"}, 1, "cannot open --out"},
		{[]string{"--out", filepath.Join(t.TempDir(), "f")}, 1, "host id 0 is outside 1..2000"},
		{[]string{"--out", filepath.Join(t.TempDir(), "f"), "--host-id", "1", "--rate", "0"}, 1, "rate 0 is outside"},
	} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, tc.code, run(t.Context(), tc.args, &stdout, &stderr), "%v: %s", tc.args, stderr.String())
		require.Contains(t, stderr.String(), tc.says, "%v", tc.args)
	}
}

// TestSIGTERMEndsItCleanly also shows that it appends, and runs without a broker.
func TestSIGTERMEndsItCleanly(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "probe.jsonl")
	require.NoError(t, os.WriteFile(out, []byte("{\"k\":\"earlier\"}\n"), 0o600))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "--socket", filepath.Join(dir, "none"), "--pids", dir, "--host-id", "1", "--out", out)
	cmd.Env = append(os.Environ(), asProbe+"=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	require.NoError(t, cmd.Start())
	lines := func() []probe.Line {
		data, err := os.ReadFile(out)
		require.NoError(t, err)
		var tail probe.Tail
		return tail.Feed(data)
	}
	require.Eventually(t, func() bool { return len(lines()) > 10 }, 30*time.Second, 20*time.Millisecond)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, cmd.Wait(), stderr.String())
	require.Empty(t, stderr.String())
	got := lines()
	require.Equal(t, "earlier", got[0].Kind)
	data, err := os.ReadFile(out)
	require.NoError(t, err)
	require.True(t, bytes.HasSuffix(data, []byte("}\n")), "the last line is whole")
}
