package wire

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// says listens and writes a text to whoever connects, after it has read something where wait is set.
func says(t *testing.T, text string, wait bool) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if wait {
				_, _ = conn.Read(make([]byte, 1))
			}
			_, _ = conn.Write([]byte(text))
			conn.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestGreeting(t *testing.T) {
	took, err := Greeting(within(t, 5*time.Second), says(t, "220 here ESMTP\r\n", false))
	require.NoError(t, err)
	require.Positive(t, took)
	_, err = Greeting(within(t, 5*time.Second), says(t, "421 too busy\r\n", false))
	require.ErrorIs(t, err, ErrRejected)
	_, err = Greeting(within(t, 5*time.Second), says(t, "HTTP/1.1 400\r\n", false))
	require.ErrorIs(t, err, ErrMalformed)
	_, err = Greeting(within(t, 5*time.Second), says(t, "", false))
	require.ErrorIs(t, err, ErrRefused)
}

func TestHandshakeCountsAnyAnswer(t *testing.T) {
	_, err := Handshake(within(t, 5*time.Second), says(t, "\x15\x03\x03\x00\x02\x02\x28", true)) // an alert: it lives
	require.NoError(t, err)
	_, err = Handshake(within(t, 5*time.Second), says(t, "", true))
	require.ErrorIs(t, err, ErrRefused)
}

func TestSilenceOfAFrozenProgram(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts by backlog, never answers
	require.NoError(t, err)
	defer l.Close()
	_, err = Handshake(within(t, 150*time.Millisecond), l.Addr().String())
	require.ErrorIs(t, err, ErrSilent)
	_, err = Greeting(within(t, 150*time.Millisecond), l.Addr().String())
	require.ErrorIs(t, err, ErrSilent)
}
