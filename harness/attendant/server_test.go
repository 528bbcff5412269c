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

func TestStateOfAProgram(t *testing.T) {
	c := serve(t)
	_, err := c.Spawn(t.Context(), Spec{Name: "sleeper", Argv: []string{"sleep", "60"}})
	require.NoError(t, err)
	s, err := c.State(t.Context(), "sleeper")
	require.NoError(t, err)
	require.True(t, s.Running)
	require.Contains(t, "SRD", s.State)
	require.Equal(t, 1, s.Threads)
	require.GreaterOrEqual(t, s.Descriptors, 3)
	require.Zero(t, s.Stopped)

	require.NoError(t, c.Signal(t.Context(), "sleeper", syscall.SIGSTOP))
	require.Eventually(t, func() bool { s, err = c.State(t.Context(), "sleeper"); return err == nil && s.State == "T" }, 5*time.Second, 10*time.Millisecond)
	require.Equal(t, 1, s.Stopped)
	require.NoError(t, c.Signal(t.Context(), "sleeper", syscall.SIGCONT))
	require.NoError(t, c.Signal(t.Context(), "sleeper", syscall.SIGTERM))
	_, err = c.Wait(t.Context(), "sleeper", 5*time.Second)
	require.NoError(t, err)
	s, err = c.State(t.Context(), "sleeper")
	require.NoError(t, err)
	require.False(t, s.Running)
	require.Empty(t, s.State)
	require.Equal(t, "SIGTERM", s.Signal)
	_, err = c.State(t.Context(), "nobody")
	require.True(t, IsKind(err, KindUnknownName), "got %v", err)
}

func TestToolsOfTheHarnessAreNotListed(t *testing.T) {
	c := serve(t)
	_, err := c.Spawn(t.Context(), Spec{Name: "tool", Argv: []string{"sleep", "60"}, Unlisted: true})
	require.NoError(t, err)
	list, err := c.List(t.Context())
	require.NoError(t, err)
	require.Empty(t, list)
	p, err := c.Status(t.Context(), "tool")
	require.NoError(t, err)
	require.True(t, p.Running)
}

func TestLook(t *testing.T) {
	c := serve(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "vm.conf")
	require.NoError(t, os.WriteFile(path, []byte("memSize=4096\n"), 0o600))
	require.NoError(t, os.Chmod(path, 0o640))
	require.NoError(t, os.Symlink("vm.conf", filepath.Join(dir, "link")))
	info, err := c.Look(t.Context(), path)
	require.NoError(t, err)
	require.Equal(t, FileInfo{Kind: "file", Mode: 0o640, UID: os.Getuid(), GID: os.Getgid(), Size: 13, Mtime: info.Mtime, Data: []byte("memSize=4096\n")}, info)
	require.InDelta(t, float64(time.Now().Unix()), info.Mtime, 60)
	info, err = c.Look(t.Context(), filepath.Join(dir, "link"))
	require.NoError(t, err)
	require.Equal(t, "link", info.Kind)
	require.Equal(t, "vm.conf", string(info.Data))
	for path, kind := range map[string]string{c.Socket: "socket", dir: "directory", "/dev/null": "device"} {
		info, err = c.Look(t.Context(), path)
		require.NoError(t, err)
		require.Equal(t, kind, info.Kind)
		require.Empty(t, info.Data)
	}
	_, err = c.Look(t.Context(), filepath.Join(dir, "none"))
	require.ErrorContains(t, err, "none")
	_, err = c.Look(t.Context(), "relative")
	require.True(t, IsKind(err, KindBadRequest), "got %v", err)
}

func TestAskTellsSilenceFromRefusal(t *testing.T) {
	c := serve(t)
	dir, err := os.MkdirTemp("/tmp", "hfask")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	frozen, err := net.Listen("unix", socket) // accepts by backlog, never answers, as a stopped program
	require.NoError(t, err)
	for _, program := range []string{"sanlock", "broker", "sanlock", "broker", "sanlock", "broker"} { // two deadlines race
		_, err = c.Ask(t.Context(), program, socket, 100*time.Millisecond)
		require.ErrorIs(t, err, wire.ErrSilent, program)
	}
	frozen.Close()
	for _, program := range []string{"sanlock", "broker"} {
		_, err = c.Ask(t.Context(), program, socket, time.Second)
		require.ErrorIs(t, err, wire.ErrRefused, program)
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	for _, program := range []string{"vdsm", "smtp"} {
		_, err = c.Ask(t.Context(), program, tcp.Addr().String(), 200*time.Millisecond)
		require.ErrorIs(t, err, wire.ErrSilent, program)
	}
	tcp.Close()
	for _, program := range []string{"vdsm", "smtp"} {
		_, err = c.Ask(t.Context(), program, tcp.Addr().String(), time.Second)
		require.ErrorIs(t, err, wire.ErrRefused, program)
	}
	_, err = c.Ask(t.Context(), "agent", socket, time.Second)
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
