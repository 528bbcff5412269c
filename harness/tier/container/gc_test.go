package container

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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
	fmt.Println("ready", c.RunID)
	time.Sleep(2 * time.Minute) // it is killed before
	return errors.New("nobody killed this process")
}

func TestGCRemovesTheRunOfAKilledHarnessOnly(t *testing.T) {
	needs.Docker(t)
	bin := built(t, "holdfast-attendant", "holdfast-faultfs")
	for _, paused := range []string{"", "yes"} {
		t.Run("paused="+paused, func(t *testing.T) {
			dir := t.TempDir()
			child := exec.Command(os.Args[0])
			child.Env = append(os.Environ(), childEnv+"="+dir, childEnv+"_BIN="+bin, childEnv+"_PAUSE="+paused)
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
