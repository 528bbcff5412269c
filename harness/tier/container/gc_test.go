package container

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/faults/faultfs"
	"github.com/holdfast-ha/holdfast/harness/needs"
)

// childEnv makes the test binary a harness that builds a cluster in the directory that it names, says so and waits to be killed.
const childEnv = "HOLDFAST_TEST_HARNESS_DIR"

func beChild() error {
	c, err := Up(context.Background(), Options{
		RunDir: os.Getenv(childEnv), BinDir: os.Getenv(childEnv + "_BIN"), Hosts: 2, StopAfter: StageAttached,
	})
	if err != nil {
		return err
	}
	if os.Getenv(childEnv+"_PAUSE") != "" {
		if err := c.Storage.Pause(context.Background()); err != nil {
			return err
		}
	}
	if os.Getenv(childEnv+"_FAULTS") != "" {
		if err := breakThings(context.Background(), c); err != nil {
			return err
		}
	}
	fmt.Println("ready", c.RunID)
	time.Sleep(2 * time.Minute) // it is killed before
	return errors.New("nobody killed this process")
}

// breakThings leaves a stopped program, a dead mount and a hanging medium behind.
func breakThings(ctx context.Context, c *Cluster) error {
	h := c.Hosts[0]
	if err := h.Program(attachment(Whiteboard)).Signal(ctx, syscall.SIGSTOP); err != nil {
		return err
	}
	dead, err := h.DeadMount()
	if err != nil {
		return err
	}
	if err := dead.Inject(ctx); err != nil {
		return err
	}
	if _, err := dead.Prove(ctx); err != nil { // which leaves a process that waits in it
		return err
	}
	_, err = faultfs.Client{Socket: c.Storage.FaultSocket}.Add(ctx, faultfs.Rule{Kind: faultfs.Hang})
	return err
}

func TestGCRemovesTheRunOfAKilledHarnessOnly(t *testing.T) {
	needs.Docker(t)
	bin := built(t, "holdfast-attendant", "holdfast-faultfs")
	for _, state := range []string{"", "PAUSE", "FAULTS"} {
		t.Run(state, func(t *testing.T) {
			dir := t.TempDir()
			child := exec.Command(os.Args[0])
			child.Env = append(os.Environ(), childEnv+"="+dir, childEnv+"_BIN="+bin, childEnv+"_"+state+"=yes")
			out, err := child.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, child.Start())
			defer func() { _ = child.Process.Kill() }()
			line, err := bufio.NewReader(out).ReadString('\n')
			require.NoError(t, err)
			word, id, _ := strings.Cut(strings.TrimSpace(line), " ")
			require.Equal(t, "ready", word, line)

			alive, err := GC(t.Context())
			require.NoError(t, err)
			require.Contains(t, alive.Kept, id, "the run of a living harness")
			left, err := Leftovers(t.Context(), id)
			require.NoError(t, err)
			require.NotEmpty(t, left, "gc touched the run of a living harness")

			require.NoError(t, child.Process.Kill())
			_ = child.Wait() // killed: that is its error
			removed, err := GC(t.Context())
			require.NoError(t, err)
			require.Contains(t, removed.Runs, id)
			require.GreaterOrEqual(t, len(removed.Containers), 3)
			c, err := Open(dir)
			require.NoError(t, err)
			defer c.Close()
			left, err = c.Leftovers(t.Context())
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
}

func TestOwnerLives(t *testing.T) {
	labels, err := harnessLabels("r", "/r", "/s")
	require.NoError(t, err)
	require.True(t, ownerLives(labels))
	labels[LabelPIDStart] += "1"
	require.False(t, ownerLives(labels), "the process id was used again")
	labels[LabelPID] = "4194399"
	require.False(t, ownerLives(labels))
	require.False(t, ownerLives(nil))
}
