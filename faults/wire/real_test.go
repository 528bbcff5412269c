package wire

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/faults/internal/needs"
)

const patience = 30 * time.Second

// freePort returns a loopback port that nobody listens on at the moment.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// startServer runs a server in the foreground until the test ends, and kills it then: neither of them ends on SIGTERM alone.
func startServer(t *testing.T, argv ...string) *os.Process {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		log.Close()
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("%s:\n%s", argv[0], text)
		}
	})
	return cmd.Process
}

// requireFrozenAndThawed stops the server's process, wants silence, lets it go on, and wants an answer.
func requireFrozenAndThawed(t *testing.T, server *os.Process, p Prober) {
	t.Helper()
	require.NoError(t, server.Signal(syscall.SIGSTOP))
	took, err := p.Probe(t.Context())
	require.ErrorIs(t, err, ErrSilent)
	require.NoError(t, server.Signal(syscall.SIGCONT))
	t.Logf("stopped: %v after %s", err, took)
	took = requireAnswer(t, p)
	t.Logf("going on: answered after %s", took)
}

func requireAnswer(t *testing.T, p Prober) (took time.Duration) {
	t.Helper()
	var err error
	require.Eventually(t, func() bool {
		took, err = p.Probe(context.Background())
		return err == nil
	}, patience, 50*time.Millisecond, "the server does not answer")
	return took
}

func TestRealTarget(t *testing.T) {
	needs.Root(t)
	tgtd, tgtadm := needs.Program(t, "tgt", "tgtd"), needs.Program(t, "tgt", "tgtadm")
	const target = "iqn.2025-01.org.holdfast-ha:test"
	port := freePort(t)
	control := fmt.Sprint(20000 + os.Getpid()%10000) // number of tgtd's own control socket
	t.Cleanup(func() {
		_ = os.Remove("/var/run/tgtd/socket." + control)
		_ = os.Remove("/var/run/tgtd/socket." + control + ".lock")
	})
	server := startServer(t, tgtd, "-f", "-C", control, "--iscsi", fmt.Sprintf("portal=127.0.0.1:%d", port))
	disk := filepath.Join(t.TempDir(), "lun.img")
	require.NoError(t, os.WriteFile(disk, make([]byte, 1<<20), 0o600))
	admin := func(args ...string) error {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		return exec.CommandContext(ctx, tgtadm, append([]string{"-C", control, "--lld", "iscsi", "--tid", "1"}, args...)...).Run()
	}
	require.Eventually(t, func() bool { return admin("--op", "new", "--mode", "target", "-T", target) == nil }, patience, 50*time.Millisecond)
	require.NoError(t, admin("--op", "new", "--mode", "logicalunit", "--lun", "1", "-b", disk))
	require.NoError(t, admin("--op", "bind", "--mode", "target", "-I", "ALL"))

	p := ISCSI{Addr: fmt.Sprintf("127.0.0.1:%d", port), Target: target, Timeout: 500 * time.Millisecond}
	t.Logf("login and NOP: %s", requireAnswer(t, p))
	t.Logf("discovery login: %s", requireAnswer(t, ISCSI{Addr: p.Addr}))
	_, err := ISCSI{Addr: p.Addr, Target: "iqn.2025-01.test:none"}.Probe(t.Context())
	require.ErrorIs(t, err, ErrRejected)
	require.ErrorContains(t, err, "target not found")
	requireFrozenAndThawed(t, server, p)
}

func TestRealNFSServer(t *testing.T) {
	needs.Root(t)
	ganesha := needs.Program(t, "nfs-ganesha", "ganesha.nfsd")
	port, dir := freePort(t), t.TempDir()
	config := fmt.Sprintf(`
NFS_CORE_PARAM { Protocols = 4; NFS_Port = %d; Bind_addr = 127.0.0.1; Enable_NLM = false; Enable_RQUOTA = false; Enable_UDP = false; }
NFSv4 { Graceless = true; }
`, port)
	path := filepath.Join(dir, "ganesha.conf")
	require.NoError(t, os.WriteFile(path, []byte(config), 0o600))
	server := startServer(t, ganesha, "-F", "-L", "/dev/stdout", "-f", path, "-p", filepath.Join(dir, "pid"))

	p := NFS{Addr: fmt.Sprintf("127.0.0.1:%d", port), Version: VersionNFS4, Timeout: 500 * time.Millisecond}
	t.Logf("NULL: %s", requireAnswer(t, p))
	_, err := NFS{Addr: p.Addr, Version: VersionNFS3}.Probe(t.Context())
	require.ErrorIs(t, err, ErrRejected, "this server speaks version 4 only")
	requireFrozenAndThawed(t, server, p)
}
