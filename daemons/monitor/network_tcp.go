package monitor

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"
)

// tcpTest opens a connection and closes it.
type tcpTest struct{ address string }

func newTCP(o Options) (networkTest, error) {
	address, err := host(o, "tcp_t_address")
	if err != nil {
		return nil, err
	}
	text, err := o.text("tcp_t_port")
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return nil, fmt.Errorf("option tcp_t_port is %q; want a port from 1 to 65535", text)
	}
	return tcpTest{address: net.JoinHostPort(address, strconv.FormatUint(port, 10))}, nil
}

func (t tcpTest) try(ctx context.Context, timeout time.Duration) error {
	conn, err := dialer(timeout).DialContext(ctx, "tcp", t.address)
	if err != nil {
		return fmt.Errorf("tcp test of %s: %w", t.address, err)
	}
	conn.Close()
	return nil
}

// dialer looks names up and connects within a time limit. libc's look-up cannot be ended, so it is not used.
func dialer(timeout time.Duration) *net.Dialer {
	return &net.Dialer{Timeout: timeout, Resolver: &net.Resolver{PreferGo: true}}
}
