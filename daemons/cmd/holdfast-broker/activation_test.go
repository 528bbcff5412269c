package main

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/brokerlink"
	"github.com/holdfast-ha/holdfast/daemons/cmd/internal/process"
)

// given makes a listening socket as a socket unit does, and returns what the broker inherits.
func given(t *testing.T, path string) *os.File {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	require.NoError(t, err)
	l.SetUnlinkOnClose(false)
	file, err := l.File()
	require.NoError(t, err)
	require.NoError(t, l.Close())
	t.Cleanup(func() { file.Close() })
	return file
}

// The service manager made the sockets: clients that connect before the broker runs are served when it does, and the
// names stay when it ends.
func TestSocketsFromTheServiceManager(t *testing.T) {
	path, _ := conf(t, "")
	dir := filepath.Dir(path)
	brokerPath, opsPath := filepath.Join(dir, "b"), filepath.Join(dir, "o")
	files := []*os.File{given(t, opsPath), given(t, brokerPath)}
	early := make(chan error, 1)
	go func() {
		_, err := brokerlink.New(brokerPath, patience).GetHealth(context.Background())
		early <- err
	}()
	cmd := exec.Command(os.Args[0], "--config", path)
	cmd.Env = append(os.Environ(), asProgram+"=1", "LISTEN_FDS=2", "LISTEN_FDNAMES=ops:holdfast-broker.socket")
	cmd.ExtraFiles = files
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var log lockedBuffer
	cmd.Stderr = &log
	require.NoError(t, cmd.Start())
	require.NoError(t, <-early, "%s", &log)
	client := &http.Client{Timeout: patience, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", opsPath)
		},
	}}
	response, err := client.Get("http://broker/metrics")
	require.NoError(t, err)
	response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, cmd.Wait(), "%s", &log)
	for _, name := range []string{brokerPath, opsPath} {
		_, err := os.Lstat(name)
		require.NoError(t, err, "the name is the manager's")
	}
}

// A unit that hands over something else, a FIFO or a file, is wrong, and the broker must not go on as if it had no unit.
func TestSomethingElseFromTheServiceManager(t *testing.T) {
	path, _ := conf(t, "")
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	cmd := exec.Command(os.Args[0], "--config", path)
	cmd.Env = append(os.Environ(), asProgram+"=1", "LISTEN_FDS=1", "LISTEN_FDNAMES=holdfast-broker.socket")
	cmd.ExtraFiles = []*os.File{file}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Equal(t, process.ExitConfig, cmd.ProcessState.ExitCode(), "%s", out)
	require.Contains(t, string(out), "want ListenStream=")
}

func TestTooManySocketsFromTheServiceManager(t *testing.T) {
	path, _ := conf(t, "")
	dir := filepath.Dir(path)
	cmd := exec.Command(os.Args[0], "--config", path)
	cmd.Env = append(os.Environ(), asProgram+"=1", "LISTEN_FDS=2", "LISTEN_FDNAMES=one:two")
	cmd.ExtraFiles = []*os.File{given(t, filepath.Join(dir, "1")), given(t, filepath.Join(dir, "2"))}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Equal(t, process.ExitConfig, cmd.ProcessState.ExitCode(), "%s", out)
	require.Contains(t, string(out), "there is one for this already")
}
