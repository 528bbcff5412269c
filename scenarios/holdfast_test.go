package scenarios

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/harness/needs"
	"github.com/holdfast-ha/holdfast/harness/verdict"
)

// runDeadline ends a run that does not end by itself. The files are made to take less than a minute; those in long/, some.
const runDeadline = 20 * time.Minute

// binaries is the directory of the built binaries: HOLDFAST_BIN, else bin/ of the module.
func binaries(t *testing.T) string {
	t.Helper()
	needs.Docker(t)
	dir := os.Getenv("HOLDFAST_BIN")
	if dir == "" {
		dir = filepath.Join("..", "bin")
	}
	dir, err := filepath.Abs(dir)
	require.NoError(t, err)
	_, err = os.Stat(filepath.Join(dir, "holdfast"))
	needs.Unless(t, err == nil, "the built binaries", "no holdfast in "+dir, "make build")
	return dir
}

// keepDir makes a run directory that stays when the test fails. With HOLDFAST_KEEP_RUNS, a directory, all stay there, one a test.
func keepDir(t *testing.T) string {
	t.Helper()
	if keep := os.Getenv("HOLDFAST_KEEP_RUNS"); keep != "" {
		dir := filepath.Join(keep, filepath.FromSlash(t.Name()))
		require.NoError(t, os.MkdirAll(filepath.Dir(dir), 0o755))
		return dir
	}
	dir, err := os.MkdirTemp("", "holdfast-test-")
	require.NoError(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the run directory is kept: %s", dir)
			return
		}
		require.NoError(t, os.RemoveAll(dir))
	})
	return filepath.Join(dir, "run")
}

// outcome is what one `holdfast run` came to.
type outcome struct {
	code    int
	output  string
	verdict verdict.Verdict
	dir     string // the run directory
}

// holdfast runs the program and returns its exit code and output. It is given SIGTERM at the deadline and time to clean up.
func holdfast(t *testing.T, bin string, args ...string) (code int, output string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), runDeadline)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "holdfast"), args...)
	cmd.Dir = ".."
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 2 * time.Minute
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("holdfast %v: %v\n%s", args, err, out.String())
	}
	return cmd.ProcessState.ExitCode(), out.String()
}

// runScenario runs one file and reads its verdict.
func runScenario(t *testing.T, bin, file string, args ...string) outcome {
	t.Helper()
	dir := keepDir(t)
	code, output := holdfast(t, bin, append([]string{"run", file, "--out", dir}, args...)...)
	v, err := verdict.Read(dir)
	require.NoError(t, err, "the run wrote no verdict; it said:\n%s", output)
	return outcome{code, output, v, dir}
}
