package vdsm

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

var errClosed = errors.New("the client is closed")

// connected returns the live connection, or waits for the attempt to make one; it begins one if none is under way and
// the last failure is long enough ago.
func (c *Client) connected(ctx context.Context) (*connection, error) {
	c.mu.Lock()
	if c.live != nil && !c.live.isOver() {
		defer c.mu.Unlock()
		return c.live, nil
	}
	a := c.attempt
	if a == nil {
		if c.failure != nil && clock.Now().Sub(c.failure.at) < c.o.RetryPause {
			defer c.mu.Unlock()
			return nil, c.failure.err
		}
		a = &attempt{done: make(chan struct{})}
		if !c.goesLocked(func() { c.try(a) }) {
			defer c.mu.Unlock()
			return nil, errClosed
		}
		c.attempt = a
	}
	c.mu.Unlock()
	select {
	case <-a.done:
		return a.got, a.err
	case <-ctx.Done():
		return nil, fmt.Errorf("connecting: %w", ctx.Err())
	}
}

// try makes a connection and tells those who wait for it.
func (c *Client) try(a *attempt) {
	conn, err := c.connect()
	now := clock.Now()
	c.mu.Lock()
	c.attempt = nil
	lost := c.failure == nil // the first failure in a row is worth a line
	if err == nil {
		c.live, c.failure, c.changed = conn, nil, now
		c.connects++
	} else {
		c.failure = &failure{err: err, at: now}
		if c.changed == 0 {
			c.changed = now
		}
	}
	c.mu.Unlock()
	if a.got = conn; err != nil { // a nil *Error is not a nil error
		a.err = err
	}
	close(a.done)
	switch {
	case err == nil:
		c.o.Log.Info("VDSM is connected", "address", c.o.Address)
		conn.run(c.over)
	case lost && !errors.Is(err, context.Canceled):
		c.o.Log.Warn("VDSM cannot be reached", "error", err)
	}
}

// over notes that a connection is no more.
func (c *Client) over(conn *connection) {
	c.mu.Lock()
	if c.live == conn {
		c.changed = clock.Now()
	}
	c.mu.Unlock()
	if c.ctx.Err() == nil {
		c.o.Log.Warn("the connection to VDSM is lost", "address", c.o.Address, "error", conn.cause())
	}
}

// connect dials, shakes hands and subscribes, all within Options.Timeout.
func (c *Client) connect() (*connection, *Error) {
	ctx, cancel := context.WithTimeout(c.ctx, c.o.Timeout)
	defer cancel()
	dial := c.o.Dial
	if dial == nil {
		dial = c.dialTLS
	}
	stream, err := dial(ctx)
	if err != nil {
		return nil, c.failed("connect", dialKind(err), err)
	}
	conn := newConnection(c.ctx, stream, c.o, c.deliver)
	if err := conn.greet(ctx); err != nil {
		conn.fail(&brokenError{KindEnded, err})
		stream.Close()
		return nil, c.failed("connect", dialKind(err), err)
	}
	return conn, nil
}

// tlsError marks what is wrong with certificates.
type tlsError struct{ cause error }

func (e *tlsError) Error() string { return e.cause.Error() }
func (e *tlsError) Unwrap() error { return e.cause }

func (c *Client) dialTLS(ctx context.Context) (net.Conn, error) {
	config, err := c.tlsConfig()
	if err != nil {
		return nil, &tlsError{err}
	}
	dialer := net.Dialer{KeepAlive: 15 * time.Second}
	raw, err := dialer.DialContext(ctx, "tcp", c.o.Address)
	if err != nil {
		return nil, err
	}
	conn := tls.Client(raw, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		if ctx.Err() != nil {
			return nil, fmt.Errorf("TLS handshake: %w", ctx.Err())
		}
		return nil, &tlsError{fmt.Errorf("TLS handshake: %w", err)}
	}
	return &bluntTLS{Conn: conn, raw: raw}, nil
}

// bluntTLS closes without a good-bye: tls.Conn waits up to 5 s for a peer that does not read.
type bluntTLS struct {
	*tls.Conn
	raw net.Conn
}

// Close closes the connection underneath.
func (b *bluntTLS) Close() error { return b.raw.Close() }

// tlsConfig reads the files. VDSM's certificate must be signed by the authority; its name is not compared, see Options.
func (c *Client) tlsConfig() (*tls.Config, error) {
	own, err := tls.LoadX509KeyPair(c.o.Certificate, c.o.Key)
	if err != nil {
		return nil, fmt.Errorf("certificate %s with key %s: %w", c.o.Certificate, c.o.Key, err)
	}
	text, err := os.ReadFile(c.o.Authority)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s: no certificate in it", c.o.Authority)
	}
	return &tls.Config{
		Certificates:       []tls.Certificate{own},
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // the chain is verified below, the name is not
		VerifyConnection: func(state tls.ConnectionState) error {
			between := x509.NewCertPool()
			for _, cert := range state.PeerCertificates[1:] {
				between.AddCert(cert)
			}
			_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{
				Roots: roots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
			})
			return err
		},
	}, nil
}

func dialKind(err error) Kind {
	var certificates *tlsError
	var network net.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return KindTimeout
	case errors.Is(err, context.Canceled):
		return KindEnded
	case errors.Is(err, syscall.ECONNREFUSED):
		return KindDown
	case errors.As(err, &certificates):
		return KindTLS
	}
	return kindOfEnd(err)
}
