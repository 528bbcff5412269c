package lease

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fakeDaemon is a socket that answers every connection with one function of the test.
type fakeDaemon struct {
	Client
	mu    sync.Mutex
	reads [][]byte // the first read(2) of each connection
}

// fakeServer listens and calls answer for each connection after it has read the request.
func fakeServer(t *testing.T, answer func(conn net.Conn, request []byte)) *fakeDaemon {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "sl")
	require.NoError(t, err)
	socket := filepath.Join(dir, "fake.sock")
	listener, err := net.Listen("unix", socket)
	require.NoError(t, err)
	f := &fakeDaemon{Client: Client{Socket: socket, Timeout: 300 * time.Millisecond}}
	var work sync.WaitGroup
	var conns []net.Conn
	work.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			conns = append(conns, conn)
			f.mu.Unlock()
			work.Go(func() {
				defer conn.Close()
				b := make([]byte, 1<<20)
				n, _ := conn.Read(b)
				f.mu.Lock()
				f.reads = append(f.reads, b[:n])
				f.mu.Unlock()
				answer(conn, b[:n])
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		f.mu.Lock()
		for _, conn := range conns {
			conn.Close()
		}
		f.mu.Unlock()
		work.Wait()
		os.RemoveAll(dir)
	})
	return f
}

// header builds an answer's header.
func header(number, length uint32, result int32, data2 uint32) []byte {
	b := make([]byte, headerSize)
	for i, v := range []uint32{magic, protoVersion, number, 0, length, 0, uint32(result), data2} {
		binary.LittleEndian.PutUint32(b[4*i:], v)
	}
	return b
}

func requireKind(t *testing.T, want Kind, err error) {
	t.Helper()
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, want, e.Kind, "%v", err)
}

func TestSilentDaemonMeetsTheDeadline(t *testing.T) {
	t.Parallel()
	f := fakeServer(t, func(conn net.Conn, _ []byte) { _, _ = io.Copy(io.Discard, conn) })
	started := time.Now()
	_, err := f.GetLockspaces(t.Context())
	requireKind(t, KindTimeout, err)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.Less(t, time.Since(started), 10*time.Second)

	ctx, cancel := context.WithCancelCause(t.Context())
	reason := io.ErrClosedPipe
	time.AfterFunc(50*time.Millisecond, func() { cancel(reason) })
	_, err = Client{Socket: f.Socket, Timeout: time.Minute}.Status(ctx)
	requireKind(t, KindTimeout, err)
	require.ErrorIs(t, err, reason, "the error must carry the context's cause")
}

// TestWaitingCallOutlivesTimeout: what is meant to wait ends with its context, not with Client.Timeout.
func TestWaitingCallOutlivesTimeout(t *testing.T) {
	t.Parallel()
	f := fakeServer(t, func(conn net.Conn, _ []byte) {
		time.Sleep(time.Second) // longer than the client's timeout
		_, _ = conn.Write(header(cmdAddLockspace, headerSize, 0, 0))
	})
	l := Lockspace{Name: "x", HostID: 1, Path: "/x"}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, f.AddLockspace(ctx, l, false, time.Second))
	requireKind(t, KindTimeout, f.AddLockspace(ctx, l, true, time.Second))
	requireKind(t, KindTimeout, f.AddLockspace(t.Context(), l, false, time.Second))
}

// TestWritingALockspaceOutlivesTimeout: sanlock goes on writing when nobody waits any more, so giving up early would let
// a join meet the rest of it.
func TestWritingALockspaceOutlivesTimeout(t *testing.T) {
	t.Parallel()
	f := fakeServer(t, func(conn net.Conn, _ []byte) {
		time.Sleep(time.Second) // longer than the client's timeout
		_, _ = conn.Write(header(cmdWriteLockspace, headerSize, 0, 0))
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	l := Lockspace{Name: "x", Path: "/x"}
	require.NoError(t, f.WriteLockspace(ctx, l, time.Second))
	requireKind(t, KindTimeout, f.WriteLockspace(t.Context(), l, time.Second))
}

func TestBadAnswers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		answer []byte
		want   Kind
	}{
		{"nothing", nil, KindClosed},
		{"half a header", header(cmdGetLockspaces, headerSize, 0, 0)[:16], KindClosed},
		{"wrong magic", append([]byte{1, 2, 3, 4}, header(cmdGetLockspaces, headerSize, 0, 0)[4:]...), KindProtocol},
		{"newer version", append(header(0, 0, 0, 0)[:4], append([]byte{0, 0, 1, 0}, header(cmdGetLockspaces, headerSize, 0, 0)[8:]...)...), KindProtocol},
		{"length below the header's", header(cmdGetLockspaces, 31, 0, 0), KindProtocol},
		{"huge length", header(cmdGetLockspaces, 0xffffffff, 0, 0), KindProtocol},
		{"another command's answer", header(cmdVersion, headerSize, 0, 0), KindProtocol},
		{"payload missing", header(cmdGetLockspaces, headerSize+lockspaceSize, 0, 1), KindClosed},
		{"more lockspaces than bytes", append(header(cmdGetLockspaces, headerSize+lockspaceSize, 0, 0xffffffff), make([]byte, lockspaceSize)...), KindProtocol},
		{"a result", header(cmdGetLockspaces, headerSize, -202, 0), KindResult},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := fakeServer(t, func(conn net.Conn, _ []byte) { _, _ = conn.Write(test.answer) })
			_, err := f.GetLockspaces(t.Context())
			requireKind(t, test.want, err)
			require.ErrorContains(t, err, f.Socket)
		})
	}
}

