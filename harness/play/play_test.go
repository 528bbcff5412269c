package play

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

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
