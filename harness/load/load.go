// Package load is many clients of one broker at once, from one process that belongs to no daemon: good ones that call as VDSM and the
// agents do, slow ones that send and read a byte at a time, and half-open ones that connect and say nothing. What counts is what
// the good ones meet.
package load

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Options of a load.
type Options struct {
	Socket string // the broker's
	// Clients is how many there are in all, Slow and HalfOpen among them; the rest is good.
	Clients, Slow, HalfOpen int
	For                     time.Duration
	Every                   time.Duration // pause of a good client between two calls; default 1 s
	Timeout                 time.Duration // of a good client's call; default 5 s, as VDSM has it
}

// Result is what the clients met.
type Result struct {
	OK      int     `json:"ok"`      // calls of good clients that were answered
	Refused int     `json:"refused"` // calls of good clients that were turned away: no connection, or cut, or HTTP 503
	Failed  int     `json:"failed"`  // calls of good clients that failed otherwise: no answer in time, a fault, nonsense
	P50MS   float64 `json:"p50_ms"`  // of the answered calls, from connect to the last byte; 0 without any
	P99MS   float64 `json:"p99_ms"`
	MaxMS   float64 `json:"max_ms"`
	LateMS  float64 `json:"late_ms"`       // the most that a good client woke late: what the machine did to the measurement
	Good    int     `json:"good"`          // good clients
	SlowCut int     `json:"slow_cut"`      // connections of slow clients that the broker ended
	HalfCut int     `json:"half_open_cut"` // of half-open ones
	Err     string  `json:"err,omitempty"` // of the last call that was refused or failed
	TookS   float64 `json:"took_s"`
}

// Limits of the options.
const (
	MaxClients = 5000
	MaxFor     = 30 * time.Minute
)

// Validate returns the options with their defaults, or an error that says what is wanted.
func (o Options) Validate() (Options, error) {
	if o.Every == 0 {
		o.Every = time.Second
	}
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	switch {
	case o.Socket == "":
		return o, errors.New("load: no broker socket given")
	case o.Clients < 1 || o.Clients > MaxClients:
		return o, fmt.Errorf("load: %d clients: want 1 to %d", o.Clients, MaxClients)
	case o.Slow < 0 || o.HalfOpen < 0 || o.Slow+o.HalfOpen >= o.Clients:
		return o, fmt.Errorf("load: %d slow and %d half-open of %d clients: want at least one good one", o.Slow, o.HalfOpen, o.Clients)
	case o.For <= 0 || o.For > MaxFor:
		return o, fmt.Errorf("load: for %s: want more than 0, at most %s", o.For, MaxFor)
	case o.Every < time.Millisecond || o.Timeout < time.Millisecond:
		return o, fmt.Errorf("load: every %s, timeout %s: want at least 1ms", o.Every, o.Timeout)
	}
	return o, nil
}

// Args are the options as the command `holdfast-probe load` takes them.
func (o Options) Args() []string {
	args := []string{
		"--socket", o.Socket, "--clients", strconv.Itoa(o.Clients), "--slow", strconv.Itoa(o.Slow), "--half-open", strconv.Itoa(o.HalfOpen),
		"--for", o.For.String(),
	}
	if o.Every != 0 {
		args = append(args, "--every", o.Every.String())
	}
	if o.Timeout != 0 {
		args = append(args, "--timeout", o.Timeout.String())
	}
	return args
}

// Run puts the load on the broker until its time is over or the context ends.
func Run(ctx context.Context, o Options) (Result, error) {
	o, err := o.Validate()
	if err != nil {
		return Result{}, err
	}
	return run(ctx, o)
}
