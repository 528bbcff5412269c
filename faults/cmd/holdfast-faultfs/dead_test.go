package main

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/faults/deadmount"
	"github.com/holdfast-ha/holdfast/faults/internal/needs"
)

// serveDead starts the command and returns once it has mounted.
func serveDead(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	cmd := self(roleServer, "dead", "--mount", dir)
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = unix.Unmount(dir, unix.MNT_DETACH) // a killed one leaves a mount that answers ENOTCONN
	})
	lines := bufio.NewReader(stderr)
	line, err := lines.ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, line, `"msg":"mounted"`)
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	return cmd
}

func isMounted(t *testing.T, dir string) bool {
	t.Helper()
	text, err := os.ReadFile("/proc/self/mountinfo")
	require.NoError(t, err)
	return deadmount.InMountinfo(string(text), dir)
}

func TestDeadMountAnswersNobodyUntilItEnds(t *testing.T) {
	needs.FUSE(t)
	for name, sig := range map[string]syscall.Signal{"ended": syscall.SIGTERM, "killed": syscall.SIGKILL} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "mnt", "server:_export")
			server := serveDead(t, dir)
			require.True(t, isMounted(t, dir))
			touch := exec.Command("ls", dir+"/.")
			require.NoError(t, touch.Start())
			touched := make(chan error, 1)
			go func() { touched <- touch.Wait() }()
			time.Sleep(300 * time.Millisecond)
			require.Empty(t, touched, "the mount answered")

			require.NoError(t, server.Process.Signal(sig))
			select {
			case err := <-touched:
				require.Error(t, err, "whoever waited gets an error")
			case <-time.After(patience):
				require.FailNow(t, "the touch still hangs")
			}
			_ = server.Wait() // a kill is its error
			if sig == syscall.SIGTERM {
				require.Equal(t, exitOK, server.ProcessState.ExitCode())
				require.False(t, isMounted(t, dir))
			}
		})
	}
}

func TestDeadMountUsage(t *testing.T) {
	for _, args := range [][]string{{"dead"}, {"dead", "--mount", "relative"}, {"dead", "--mount", "/x", "more"}, {"dead", "--nosuch"}} {
		var stderr strings.Builder
		require.Equal(t, exitUsage, run(t.Context(), args, &stderr), "%v", args)
		require.NotEmpty(t, stderr.String())
	}
}
