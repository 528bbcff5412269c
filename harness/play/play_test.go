package play

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-ha/holdfast/faults/lifecycle"
	"github.com/holdfast-ha/holdfast/harness/scenario"
	"github.com/holdfast-ha/holdfast/harness/tier/container"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// served is a cluster without hosts behind its control socket.
func served(t *testing.T) (*Client, <-chan error, context.Context) {
	t.Helper()
	sockets, err := os.MkdirTemp("/tmp", "hf")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(sockets) })
	dir := t.TempDir()
	particulars, err := json.Marshal(map[string]string{"sock_dir": sockets})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "cluster.json"), particulars, 0o644))
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	c := New(&container.Cluster{RunID: "x", RunDir: dir, SockDir: sockets, Kind: container.NFS}, stop)
	ended := make(chan error, 1)
	go func() { ended <- c.Serve(ctx) }()
	client, err := Find(dir)
	require.NoError(t, err)
	require.Eventually(t, func() bool { _, err := client.Status(ctx); return err == nil }, 10*time.Second, 5*time.Millisecond)
	return client, ended, ctx
}

func TestCommandsReachTheOwnerAndDownEndsIt(t *testing.T) {
	client, ended, ctx := served(t)
	s, err := client.Status(ctx)
	require.NoError(t, err)
	require.Equal(t, "x", s.RunID)

	_, err = client.Inject(ctx, "hang medai")
	require.ErrorContains(t, err, `did you mean "media"`)
	_, err = client.Inject(ctx, "freeze iscsi")
	require.ErrorContains(t, err, "say freeze nfs", "the fault must fit the cluster's storage")
	_, err = client.Heal(ctx, "freeze nfs")
	require.ErrorContains(t, err, "is not in effect")
	proofs, err := client.Heal(ctx, "")
	require.NoError(t, err)
	require.Empty(t, proofs)

	require.NoError(t, client.Down(t.Context()))
	require.NoError(t, <-ended)
}

func TestFindSaysWhatToDo(t *testing.T) {
	_, err := Find(t.TempDir())
	require.ErrorContains(t, err, "holdfast up --out")
}

// sick is a fault whose steps fail as told.
type sick struct{ prove, heal, gone error }

func (f *sick) Setup(context.Context) error               { return nil }
func (f *sick) Inject(context.Context) error              { return nil }
func (f *sick) Prove(context.Context) (string, error)     { return "in effect", f.prove }
func (f *sick) Heal(context.Context) error                { return f.heal }
func (f *sick) ProveGone(context.Context) (string, error) { return "gone", f.gone }
func (f *sick) Cleanup(context.Context) error             { return nil }
func (f *sick) String() string                            { return "freeze nfs" }

// A fault that was not proven gone must not be told as healed by a second attempt that has nothing left to do.
func TestHealTellsOnlyWhatWasProvenGone(t *testing.T) {
	c := New(&container.Cluster{}, func() {})
	f := &sick{gone: errors.New("the server stays silent")}
	_, err := c.effect(t.Context(), &fault{Guarded: lifecycle.Guard(f), words: scenario.Fault{Kind: scenario.FreezeNFS}})
	require.NoError(t, err)
	proofs, err := c.Heal(t.Context(), "")
	require.ErrorContains(t, err, "stays silent")
	require.Empty(t, proofs)
	proofs, err = c.Heal(t.Context(), "")
	require.NoError(t, err)
	require.Empty(t, proofs, "nothing is in effect any more")
}

// A fault that could be neither proven nor healed is still there, so `heal` must still know it.
func TestUnprovenFaultThatCannotBeHealedIsKept(t *testing.T) {
	c := New(&container.Cluster{}, func() {})
	f := &sick{prove: errors.New("it answered"), heal: errors.New("the engine does not answer")}
	_, err := c.effect(t.Context(), &fault{Guarded: lifecycle.Guard(f), words: scenario.Fault{Kind: scenario.FreezeNFS}})
	require.ErrorContains(t, err, "it answered")
	f.heal = nil
	proofs, err := c.Heal(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, []string{"freeze nfs: gone"}, proofs)
}

// Sockets lie in /tmp whatever TMPDIR says, so that is where a cluster is looked for.
func TestFindLooksWhereSocketsAre(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "holdfast-find-")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	listener, err := net.Listen("unix", filepath.Join(dir, SocketName))
	require.NoError(t, err)
	defer listener.Close()
	t.Setenv("TMPDIR", t.TempDir())
	if _, err = Find(""); err != nil {
		require.ErrorContains(t, err, "clusters are up", "there may be others")
	}
}
