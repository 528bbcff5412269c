package vdsm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// Client calls VDSM. It is made by New and safe for concurrent use.
type Client struct {
	o     Options
	ctx   context.Context // ends with Close
	end   context.CancelFunc
	tasks sync.WaitGroup // every goroutine of the client
	slots chan struct{}  // one token for each call under way

	mu       sync.Mutex
	isClosed bool
	live     *connection // the newest connection; nil before the first
	attempt  *attempt    // under way, or nil
	failure  *failure    // of the last attempt; nil if it succeeded
	connects uint64
	changed  clock.Mono // when the connection was made or lost
	watchers map[uint64]func(Event)
	watched  uint64 // watchers there have ever been
}

// attempt is one try to connect, waited for by any number of calls.
type attempt struct {
	done chan struct{}
	got  *connection // set before done is closed
	err  error
}

// failure is why the last try to connect failed, and when.
type failure struct {
	err *Error
	at  clock.Mono
}

// State is how a Client's connection is.
type State struct {
	Connected bool
	Since     clock.Mono // when it was made or lost; 0 before the first attempt
	Problem   string     // why there is none; "" when connected or never tried
	Calls     int        // under way
	Connects  uint64     // connections made so far
}

// New checks the options and returns a client. It touches nothing: the first call connects.
func New(o Options) (*Client, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	c := &Client{o: o, slots: make(chan struct{}, o.MaxCalls), watchers: make(map[uint64]func(Event))}
	c.ctx, c.end = context.WithCancel(context.Background())
	return c, nil
}

// Call calls a method and stores its result, JSON, where result points, unless it is nil. params is an object, or nil
// for none. It returns by the end of ctx or of Options.Timeout, whichever comes first. The error is an *Error.
func (c *Client) Call(ctx context.Context, method string, params, result any) error {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	default:
		return c.failed(method, KindBusy, errors.New("too many calls are under way"))
	}
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	var recovering error
	for {
		err := c.once(ctx, method, params, result)
		switch {
		case CodeOf(err) == CodeRecovering:
			recovering = err
		case recovering != nil && KindOf(err) == KindTimeout:
			return recovering // it says more than that the last try was one too many
		default:
			return err
		}
		if !pause(ctx, c.ctx, c.o.RetryPause) {
			return recovering
		}
	}
}

// once sends one request and waits for its answer.
func (c *Client) once(ctx context.Context, method string, params, result any) error {
	request, err := newRequest(method, params)
	if err != nil {
		return c.failed(method, KindArgument, err)
	}
	conn, err := c.connected(ctx)
	if err != nil {
		var known *Error
		if errors.As(err, &known) {
			return c.failed(method, known.Kind, fmt.Errorf("connecting: %w", known.Cause))
		}
		return c.failed(method, kindOfEnd(err), err)
	}
	reply, err := conn.exchange(ctx, request)
	switch {
	case err != nil && ctx.Err() != nil:
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			c.suspect(conn)
		}
		return c.failed(method, kindOfEnd(ctx.Err()), fmt.Errorf("%w: %w", errNoAnswer, ctx.Err()))
	case err != nil:
		return c.failed(method, kindOfEnd(err), err)
	case reply.Error != nil:
		return &Error{Op: method, Address: c.o.Address, Kind: KindRefused, Code: reply.Error.Code, Cause: reply.Error}
	case result == nil:
		return nil
	}
	if err := json.Unmarshal(reply.Result, result); err != nil {
		return c.failed(method, KindProtocol, err)
	}
	return nil
}

// call is Call with the result as a value.
func call[T any](ctx context.Context, c *Client, method string, params any) (T, error) {
	var result T
	err := c.Call(ctx, method, params, &result)
	return result, err
}

var errNoAnswer = errors.New("no answer")

func kindOfEnd(err error) Kind {
	var broken *brokenError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return KindTimeout
	case errors.As(err, &broken):
		return broken.kind
	}
	return KindEnded
}

// pause waits, and tells whether it was for the full time.
func pause(ctx, other context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-other.Done():
	}
	return false
}

// State tells how the connection is. It takes no time.
func (c *Client) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := State{Since: c.changed, Calls: len(c.slots), Connects: c.connects}
	switch {
	case c.live != nil && !c.live.isOver():
		s.Connected = true
	case c.failure != nil:
		s.Problem = c.failure.err.Error()
	case c.live != nil:
		s.Problem = c.live.cause().Error()
	}
	return s
}

// Close ends the connection, the calls under way and the client's goroutines.
func (c *Client) Close() {
	c.mu.Lock()
	c.isClosed = true
	c.mu.Unlock()
	c.end()
	c.tasks.Wait()
}

// goes runs f on a goroutine that Close waits for, unless the client is closed already.
func (c *Client) goes(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.goesLocked(f)
}

func (c *Client) goesLocked(f func()) bool {
	if !c.isClosed {
		c.tasks.Go(f)
	}
	return !c.isClosed
}

func (c *Client) failed(op string, kind Kind, cause error) *Error {
	return &Error{Op: op, Address: c.o.Address, Kind: kind, Cause: cause}
}