// TestOneWritePerCommand: half a request stops the daemon for everybody, so header and payload travel together.
func TestOneWritePerCommand(t *testing.T) {
	t.Parallel()
	f := fakeServer(t, func(conn net.Conn, b []byte) {
		_, _ = conn.Write(header(binary.LittleEndian.Uint32(b[8:]), headerSize, 0, 0))
	})
	l := Lockspace{Name: "hosted-engine", HostID: 250, Path: "/dev/x/y", Offset: 4096, Flags: Sector512 | Align1M}
	require.NoError(t, f.WriteLockspace(t.Context(), l, 10*time.Second))
	disks := make([]Disk, MaxDisks)
	for i := range disks {
		disks[i] = Disk{Path: "/dev/disk", Offset: uint64(i) << 20}
	}
	require.NoError(t, f.WriteResource(t.Context(), Resource{Lockspace: "a", Name: "b", Disks: disks}, true))
	require.NoError(t, f.SetEvent(t.Context(), "a", HostEvent{HostID: 2}, EventAllHosts))
	f.mu.Lock()
	defer f.mu.Unlock()
	sizes := []int{headerSize + lockspaceSize, headerSize + resourceSize + MaxDisks*diskSize, headerSize + lockspaceSize + hostEventSize}
	for i, want := range sizes {
		require.Len(t, f.reads[i], want, "the first read of request %d", i)
		require.Equal(t, uint32(want), binary.LittleEndian.Uint32(f.reads[i][16:]), "its length field")
	}
	parsed, err := parseLockspace(f.reads[0][headerSize:])
	require.NoError(t, err)
	require.Equal(t, l, parsed)
}

func TestNoDaemon(t *testing.T) {
	t.Parallel()
	_, err := Client{Socket: filepath.Join(t.TempDir(), "absent")}.Version(t.Context())
	requireKind(t, KindUnreachable, err)
	require.ErrorIs(t, err, os.ErrNotExist)
}

// TestLateAnswerIsNotTakenForTheNext: a registered connection goes on after a command that took too long; the late
// answer belongs to nobody.
func TestLateAnswerIsNotTakenForTheNext(t *testing.T) {
	t.Parallel()
	f := fakeServer(t, func(conn net.Conn, request []byte) {
		var late []byte
		requests := io.MultiReader(bytes.NewReader(request), conn)
		for {
			b := make([]byte, headerSize)
			if _, err := io.ReadFull(requests, b); err != nil {
				return
			}
			if binary.LittleEndian.Uint32(b[8:]) == cmdRegister {
				continue // has no answer
			}
			answer := header(binary.LittleEndian.Uint32(b[8:]), headerSize, 0, 0)
			copy(answer[20:24], b[20:24])
			if late == nil {
				binary.LittleEndian.PutUint32(answer[24:], 0xffffff37) // -201
				late = answer
				continue
			}
			_, _ = conn.Write(late)
			_, _ = conn.Write(answer)
		}
	})
	registered, err := f.Register(t.Context())
	require.NoError(t, err)
	defer registered.Close()
	requireKind(t, KindTimeout, registered.Restrict(t.Context(), RestrictSIGKILL))
	require.NoError(t, registered.Restrict(t.Context(), RestrictSIGKILL))
	select {
	case <-registered.Gone():
		t.Fatal("gone, want connected")
	default:
	}
}

func TestRegisteredNoticesTheEnd(t *testing.T) {
	t.Parallel()
	f := fakeServer(t, func(net.Conn, []byte) {}) // closes after the first request
	registered, err := f.Register(t.Context())
	require.NoError(t, err)
	select {
	case <-registered.Gone():
	case <-time.After(30 * time.Second):
		t.Fatal("the end of the connection went unnoticed")
	}
	_, err = registered.Inquire(t.Context())
	requireKind(t, KindClosed, err)
	require.NoError(t, registered.Close(), "closing twice")
	require.NoError(t, registered.Close())
}

func TestRequestsThatCannotBeSent(t *testing.T) {
	t.Parallel()
	c := Client{Socket: "/absent"}
	long := string(make([]byte, 49))
	ctx := t.Context()
	requireKind(t, KindRequest, c.AddLockspace(ctx, Lockspace{Name: long, HostID: 1}, true, 0))
	requireKind(t, KindRequest, c.AddLockspace(ctx, Lockspace{Name: "x"}, true, 0))
	requireKind(t, KindRequest, c.AddLockspace(ctx, Lockspace{Name: "x", HostID: 1}, true, 1500*time.Millisecond))
	requireKind(t, KindRequest, c.WriteLockspace(ctx, Lockspace{Path: string(make([]byte, 2000))}, 0))
	requireKind(t, KindRequest, c.WriteLockspace(ctx, Lockspace{Path: "a\x00b"}, 0))
	requireKind(t, KindRequest, c.WriteResource(ctx, Resource{Name: "x"}, false))
	_, err := c.Inquire(ctx, -1)
	requireKind(t, KindRequest, err)
}
