package xmlrpc

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// answerWith serves a socket on which each connection gets these bytes once its request began, and is then closed.
func answerWith(t *testing.T, answer string) *Client {
	t.Helper()
	socket := socketPath(t)
	l, err := net.Listen("unix", socket)
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 1<<16))
			_, _ = io.WriteString(conn, answer)
			conn.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return NewClient(socket, patience)
}

func TestClientErrors(t *testing.T) {
	const ok = "HTTP/1.0 200 OK\r\n"
	var syntax *SyntaxError
	var status *StatusError
	for _, tc := range []struct {
		answer string
		check  func(error) bool
	}{
		{"", func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }},
		{"garbage\r\n\r\n", func(err error) bool { return err != nil }},
		{"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy", func(err error) bool {
			return errors.As(err, &status) && status.Status == 503 && status.Text == "busy"
		}},
		{ok + "Content-Length: 100\r\n\r\nshort", func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }},
		{ok + "\r\n<html>", func(err error) bool { return errors.As(err, &syntax) }},
		{ok + "Content-Encoding: gzip\r\n\r\nnot gzip", func(err error) bool { return err != nil }},
	} {
		_, err := answerWith(t, tc.answer).Call(t.Context(), "m")
		require.True(t, tc.check(err), "answer %q: got error %v", tc.answer, err)
	}
}

func TestClientReadsReplyWithoutLength(t *testing.T) {
	got, err := answerWith(t, "HTTP/1.0 200 OK\r\n\r\n"+sampleResponses[0]).Call(t.Context(), "m")
	require.NoError(t, err)
	require.Equal(t, "ok", got)
}

func TestClientWithoutServer(t *testing.T) {
	socket := socketPath(t)
	_, err := NewClient(socket, patience).Call(t.Context(), "m")
	require.ErrorIs(t, err, fs.ErrNotExist)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket})
	require.NoError(t, err)
	l.SetUnlinkOnClose(false)
	l.Close()
	_, err = NewClient(socket, patience).Call(t.Context(), "m")
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
}

// TestClientHasADeadline_S17: a server that accepts and never answers does not hold its caller.
func TestClientHasADeadline_S17(t *testing.T) {
	socket := socketPath(t)
	l, err := net.Listen("unix", socket)
	require.NoError(t, err)
	defer l.Close()
	within(t, "a call with 100 ms", func() {
		_, err := NewClient(socket, 100*time.Millisecond).Call(context.Background(), "m")
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	within(t, "a cancelled call", func() {
		_, err := NewClient(socket, time.Hour).Call(ctx, "m")
		require.ErrorIs(t, err, context.Canceled)
	})
}

// TestClientWaitsForAFullBacklog: upstream's server has a backlog of 5, and a full one is EAGAIN.
func TestClientWaitsForAFullBacklog(t *testing.T) {
	socket := socketPath(t)
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	require.NoError(t, syscall.Bind(fd, &syscall.SockaddrUnix{Name: socket}))
	require.NoError(t, syscall.Listen(fd, 0))
	file := os.NewFile(uintptr(fd), "listener")
	first, err := net.Dial("unix", socket) // fills it
	require.NoError(t, err)
	defer first.Close()
	_, err = NewClient(socket, 100*time.Millisecond).Call(t.Context(), "m")
	require.Error(t, err, "nobody accepts")

	l, err := net.FileListener(file)
	require.NoError(t, err)
	file.Close()
	s := NewServer(Options{})
	s.Handle("m", echo)
	served := make(chan error, 1)
	time.AfterFunc(200*time.Millisecond, func() { served <- s.Serve(l) })
	got, err := NewClient(socket, patience).Call(t.Context(), "m", 1)
	require.NoError(t, err)
	require.Equal(t, []any{int64(1)}, got)
	require.NoError(t, s.Shutdown(t.Context()))
	require.NoError(t, <-served)
}
