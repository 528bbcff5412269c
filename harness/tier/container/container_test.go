package container

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-ha/holdfast/faults/faultfs"
	"github.com/holdfast-ha/holdfast/faults/wire"
	"github.com/holdfast-ha/holdfast/harness/needs"
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		fmt.Println("failed", beChild())
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// built builds the binaries that a stage needs, once for the whole test run, and returns their directory.
func built(t *testing.T, names ...string) string {
	t.Helper()
	if dir := os.Getenv("HOLDFAST_BIN"); dir != "" {
		return dir
	}
	dir, err := BuildBinaries(t.Context(), "", names...)
	require.NoError(t, err)
	return dir
}

// up builds a cluster for the test and makes sure that it is gone afterwards.
func up(t *testing.T, o Options) *Cluster {
	t.Helper()
	needs.Docker(t)
	if o.RunDir == "" {
		o.RunDir = t.TempDir()
	}
	if o.BinDir == "" {
		o.BinDir = built(t, "holdfast-attendant", "holdfast-faultfs")
	}
	c, err := Up(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { down(t, c) })
	return c
}

func down(t *testing.T, c *Cluster) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 40*time.Second)
	defer cancel()
	began := time.Now()
	if err := c.Down(ctx); err != nil {
		t.Errorf("Down: %v", err)
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("Down took %s, want it bounded", took)
	}
	left, err := c.Leftovers(ctx)
	if err != nil || len(left) > 0 {
		t.Errorf("left after Down: %v, %v; want nothing", left, err)
	}
	if err := c.Down(ctx); err != nil {
		t.Errorf("a second Down: %v", err)
	}
}

func TestOneHostWritesAndServerAndOtherHostSeeIt(t *testing.T) {
	for _, kind := range []Kind{NFS, ISCSI} {
		t.Run(string(kind), func(t *testing.T) {
			c := up(t, Options{Storage: kind, Hosts: 2, StopAfter: StageLeases})
			logSteps(t, c)
			h1, err := c.Host("host1")
			require.NoError(t, err)
			h2, err := c.Host("host2")
			require.NoError(t, err)

			want := bytes.Repeat([]byte("written by host1"), 256)
			require.NoError(t, os.WriteFile(filepath.Join(h1.Dir, "block"), want, 0o644))
			_, err = h1.Run(t.Context(), "dd", "if=/holdfast/run/block", "of=/storage/whiteboard.img", "bs=4096", "seek=7", "conv=notrunc", "oflag=direct,sync")
			require.NoError(t, err)

			got, err := c.ReadSegment(7)
			require.NoError(t, err)
			require.Equal(t, want, got, "segment 7 on the server's side")
			got, err = h2.Attendant.ReadBlock(t.Context(), "/storage/whiteboard.img", 7*4096, 4096)
			require.NoError(t, err)
			require.Equal(t, want, got, "segment 7 as host2 reads it")
			got, err = c.ReadSegment(8)
			require.NoError(t, err)
			require.Equal(t, make([]byte, 4096), got, "the neighbour is untouched")

			again, err := Open(c.RunDir)
			require.NoError(t, err)
			defer again.Close()
			require.Equal(t, c.Storage.Volumes, again.Storage.Volumes)
			_, err = again.Hosts[1].Answers(t.Context(), 2*time.Second)
			require.NoError(t, err)
		})
	}
}

func TestPausedServerIsSilentAndDownThawsIt(t *testing.T) {
	c := up(t, Options{Storage: NFS, Hosts: 1, StopAfter: StageAttached})
	require.NoError(t, c.Storage.Pause(t.Context()))
	paused, err := c.Storage.Paused(t.Context())
	require.NoError(t, err)
	require.True(t, paused)
	_, err = c.Hosts[0].Answers(t.Context(), 300*time.Millisecond)
	require.ErrorIs(t, err, wire.ErrSilent)
	// Down, at the end of the test, meets a frozen server.
}

func TestDownFreesWhatHangs(t *testing.T) {
	for _, kind := range []Kind{NFS, ISCSI} {
		t.Run(string(kind), func(t *testing.T) {
			c := up(t, Options{Storage: kind, Hosts: 1, StopAfter: StageAttached})
			fs := faultfs.Client{Socket: c.Storage.FaultSocket}
			_, err := fs.Add(t.Context(), faultfs.Rule{Kind: faultfs.Hang, Ops: []faultfs.Op{"write"}})
			require.NoError(t, err)
			h := c.Hosts[0]
			var writer sync.WaitGroup
			writer.Go(func() {
				ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
				defer cancel()
				_, _ = h.Run(ctx, "dd", "if=/dev/zero", "of=/storage/whiteboard.img", "bs=4096", "count=1", "conv=notrunc", "oflag=direct") // it hangs
			})
			require.Eventually(t, func() bool {
				s, err := fs.Status(t.Context())
				return err == nil && s.Held > 0
			}, 5*time.Second, 20*time.Millisecond, "no write was held")
			state, err := h.Run(t.Context(), "ps", "-C", "dd", "-o", "stat=,wchan:30=")
			require.NoError(t, err)
			t.Logf("the writer's state: %s", strings.TrimSpace(state))
			down(t, c)
			writer.Wait()
		})
	}
}

func TestServerKilledAndStartedServesOldAttachments(t *testing.T) {
	c := up(t, Options{Storage: NFS, Hosts: 1, StopAfter: StageAttached})
	ctx := t.Context()
	require.NoError(t, c.Storage.Kill(ctx, Server))
	_, err := c.Storage.Attendant.Wait(ctx, Server, 5*time.Second)
	require.NoError(t, err)
	require.NoError(t, c.Storage.Start(ctx, Server))
	require.Eventually(t, func() bool {
		_, err := c.Hosts[0].Attendant.ReadBlock(ctx, "/storage/whiteboard.img", 0, 4096)
		return err == nil
	}, 20*time.Second, 100*time.Millisecond, "the attachment did not come back after the server did")
}

func TestUpThatIsCancelledLeavesNothing(t *testing.T) {
	needs.Docker(t)
	bin := built(t, "holdfast-attendant", "holdfast-faultfs")
	for _, after := range []time.Duration{50 * time.Millisecond, 400 * time.Millisecond, 1100 * time.Millisecond} {
		t.Run(after.String(), func(t *testing.T) {
			id := fmt.Sprintf("cancel-%d-%d", os.Getpid(), after.Milliseconds())
			ctx, cancel := context.WithTimeout(t.Context(), after)
			defer cancel()
			c, err := Up(ctx, Options{RunDir: t.TempDir(), RunID: id, BinDir: bin, Hosts: 2, StopAfter: StageAttached})
			if err == nil {
				down(t, c)
				t.Skipf("up in less than %s", after)
			}
			left, err := Leftovers(t.Context(), id)
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
}

// logSteps prints the table of measured steps.
func logSteps(t *testing.T, c *Cluster) {
	t.Helper()
	var b strings.Builder
	for _, s := range c.Steps() {
		fmt.Fprintf(&b, "%-12s %-8s from %6d ms, took %6d ms\n", s.Name, s.Where, s.Began.Milliseconds(), s.Took.Milliseconds())
	}
	t.Logf("steps of %s:\n%s", c.Kind, b.String())
}
