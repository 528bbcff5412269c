package xmlrpc

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// start is serve without the clean-up.
func start(t *testing.T, s *Server) (socket string, served chan error) {
	t.Helper()
	socket = socketPath(t)
	l, err := net.Listen("unix", socket)
	require.NoError(t, err)
	served = make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	return socket, served
}

func TestShutdownLetsCallsFinish(t *testing.T) {
	s := NewServer(Options{ReadTimeout: time.Minute})
	entered, release := make(chan struct{}), make(chan struct{})
	s.Handle("m", func(context.Context, []any) (any, error) {
		close(entered)
		<-release
		return "finished", nil
	})
	socket, served := start(t, s)
	silent, err := net.Dial("unix", socket)
	require.NoError(t, err)
	defer silent.Close()

	type answer struct {
		value any
		err   error
	}
	answered := make(chan answer, 1)
	go func() {
		v, err := NewClient(socket, patience).Call(context.Background(), "m")
		answered <- answer{v, err}
	}()
	<-entered
	down := make(chan error, 1)
	go func() { down <- s.Shutdown(context.Background()) }()
	require.NoError(t, <-served)
	_, err = NewClient(socket, patience).Call(t.Context(), "m")
	require.Error(t, err, "a call after shutdown began")
	close(release)
	require.Equal(t, answer{"finished", nil}, <-answered)
	within(t, "shutdown", func() { require.NoError(t, <-down, "silent connections do not hold it up") })
}

func TestShutdownIsBounded(t *testing.T) {
	s := NewServer(Options{})
	entered, ended := make(chan struct{}), make(chan struct{})
	s.Handle("m", func(ctx context.Context, _ []any) (any, error) {
		close(entered)
		<-ctx.Done()
		close(ended)
		return nil, ctx.Err()
	})
	socket, served := start(t, s)
	failed := make(chan error, 1)
	go func() {
		_, err := NewClient(socket, patience).Call(context.Background(), "m")
		failed <- err
	}()
	<-entered
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	within(t, "shutdown with a method that does not end", func() {
		err := s.Shutdown(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "1 calls still running")
	})
	require.NoError(t, <-served)
	require.Error(t, <-failed)
	within(t, "ending the method's context", func() { <-ended })
}

func TestShutdownBeforeServe(t *testing.T) {
	s := NewServer(Options{})
	require.NoError(t, s.Shutdown(t.Context()))
	_, served := start(t, s)
	within(t, "serve after shutdown", func() { require.NoError(t, <-served) })
}
