package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-ha/holdfast/daemons/cmd/internal/process"
	"github.com/holdfast-ha/holdfast/daemons/config"
)

// TestMain runs the program itself when a test asks for it, so that signals meet the real one.
func TestMain(m *testing.M) {
	if os.Getenv("HOLDFAST_AGENT_TEST_MAIN") == "1" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

func configFile(t *testing.T, lines ...string) string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "holdfast.conf")
	text := strings.Join(append([]string{"run_dir = " + dir, "time_factor = 0.1"}, lines...), "\n") + "\n"
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func runWith(ctx context.Context, t *testing.T, args ...string) (code int, out, err string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(ctx, append([]string{"holdfast-agent"}, args...), stdio{out: &stdout, err: &stderr})
	return code, stdout.String(), stderr.String()
}

func TestCommandLine(t *testing.T) {
	good := configFile(t, "host_id = 7", "host_name = h7")
	for _, test := range []struct {
		name     string
		args     []string
		code     int
		out, err string
	}{
		{"version", []string{"--version"}, process.ExitOK, "holdfast-agent ", ""},
		{"help", []string{"--help"}, process.ExitOK, "", "-config"},
		{"unknown option", []string{"--nosuch"}, process.ExitUsage, "", "flag provided but not defined: -nosuch"},
		{"argument", []string{"start"}, process.ExitUsage, "", `unexpected argument "start"`},
		{"check", []string{"--check", "--config", good}, process.ExitOK, "ok, host id 7, host name h7", ""},
		{"no file", []string{"--config", "/nonexistent/holdfast.conf"}, process.ExitConfig, "", "/nonexistent/holdfast.conf"},
		{"unknown key", []string{"--check", "--config", configFile(t, "host_id = 7", "hostname = x")}, process.ExitConfig, "", `"hostname"`},
		{"no host id", []string{"--check", "--config", configFile(t)}, process.ExitConfig, "", "host_id"},
		{"host name", []string{"--check", "--config", configFile(t, "host_id = 7", "host_name = "+strings.Repeat("h", 65))}, process.ExitConfig, "", "host_name"},
		{
			"driver",
			[]string{"--check", "--config", configFile(t, "host_id = 7", "host_name = h7", "vm_driver = command", "vm_command = engine")},
			process.ExitConfig, "", "absolute path",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, out, err := runWith(t.Context(), t, test.args...)
			require.Equal(t, test.code, code, "stderr: %s", err)
			require.Contains(t, out, test.out)
			require.Contains(t, err, test.err)
		})
	}
}

// The flags that the engine and hosted-engine set on a host have to reach the agent.
func TestLocalMaintenanceIsReadFromTheConfiguredFile(t *testing.T) {
	cfg, err := config.Load(configFile(t, "host_id = 7", "host_name = h7", "local_maintenance_file = /var/tmp/ha.conf"))
	require.NoError(t, err)
	options, closeDriver, err := assemble(cfg)
	require.NoError(t, err)
	defer closeDriver()
	require.Equal(t, "/var/tmp/ha.conf", options.LocalMaintenanceFile)
	require.Equal(t, "/var/lib/ovirt-hosted-engine-ha/ha.conf", config.Default().LocalMaintenanceFile, "upstream's")
}

// Without a broker the agent goes on, says what is wrong, and stops within its grace period.
func TestAgentWithoutBroker(t *testing.T) {
	ctx, stop := context.WithTimeout(t.Context(), 3500*time.Millisecond)
	defer stop()
	code, _, log := runWith(ctx, t, "--config", configFile(t, "host_id = 7", "host_name = h7"))
	require.Equal(t, process.ExitNotOrderly, code, "the stopped record could not be handed over")
	turns := 0
	for text := range strings.Lines(log) {
		var line map[string]any
		require.NoError(t, json.Unmarshal([]byte(text), &line), "%s", text)
		require.Contains(t, line, "mono")
		if line["msg"] == "turn" {
			turns++
			require.Contains(t, line["reason"], "broker.socket")
			require.InDelta(t, 0, line["score"], 0)
		}
	}
	require.GreaterOrEqual(t, turns, 2, "turns in 3.5 s at one each second")
}

// The service manager hears READY=1, and SIGTERM ends the process with the code that the package comment tells.
func TestProcessIsReadyAndStopsAtSIGTERM(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify.sock")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	require.NoError(t, err)
	defer socket.Close()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "--config", configFile(t, "host_id = 7", "host_name = h7"))
	cmd.Env = append(os.Environ(), "HOLDFAST_AGENT_TEST_MAIN=1", "NOTIFY_SOCKET="+path)
	var log bytes.Buffer
	cmd.Stderr = &log
	require.NoError(t, cmd.Start())
	var once sync.Once
	kill := func() { once.Do(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }) }
	defer kill()
	require.Equal(t, "READY=1", read(t, socket))
	require.Contains(t, read(t, socket), "STATUS=")
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	began := time.Now()
	once.Do(func() { err = cmd.Wait() })
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit, "log: %s", &log)
	require.Equal(t, process.ExitNotOrderly, exit.ExitCode(), "log: %s", &log)
	require.Less(t, time.Since(began), 10*time.Second)
}

func read(t *testing.T, socket *net.UnixConn) string {
	t.Helper()
	require.NoError(t, socket.SetReadDeadline(time.Now().Add(30*time.Second)))
	buffer := make([]byte, 4096)
	n, err := socket.Read(buffer)
	require.NoError(t, err, "no message to the service manager")
	return string(buffer[:n])
}

// A timer of the forced end that outlives run would end whoever called it, here the tests' own process.
func TestForcedEndIsCalledOff(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	path := configFile(t, "host_id = 7", "host_name = h7", "shutdown_grace = 200ms")
	code, _, log := runWith(ctx, t, "--config", path)
	require.Equal(t, process.ExitNotOrderly, code, log)
	time.Sleep(500 * time.Millisecond)
}

// The log's reader dies; the agent goes on, and ends by SIGTERM with its own exit code.
func TestLogWithoutReaderDoesNotEndTheAgent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify.sock")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	require.NoError(t, err)
	defer socket.Close()
	reader, log, err := os.Pipe()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "--config", configFile(t, "host_id = 7", "host_name = h7", "shutdown_grace = 2s"))
	cmd.Env = append(os.Environ(), "HOLDFAST_AGENT_TEST_MAIN=1", "NOTIFY_SOCKET="+path)
	cmd.Stderr = log
	require.NoError(t, cmd.Start())
	require.NoError(t, log.Close())
	require.NoError(t, reader.Close())
	require.Equal(t, "READY=1", read(t, socket))
	for range 3 { // each turn has a log line
		require.Contains(t, read(t, socket), "STATUS=")
	}
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	_ = cmd.Wait()
	require.Equal(t, process.ExitNotOrderly, cmd.ProcessState.ExitCode(), cmd.ProcessState.String())
}
