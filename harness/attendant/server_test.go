package attendant

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-ha/holdfast/faults/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve starts a server in a short directory and returns its client; the server ends with the test.
func serve(t *testing.T) *Client {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "hfatt")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "a.sock")
	l, err := Listen(socket)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	s := Server{Grace: time.Second, Probes: WireProbes()}
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Serve: %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("Serve did not return 10 s after its context ended")
		}
	})
	return NewClient(socket)
}

func TestSpawnStatusSignalWait(t *testing.T) {
	c := serve(t)
	require.NoError(t, c.WaitReady(t.Context()))
	log := filepath.Join(t.TempDir(), "out.log")
	pid, err := c.Spawn(t.Context(), Spec{Name: "sleeper", Argv: []string{"sh", "-c", "echo $WORD; exec sleep 60"}, Env: []string{"WORD=hello"}, Stdout: log})
	require.NoError(t, err)
	require.Positive(t, pid)

	_, err = c.Spawn(t.Context(), Spec{Name: "sleeper", Argv: []string{"true"}})
	require.True(t, IsKind(err, KindNameInUse), "got %v", err)

	_, err = c.Wait(t.Context(), "sleeper", 50*time.Millisecond)
	require.True(t, IsKind(err, KindTimeout), "got %v", err)

	require.Eventually(t, func() bool { b, _ := os.ReadFile(log); return string(b) == "hello\n" }, 5*time.Second, 10*time.Millisecond)
	require.NoError(t, c.Signal(t.Context(), "sleeper", syscall.SIGTERM))
	p, err := c.Wait(t.Context(), "sleeper", 5*time.Second)
	require.NoError(t, err)
	require.False(t, p.Running)
	require.Equal(t, "SIGTERM", p.Signal)
	require.GreaterOrEqual(t, p.Ended, p.Started)

	_, err = c.Spawn(t.Context(), Spec{Name: "sleeper", Argv: []string{"sh", "-c", "exit 7"}})
	require.NoError(t, err, "a name is free once its program has ended")
	p, err = c.Wait(t.Context(), "sleeper", 5*time.Second)
	require.NoError(t, err)
	require.Equal(t, 7, p.ExitCode)
	list, err := c.List(t.Context())
	require.NoError(t, err)
	require.Len(t, list, 1)
}

func TestServerEndsItsPrograms(t *testing.T) {
	var pid int
	t.Run("server", func(t *testing.T) {
		c := serve(t)
		var err error
		pid, err = c.Spawn(t.Context(), Spec{Name: "stubborn", Argv: []string{"sh", "-c", "trap '' TERM; while :; do sleep 1; done"}})
		require.NoError(t, err)
		time.Sleep(100 * time.Millisecond) // the trap is set
	})
	require.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH, "process %d outlived its attendant", pid)
}

func TestRun(t *testing.T) {
	c := serve(t)
	out, err := c.Run(t.Context(), "sh", "-c", "echo out; echo err >&2; exit 3")
	require.NoError(t, err)
	require.Equal(t, Output{Code: 3, Stdout: "out\n", Stderr: "err\n", TookMS: out.TookMS}, out)

	out, err = c.RunInput(t.Context(), "a text", []string{"K=v"}, "sh", "-c", "cat; echo $K")
	require.NoError(t, err)
	require.Equal(t, "a textv\n", out.Stdout)

	_, err = c.Check(t.Context(), "sh", "-c", "echo why >&2; exit 1")
	require.ErrorContains(t, err, "why")

	_, err = c.Run(t.Context(), "no-such-program-anywhere")
	require.True(t, IsKind(err, KindBadRequest), "got %v", err)

	out, err = c.Run(t.Context(), "sh", "-c", "yes | head -c 1000000")
	require.NoError(t, err)
	require.True(t, out.Truncated)
	require.Len(t, out.Stdout, MaxOut)
}

func TestRunKillsTheWholeGroupAtTheDeadline(t *testing.T) {
	c := serve(t)
	mark := filepath.Join(t.TempDir(), "mark")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := c.Run(ctx, "sh", "-c", "(sleep 2; echo late > "+mark+") & sleep 60")
	require.Error(t, err)
	require.Less(t, time.Since(began), 5*time.Second)
	time.Sleep(2500 * time.Millisecond)
	require.NoFileExists(t, mark, "a grandchild went on after the deadline")
}

func TestRunDoesNotWaitForDescendants(t *testing.T) {
	c := serve(t)
	began := time.Now()
	out, err := c.Run(t.Context(), "sh", "-c", "sleep 3 & echo done")
	require.NoError(t, err)
	require.Equal(t, "done\n", out.Stdout)
	require.Less(t, time.Since(began), 2*time.Second)
}

func TestProbeTellsSilenceFromRefusal(t *testing.T) {
	c := serve(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts by backlog, never answers
	require.NoError(t, err)
	defer silent.Close()
	_, err = c.RPCNull(t.Context(), silent.Addr().String(), 100003, 3, 200*time.Millisecond)
	require.True(t, IsKind(err, KindTimeout), "got %v", err)
	require.ErrorIs(t, err, wire.ErrSilent)

	gone, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	gone.Close()
	_, err = c.ISCSINop(t.Context(), gone.Addr().String(), "iqn.x", 200*time.Millisecond)
	require.True(t, IsKind(err, KindRefused), "got %v", err)
	require.ErrorIs(t, err, wire.ErrRefused)
}

func TestReadBlock(t *testing.T) {
	c := serve(t)
	path := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("0123456789abcdef", 1024)), 0o600))
	got, err := c.ReadBlock(t.Context(), path, 4090, 20)
	require.NoError(t, err)
	require.Equal(t, "abcdef0123456789abcd", string(got))
	_, err = c.ReadBlock(t.Context(), path, 16380, 20)
	require.Error(t, err, "past the end")
	_, err = c.ReadBlock(t.Context(), path, 0, MaxBlock+1)
	require.True(t, IsKind(err, KindBadRequest), "got %v", err)
}

func TestBadRequests(t *testing.T) {
	c := serve(t)
	for _, line := range []string{"not json", `{"id":1,"op":"fly"}`, `{"id":2,"op":"spawn","args":[]}`, `{"id":3,"op":"signal","args":{"name":"nobody"}}`} {
		r, err := exchange(t.Context(), c.Socket, []byte(line+"\n"))
		require.NoError(t, err, line)
		require.NotEmpty(t, r.Kind, line)
		require.NotEmpty(t, r.Error, line)
	}
	_, err := c.Spawn(t.Context(), Spec{Name: "../x", Argv: []string{"true"}})
	require.True(t, IsKind(err, KindBadRequest), "got %v", err)
	_, err = NewClient("/nonexistent.sock").Ping(t.Context())
	var reported *Error
	require.False(t, errors.As(err, &reported), "not reaching the attendant is no reported failure: %v", err)
}
