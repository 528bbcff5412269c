package vdsm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"
)

// Options say where VDSM is and how long to wait for it. Zero values mean the defaults.
type Options struct {
	// Address is HOST:PORT, as a rule localhost:54321. Required.
	Address string
	// Certificate and Key are PEM files with what this client shows; Authority has the certificates of which one must
	// have signed VDSM's. They are read at each connection, because they are renewed. The name in VDSM's certificate
	// is not compared: it is the host's, while the address is loopback.
	Certificate, Key, Authority string
	// Timeout is the deadline of one call, connecting included; the caller's context may set an earlier one. Default 10 s.
	Timeout time.Duration
	// PingTimeout is how long a suspected connection has to answer. Default 5 s.
	PingTimeout time.Duration
	// HeartBeat is the period asked of VDSM, at least 1 s. Default 24 s, as upstream's clients.
	HeartBeat time.Duration
	// RetryPause is the least time between a failed attempt to connect and the next one, and between two calls to a VDSM
	// that recovers. Default 1 s.
	RetryPause time.Duration
	// MaxMessage limits one message in bytes. Default 16 MiB.
	MaxMessage int
	// MaxCalls limits how many calls may be under way. Default 64.
	MaxCalls int
	// Log gets a line when the connection comes or goes; nil = no log. Parameters and results are never logged.
	Log *slog.Logger
	// Dial makes the connection; nil = plain TCP, then TLS with the files above. A Dial of the caller's is used as it is,
	// without TLS.
	Dial func(ctx context.Context) (net.Conn, error)
}

func (o *Options) complete() error {
	if _, _, err := net.SplitHostPort(o.Address); err != nil {
		return fmt.Errorf("VDSM's address %q: want HOST:PORT: %w", o.Address, err)
	}
	if o.Dial == nil && (o.Certificate == "" || o.Key == "" || o.Authority == "") {
		return errors.New("VDSM's certificate, key and authority: all three files are needed")
	}
	for value, standard := range map[*time.Duration]time.Duration{
		&o.Timeout: 10 * time.Second, &o.PingTimeout: 5 * time.Second, &o.HeartBeat: 24 * time.Second, &o.RetryPause: time.Second,
	} {
		switch {
		case *value == 0:
			*value = standard
		case *value < 0:
			return fmt.Errorf("VDSM's times: %s is negative", *value)
		}
	}
	if o.HeartBeat < time.Second {
		return fmt.Errorf("VDSM's heart-beat %s: at least 1s", o.HeartBeat)
	}
	if o.MaxMessage < 0 || o.MaxCalls < 0 {
		return errors.New("VDSM's limits: negative")
	}
	if o.MaxMessage == 0 {
		o.MaxMessage = 16 << 20
	}
	if o.MaxCalls == 0 {
		o.MaxCalls = 64
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}
