package vdsm

import (
	"context"
	"encoding/json"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

var _ = json.Marshal

// Client calls VDSM. It is made by New and safe for concurrent use.
type Client struct {
	o Options
}

// State is how a Client's connection is.
type State struct {
	Connected bool
	Since     clock.Mono // when it was made or lost; 0 before the first attempt
	Problem   string     // why there is none; "" when connected or never tried
	Calls     int        // under way
	Connects  uint64     // connections made so far
}

// Event is a notification from VDSM.
type Event struct {
	// Method is "|virt|VM_status|<id of the virtual machine>", for example.
	Method string
	Params json.RawMessage
	At     clock.Mono // when it arrived
}

// New checks the options and returns a client. It touches nothing: the first call connects.
func New(o Options) (*Client, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	return &Client{o: o}, nil
}

// Call calls a method and stores its result, JSON, where result points, unless it is nil. params is an object, or nil
// for none. It returns by the end of ctx or of Options.Timeout, whichever comes first. The error is an *Error.
func (c *Client) Call(ctx context.Context, method string, params, result any) error {
	_, _, _, _ = ctx, method, params, result
	return nil
}

// Watch calls deliver for every event, in their order, until stop is called. deliver runs on the goroutine that reads
// the connection: it must return at once. It may still be running when stop returns.
func (c *Client) Watch(deliver func(Event)) (stop func()) { _ = deliver; return func() {} }

// State tells how the connection is. It takes no time.
func (c *Client) State() State { return State{} }

// Close ends the connection, the calls under way and the client's goroutines.
func (c *Client) Close() {}

func (c *Client) failed(op string, kind Kind, cause error) *Error {
	return &Error{Op: op, Address: c.o.Address, Kind: kind, Cause: cause}
}
