package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-ha/holdfast/daemons/brokerlink"
	"github.com/holdfast-ha/holdfast/daemons/cmd/internal/process"
)

// asProgram makes the test program be holdfast-broker.
const asProgram = "HOLDFAST_TEST_IS_BROKER"

const patience = 20 * time.Second

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		if os.Getenv("LISTEN_FDS") != "" { // the parent cannot know the number beforehand
			os.Setenv("LISTEN_PID", strconv.Itoa(os.Getpid()))
		}
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

// conf writes a configuration and returns its path and that of the socket.
func conf(t *testing.T, more string) (path, socket string) {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "hb") // not TempDir: a socket's path has room for 107 bytes
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	whiteboard := filepath.Join(dir, "whiteboard")
	require.NoError(t, os.WriteFile(whiteboard, make([]byte, 1<<20), 0o600))
	socket = filepath.Join(dir, "broker.socket")
	path = filepath.Join(dir, "holdfast.conf")
	text := fmt.Sprintf("host_id = 3\nrun_dir = %s\nwhiteboard_path = %s\nshutdown_grace = 2s\n%s", dir, whiteboard, more)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path, socket
}

func TestCommandLine(t *testing.T) {
	good, _ := conf(t, "")
	bad, _ := conf(t, "no_such_key = 1\n")
	badPage, _ := conf(t, "vm_driver = none\nvm_health_url = http://%zz/\n")
	badProgram, _ := conf(t, "vm_driver = command\nvm_command = relative/path\n")
	for _, tc := range []struct {
		args []string
		code int
		out  string // in stdout
		err  string // in stderr
	}{
		{[]string{"--version"}, process.ExitOK, "holdfast-broker", ""},
		{[]string{"--help"}, process.ExitOK, "", "-config"},
		{[]string{"--check", "--config", good}, process.ExitOK, "ok, host id 3", ""},
		{[]string{"--check", "--config", bad}, process.ExitConfig, "", "no_such_key"},
		{[]string{"--check", "--config", badPage}, process.ExitConfig, "", "vm_health_url"},
		{[]string{"--check", "--config", badProgram}, process.ExitConfig, "", "relative/path"},
		{[]string{"--config", "/no/such/file"}, process.ExitConfig, "", "/no/such/file"},
		{[]string{"--nonsense"}, process.ExitUsage, "", "nonsense"},
		{[]string{"start"}, process.ExitUsage, "", `unexpected argument "start"`},
	} {
		var out, err bytes.Buffer
		code := run(t.Context(), append([]string{"/usr/libexec/holdfast-broker"}, tc.args...), stdio{&out, &err})
		require.Equal(t, tc.code, code, "%v: %s%s", tc.args, &out, &err)
		require.Contains(t, out.String(), tc.out, "%v", tc.args)
		require.Contains(t, err.String(), tc.err, "%v", tc.args)
	}
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer // guarded by mu
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func TestServesAndStops(t *testing.T) {
	path, socket := conf(t, "")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var log lockedBuffer
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, []string{"holdfast-broker", "--config", path}, stdio{&log, &log}) }()
	link := brokerlink.New(socket, 5*time.Second)
	require.Eventually(t, func() bool {
		view, err := link.GetView(ctx)
		return err == nil && view.ReadAge >= 0
	}, patience, 10*time.Millisecond)
	cancel()
	select {
	case code := <-ended:
		require.Equal(t, process.ExitOK, code, log.String())
	case <-time.After(patience):
		t.Fatalf("does not end\n%s", log.String())
	}
	require.Contains(t, log.String(), `"msg":"broker starts"`)
	require.Contains(t, log.String(), `"msg":"serving"`)
	require.Contains(t, log.String(), `"mono":`)
}

// As a real process: READY=1 arrives once it serves, SIGTERM ends it with code 0.
func TestTheProcessTellsSystemdAndObeysSIGTERM(t *testing.T) {
	path, socket := conf(t, "")
	notify := filepath.Join(filepath.Dir(path), "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: notify, Net: "unixgram"})
	require.NoError(t, err)
	defer manager.Close()
	told := func() string {
		var buf [1024]byte
		for {
			require.NoError(t, manager.SetReadDeadline(time.Now().Add(patience)))
			n, err := manager.Read(buf[:])
			require.NoError(t, err)
			if text := string(buf[:n]); !strings.HasPrefix(text, "STATUS=") {
				return text
			}
		}
	}
	cmd := exec.Command(os.Args[0], "--config", path)
	cmd.Env = append(os.Environ(), asProgram+"=1", "NOTIFY_SOCKET="+notify)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var log lockedBuffer
	cmd.Stderr = &log
	require.NoError(t, cmd.Start())
	require.Equal(t, "READY=1", told())
	_, err = brokerlink.New(socket, 5*time.Second).GetHealth(t.Context())
	require.NoError(t, err, "ready means that it serves")
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.Equal(t, "STOPPING=1", told())
	require.NoError(t, cmd.Wait(), log.String())
}

// The whiteboard is a FIFO: a lane that opens it blocks in the kernel until the other lane does, and then gets an error.
// Storage never takes the record, so the broker gives up, within its grace period, and says so with its exit code.
func TestAnEndWithoutStorageIsBoundedAndSaysSo_S5(t *testing.T) {
	path, socket := conf(t, "")
	fifo := filepath.Join(filepath.Dir(path), "whiteboard")
	require.NoError(t, os.Remove(fifo))
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	cmd := exec.Command(os.Args[0], "--config", path)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var log lockedBuffer
	cmd.Stderr = &log
	require.NoError(t, cmd.Start())
	link := brokerlink.New(socket, 5*time.Second)
	stuck := func(name string) bool {
		lanes, err := link.GetLanes(t.Context())
		if err != nil {
			return false
		}
		for _, l := range lanes.Lanes {
			if l.Name == name {
				return l.Busy && l.BlockedFor > 0.1
			}
		}
		return false
	}
	require.Eventually(t, func() bool { return stuck("ha-reader") }, patience, 10*time.Millisecond)
	ok, err := link.PutStats(t.Context(), 0, append([]byte("maintenance=1"), make([]byte, 499)...))
	require.NoError(t, err)
	require.True(t, ok)
	began := time.Now()
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	_ = cmd.Wait()
	require.Less(t, time.Since(began), patience)
	require.Equal(t, process.ExitNotOrderly, cmd.ProcessState.ExitCode(), log.String())
	require.Contains(t, log.String(), "gave up")
}

// The log's reader dies; the broker goes on, and ends by SIGTERM in order.
func TestALogWithoutReaderDoesNotEndTheBroker(t *testing.T) {
	path, socket := conf(t, "")
	reader, log, err := os.Pipe()
	require.NoError(t, err)
	cmd := exec.Command(os.Args[0], "--config", path)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stderr = log
	require.NoError(t, cmd.Start())
	require.NoError(t, log.Close())
	require.NoError(t, reader.Close())
	link := brokerlink.New(socket, 5*time.Second)
	refuse := func() error {
		_, err := link.PutStats(t.Context(), 99, make([]byte, 512)) // a refusal is a log line
		return err
	}
	require.Eventually(t, func() bool { return refuse() == nil }, patience, 10*time.Millisecond)
	for range 3 {
		time.Sleep(50 * time.Millisecond)
		require.NoError(t, refuse())
	}
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	_ = cmd.Wait()
	require.Equal(t, process.ExitOK, cmd.ProcessState.ExitCode(), cmd.ProcessState.String())
}
