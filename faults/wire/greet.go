package wire

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"time"
)

// Handshake makes a TLS connection to addr (host:port) and ends it: the cheapest question to VDSM. The server's certificate is
// not looked at, since only a sign of life is wanted; a server that wants one of the client's has answered all the same.
func Handshake(ctx context.Context, addr string) (time.Duration, error) {
	return exchange(ctx, "tls handshake", addr, deadlineOf(ctx), func(conn net.Conn) error {
		heard := &listener{Conn: conn}
		// The answer counts, not what it says.
		err := tls.Client(heard, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}).HandshakeContext(ctx)
		if heard.bytes > 0 {
			return nil
		}
		return err
	})
}

// listener counts what comes from the other side.
type listener struct {
	net.Conn
	bytes int
}

// Read implements net.Conn.
func (l *listener) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	l.bytes += n
	return n, err
}

// maxGreeting bounds the line that a mail server greets with, in bytes.
const maxGreeting = 512

// Greeting waits for the line with which a mail server at addr (host:port) greets. A code other than 220 is ErrRejected.
func Greeting(ctx context.Context, addr string) (time.Duration, error) {
	return exchange(ctx, "smtp greeting", addr, deadlineOf(ctx), func(conn net.Conn) error {
		line, err := bufio.NewReader(io.LimitReader(conn, maxGreeting)).ReadString('\n')
		switch {
		case err != nil:
			return err
		case len(line) < 3 || line[0] < '2' || line[0] > '5':
			return fmt.Errorf("%w: %.60q", ErrMalformed, line)
		case line[:3] != "220":
			return fmt.Errorf("%w: %.60q", ErrRejected, line)
		}
		_, _ = conn.Write([]byte("QUIT\r\n")) // a courtesy
		return nil
	})
}

// deadlineOf is all the time that a context leaves; a caller that names a deadline gets all of it.
func deadlineOf(ctx context.Context) time.Duration {
	if d, ok := ctx.Deadline(); ok {
		return max(time.Until(d), time.Nanosecond)
	}
	return DefaultTimeout
}
