package path

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/faults/internal/needs"
	"github.com/holdfast-ha/holdfast/faults/lifecycle"
	"github.com/holdfast-ha/holdfast/faults/wire"
)

// roleVariable makes the test binary play a part in a network namespace instead of running tests.
const roleVariable = "HOLDFAST_PATH_TEST_ROLE"

// playRole is the main of such a process.
func playRole(role string, args []string) int {
	switch role {
	case "server":
		if err := chattyServer(args[0]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	case "probe":
		took, err := wire.Null(context.Background(), args[0], wire.ProgramNFS, wire.VersionNFS3)
		if errors.Is(err, wire.ErrSilent) {
			return 3
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		fmt.Println(took)
	case "listen": // keeps a connection open and reads
		conn, err := net.DialTimeout("tcp", args[0], 5*time.Second)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer conn.Close()
		_, _ = conn.Write([]byte{0})
		fmt.Println("open")
		_, _ = io.Copy(io.Discard, conn)
	}
	return 0
}

// chattyServer answers NULL calls, and sends a byte every 10 ms to whoever begins with a zero byte, until it is killed.
func chattyServer(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Println("listening")
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			call := make([]byte, 44)
			if _, err := io.ReadFull(conn, call[:1]); err != nil {
				return
			}
			for call[0] == 0 {
				if _, err := conn.Write([]byte{0}); err != nil {
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
			if _, err := io.ReadFull(conn, call[1:]); err != nil {
				return
			}
			reply := append([]byte{0x80, 0, 0, 24}, call[4:8]...)
			_, _ = conn.Write(append(reply, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
		}()
	}
}

// namespace is a network namespace that this test made. It runs programs in it, and probes the server from it.
type namespace struct {
	name   string
	server string
}

// Run implements Runner.
func (n namespace) Run(ctx context.Context, argv ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", n.name}, argv...)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%v: %w: %s", argv, err, stderr.String())
	}
	return string(out), nil
}

// Probe implements wire.Prober.
func (n namespace) Probe(ctx context.Context) (time.Duration, error) {
	start := time.Now()
	cmd := n.self(ctx, "probe", n.server)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return time.Since(start), nil
	case errors.As(err, &exit) && exit.ExitCode() == 3:
		return time.Since(start), &wire.Error{Op: "rpc null", Addr: n.server, Reason: wire.ErrSilent}
	}
	return 0, fmt.Errorf("%w: %s", err, out)
}

// self is the test binary in a role, in the namespace.
func (n namespace) self(ctx context.Context, role, addr string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "ip", "netns", "exec", n.name, os.Args[0], addr)
	cmd.Env = append(os.Environ(), roleVariable+"="+role, "GORACE=atexit_sleep_ms=0")
	return cmd
}

// background starts a role and waits for its first line; it is killed when the test ends.
func (n namespace) background(t *testing.T, role string) {
	t.Helper()
	cmd := n.self(context.Background(), role, n.server)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // `ip netns exec` has become the program itself
		_ = cmd.Wait()
	})
	_, err = out.Read(make([]byte, 64))
	require.NoError(t, err, "%s has not started", role)
}

// twoNamespaces makes a host's and a server's network namespace with a cable in between.
func twoNamespaces(t *testing.T) (host, server namespace) {
	t.Helper()
	needs.Root(t)
	needs.Program(t, "iproute2", "ip")
	needs.Program(t, "nftables", "nft")
	id := fmt.Sprintf("hf%x", os.Getpid()&0xffff)
	addr := "192.0.2.1:2049"
	host, server = namespace{id + "h", addr}, namespace{id + "s", addr}
	ip := func(args ...string) error {
		out, err := exec.Command("ip", args...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("ip %v: %w: %s", args, err, out)
		}
		return nil
	}
	for _, n := range []namespace{host, server} {
		require.NoError(t, ip("netns", "add", n.name))
		t.Cleanup(func() { require.NoError(t, ip("netns", "del", n.name)) })
	}
	require.NoError(t, ip("-n", host.name, "link", "add", "v0", "type", "veth", "peer", "name", "v1", "netns", server.name))
	for _, c := range [][]string{{host.name, "v0", "192.0.2.2/24"}, {server.name, "v1", "192.0.2.1/24"}} {
		require.NoError(t, ip("-n", c[0], "addr", "add", c[2], "dev", c[1]))
		require.NoError(t, ip("-n", c[0], "link", "set", c[1], "up"))
		require.NoError(t, ip("-n", c[0], "link", "set", "lo", "up"))
	}
	return host, server
}

func TestRealPathIsDroppedInBothDirections(t *testing.T) {
	host, server := twoNamespaces(t)
	server.background(t, "server")
	host.background(t, "listen") // so that the server, too, has something to send
	f, err := New(Options{Host: "host2", Server: netip.MustParseAddrPort(host.server), Runner: host, Probe: host})
	require.NoError(t, err)
	g := lifecycle.Guard(f)
	require.NoError(t, g.Setup(t.Context()))
	require.NoError(t, g.Inject(t.Context()))
	require.NoError(t, g.Prove(t.Context()))
	d, ok := f.Dropped()
	require.True(t, ok)
	require.Positive(t, d.Sent)
	require.Positive(t, d.Received)
	_, err = server.Probe(t.Context())
	require.NoError(t, err, "another host still reaches the server")
	require.NoError(t, g.Heal(t.Context()))
	require.NoError(t, g.Heal(t.Context()), "healing is idempotent")
	require.NoError(t, g.ProveGone(t.Context()))
	require.NoError(t, g.Cleanup(t.Context()))
	out, err := host.Run(t.Context(), "nft", "list", "tables")
	require.NoError(t, err)
	require.Empty(t, out)
	for _, r := range g.Records() {
		t.Logf("%-10s %6.1f ms  %s", r.Step, float64(r.Ended.Sub(r.Started))/1e6, r.Proof)
	}
}
