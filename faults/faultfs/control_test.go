package faultfs

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// unmounted serves the control protocol of a gate over a directory that is not mounted anywhere.
func unmounted(t *testing.T) (*FS, Client) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "w.img"), make([]byte, 16384), 0o600))
	f := &FS{Gate: NewGate(), o: Options{Backing: dir, Mount: "/nowhere"}, served: make(chan struct{})}
	socket := filepath.Join(dir, "c.sock")
	l, err := Listen(socket, 0o600)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- NewControl(f, slog.New(slog.DiscardHandler)).Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	return f, Client{Socket: socket}
}

func TestClientAndServer(t *testing.T) {
	f, c := unmounted(t)
	ctx := t.Context()
	_, err := c.Add(ctx, Rule{Kind: "hag"})
	require.ErrorContains(t, err, `kind is "hag"`)
	id, err := c.Add(ctx, Rule{Kind: Hang, Ops: []Op{OpWrite}, File: "w.img"})
	require.NoError(t, err)
	done := pass(f.Gate, Request{Op: OpWrite, File: "w.img", Length: 4096})
	requireHeld(t, f.Gate, 1)

	s, err := c.Status(ctx)
	require.NoError(t, err)
	require.EqualValues(t, 1, s.Held)
	require.Equal(t, id, s.Rules[0].ID)

	held, err := c.Probe(ctx, Probe{Op: OpWrite, File: "w.img", TimeoutMS: 20})
	require.NoError(t, err)
	require.False(t, held.Passed)
	require.Equal(t, []string{id}, held.HeldBy)
	require.GreaterOrEqual(t, held.WaitedMS, 20.0)
	passed, err := c.Probe(ctx, Probe{Op: OpRead, File: "w.img", TimeoutMS: 5000})
	require.NoError(t, err)
	require.True(t, passed.Passed)
	_, err = c.Probe(ctx, Probe{Op: OpRead, File: "missing.img", TimeoutMS: 5000})
	require.ErrorContains(t, err, "no such file")

	r, err := c.Clear(ctx, id)
	require.NoError(t, err)
	require.EqualValues(t, 1, r.HeldTotal)
	requireThrough(t, done)
	_, err = c.Clear(ctx, id)
	require.ErrorIs(t, err, ErrNoRule)
	cleared, err := c.ClearAll(ctx)
	require.NoError(t, err)
	require.Empty(t, cleared)
}

func TestAddWithAnIDInUseIsRefusedByTheServer(t *testing.T) {
	_, c := unmounted(t)
	_, err := c.Add(t.Context(), Rule{ID: "a", Kind: Hang})
	require.NoError(t, err)
	_, err = c.Add(t.Context(), Rule{ID: "a", Kind: Hang})
	require.ErrorContains(t, err, `rule id "a" is in use`)
}

func TestStatusOfAllRulesFitsIntoAReply(t *testing.T) {
	f, c := unmounted(t)
	for range maxRules {
		_, err := f.Gate.Add(Rule{Kind: Latency, DelayMS: 1, Ops: Ops(), File: strings.Repeat("x", maxName), OffsetTo: 1 << 62})
		require.NoError(t, err)
	}
	s, err := c.Status(t.Context())
	require.NoError(t, err)
	require.Len(t, s.Rules, maxRules)
}

func TestRequestLineThatIsTooLong(t *testing.T) {
	_, c := unmounted(t)
	conn, err := net.Dial("unix", c.Socket)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	_, err = conn.Write([]byte(strings.Repeat("x", maxLine+1)))
	require.NoError(t, err)
	line, err := bufio.NewReader(conn).ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, line, "longer than 65536 bytes")
}

func TestClientGivesUpOnASilentServer(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "c.sock")
	l, err := Listen(socket, 0o600)
	require.NoError(t, err)
	defer l.Close()
	_, err = Client{Socket: socket, Timeout: 20 * time.Millisecond}.Status(t.Context())
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.ErrorContains(t, err, "is holdfast-faultfs running?")
}

func TestConnectionsAreLimited(t *testing.T) {
	_, c := unmounted(t)
	var idle []net.Conn
	defer func() {
		for _, conn := range idle {
			conn.Close()
		}
	}()
	for range maxConns {
		conn, err := net.Dial("unix", c.Socket)
		require.NoError(t, err)
		idle = append(idle, conn)
	}
	require.Eventually(t, func() bool {
		_, err := c.Status(t.Context())
		return err != nil
	}, patience, soon)
	idle[0].Close()
	require.Eventually(t, func() bool {
		_, err := c.Status(t.Context())
		return err == nil
	}, patience, soon)
}

// Whatever comes over the socket, there is exactly one reply, and a request that is not understood changes nothing.
func FuzzControl(f *testing.F) {
	for _, seed := range []string{
		`{"cmd":"add","rule":{"kind":"hang"}}`, `{"cmd":"clear","id":"r1"}`, `{"cmd":"clear_all"}`, `{"cmd":"status"}`,
		`{"cmd":"probe","probe":{"op":"read","file":"w.img","offset":9223372036854775807,"timeout_ms":1}}`, `{"cmd":"status"}{}`, `nonsense`, ``,
		`{"cmd":"add","rule":{"kind":"hang","oops":["write"]}}`,
	} {
		f.Add([]byte(seed))
	}
	dir := f.TempDir()
	require.NoError(f, os.WriteFile(filepath.Join(dir, "w.img"), make([]byte, 4096), 0o600))
	f.Fuzz(func(t *testing.T, line []byte) {
		fsys := &FS{Gate: NewGate(), o: Options{Backing: dir}, served: make(chan struct{})}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		a := NewControl(fsys, slog.New(slog.NewTextHandler(io.Discard, nil))).handle(ctx, line)
		_, err := json.Marshal(a)
		require.NoError(t, err)
		if a.Error != "" {
			require.Empty(t, fsys.Gate.Rules())
		}
	})
}
