package wire

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const short = 50 * time.Millisecond

var accepted = []uint32{msgReply, msgAccepted, 0, 0, acceptSuccess}

func TestNullIsAnswered(t *testing.T) {
	addr := fakeServer(t, fakeNFS(accepted...))
	took, err := Null(t.Context(), addr, ProgramNFS, VersionNFS3)
	require.NoError(t, err)
	require.Positive(t, took)
	_, err = NFS{Addr: addr}.Probe(t.Context())
	require.NoError(t, err)
}

func TestNopIsAnswered(t *testing.T) {
	for _, rounds := range []int{1, 3} {
		addr := fakeServer(t, fakeTarget(rounds, 0))
		_, err := Nop(t.Context(), addr, "iqn.2025-01.test:fake")
		require.NoError(t, err, "a target that needs %d rounds of login", rounds)
		_, err = ISCSI{Addr: addr, Target: ""}.Probe(t.Context())
		require.NoError(t, err, "discovery login in %d rounds", rounds)
	}
}

// Each way in which a probe can fail has its reason. What matters most is that only silence counts as silence.
func TestReasons(t *testing.T) {
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	gone.Close()
	hangUp := func(conn net.Conn) { conn.Close() }
	garbage := func(conn net.Conn) {
		_, _ = conn.Write([]byte("HTTP/1.0 400 Bad Request\r\n\r\nthis is no storage server, and this text is long enough for a header"))
	}
	manyRounds := fakeTarget(maxLoginRounds+1, 0)
	nfs := func(addr string) Prober { return NFS{Addr: addr, Timeout: time.Second} }
	iscsi := func(addr string) Prober { return ISCSI{Addr: addr, Target: "iqn.x", Timeout: time.Second} }
	for _, c := range []struct {
		name   string
		probe  Prober
		reason error
		text   string
	}{
		{"nfs silent", NFS{Addr: fakeServer(t, silent), Timeout: short}, ErrSilent, "rpc null"},
		{"nfs refused", nfs(gone.Addr().String()), ErrRefused, "connection refused"},
		{"nfs hangs up", nfs(fakeServer(t, hangUp)), ErrRefused, ""},
		{"nfs garbage", nfs(fakeServer(t, garbage)), ErrMalformed, "record of more than"},
		{"nfs unknown program", nfs(fakeServer(t, fakeNFS(msgReply, msgAccepted, 0, 0, 1))), ErrRejected, "program unavailable"},
		{"nfs denied", nfs(fakeServer(t, fakeNFS(msgReply, msgDenied, 0))), ErrRejected, "call denied"},
		{"nfs not a reply", nfs(fakeServer(t, fakeNFS(msgCall, 0, 0, 0, 0))), ErrMalformed, "message type 0"},
		{"nfs truncated", nfs(fakeServer(t, fakeNFS(msgReply, msgAccepted))), ErrMalformed, "reply of 12 bytes"},
		{"iscsi silent", ISCSI{Addr: fakeServer(t, silent), Timeout: short}, ErrSilent, "iscsi login"},
		{"iscsi refused", iscsi(gone.Addr().String()), ErrRefused, "connection refused"},
		{"iscsi hangs up", iscsi(fakeServer(t, hangUp)), ErrRefused, ""},
		{"iscsi garbage", iscsi(fakeServer(t, garbage)), ErrMalformed, ""},
		{"iscsi no such target", iscsi(fakeServer(t, fakeTarget(1, 0x0203))), ErrRejected, "target not found"},
		{"iscsi wants CHAP", iscsi(fakeServer(t, fakeTarget(1, 0x0201))), ErrRejected, "CHAP"},
		{"iscsi endless login", iscsi(fakeServer(t, manyRounds)), ErrMalformed, "login not finished"},
	} {
		_, err := c.probe.Probe(t.Context())
		require.ErrorIs(t, err, c.reason, c.name)
		require.ErrorContains(t, err, c.text, c.name)
		for _, other := range []error{ErrSilent, ErrRefused, ErrRejected, ErrMalformed} {
			require.Equal(t, errors.Is(c.reason, other), errors.Is(err, other), "%s: %v", c.name, err)
		}
	}
}

func TestProbeKeepsItsDeadline(t *testing.T) {
	addr := fakeServer(t, silent)
	start := time.Now()
	took, err := NFS{Addr: addr, Timeout: short}.Probe(t.Context())
	require.ErrorIs(t, err, ErrSilent)
	require.GreaterOrEqual(t, took, short)
	require.Less(t, time.Since(start), 5*time.Second)

	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(short, cancel)
	_, err = ISCSI{Addr: addr, Timeout: time.Minute}.Probe(ctx)
	require.ErrorIs(t, err, ErrSilent)
	require.Less(t, time.Since(start), 10*time.Second)

	ctx, cancel = context.WithTimeout(t.Context(), short)
	defer cancel()
	_, err = Null(ctx, addr, ProgramNFS, VersionNFS3)
	require.ErrorIs(t, err, ErrSilent)
	_, err = Nop(ctx, addr, "")
	require.ErrorIs(t, err, ErrSilent, "a context that is over already")
}
