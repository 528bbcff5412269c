package scenarios

import (
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/harness/events"
	"github.com/holdfast-ha/holdfast/harness/tier/container"
)

// TestKilledHarnessLeavesNothingAfterGC kills `holdfast run` in the middle of a fault, the worst moment, and lets `holdfast gc`
// clean up: no container, network, mount, process or socket may be left.
func TestKilledHarnessLeavesNothingAfterGC(t *testing.T) {
	bin := binaries(t)
	run := start(t, bin)
	run.waitForFault(t)
	require.NotEmpty(t, leftovers(t, run.id(t)), "while it runs, its containers are there")
	require.NoError(t, run.cmd.Process.Kill())
	_ = run.cmd.Wait()

	code, output := holdfast(t, bin, "gc")
	require.Equal(t, 0, code, output)
	require.Empty(t, leftovers(t, run.id(t)), "after gc; gc said:\n%s", output)
}

// TestInterruptedRunLeavesNothing is Ctrl-C in the middle of a fault: healed, taken down, INVALID.
func TestInterruptedRunLeavesNothing(t *testing.T) {
	bin := binaries(t)
	run := start(t, bin)
	run.waitForFault(t)
	id := run.id(t)
	require.NoError(t, run.cmd.Process.Signal(syscall.SIGINT))
	_ = run.cmd.Wait()
	require.Equal(t, 2, run.cmd.ProcessState.ExitCode(), "INVALID; it said:\n%s", run.out.String())
	require.Empty(t, leftovers(t, id), "after Ctrl-C; it said:\n%s", run.out.String())
}

// running is a `holdfast run` under way.
type running struct {
	cmd *exec.Cmd
	dir string
	out bytes.Buffer
}

func start(t *testing.T, bin string) *running {
	t.Helper()
	r := &running{dir: keepDir(t)}
	r.cmd = exec.Command(filepath.Join(bin, "holdfast"), "run", "scenarios/hang_write_nfs.txt", "--out", r.dir)
	r.cmd.Dir = ".."
	r.cmd.Stdout, r.cmd.Stderr = &r.out, &r.out
	require.NoError(t, r.cmd.Start())
	t.Cleanup(func() {
		if r.cmd.ProcessState == nil {
			_ = r.cmd.Process.Kill()
			_ = r.cmd.Wait()
			holdfast(t, bin, "gc")
		}
	})
	return r
}

// waitForFault returns when the fault is proven, that is, while the storage hangs.
func (r *running) waitForFault(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		log, err := events.ReadFile(filepath.Join(r.dir, "events.jsonl"))
		if err != nil {
			return false
		}
		for _, e := range log.Events {
			if e.Fault != nil && e.Fault.Phase == events.FaultProven {
				return true
			}
		}
		return false
	}, 2*time.Minute, 100*time.Millisecond, "no fault was proven; it said:\n%s", r.out.String())
}

func (r *running) id(t *testing.T) string {
	t.Helper()
	c, err := container.Open(r.dir)
	require.NoError(t, err)
	defer c.Close()
	return c.RunID
}

func leftovers(t *testing.T, runID string) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	left, err := container.Leftovers(ctx, runID)
	require.NoError(t, err)
	return left
}
