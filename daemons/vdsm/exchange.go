package vdsm

import (
	"context"
	"errors"
	"fmt"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/vdsm/stomp"
)

// exchange sends a request and waits for its answer until ctx or the connection is over.
func (c *connection) exchange(ctx context.Context, r request) (message, error) {
	answer := make(chan message, 1)
	c.mu.Lock()
	c.waiting[r.id] = answer
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.waiting, r.id)
		c.mu.Unlock()
	}()
	frame := stomp.Frame{
		Command: stomp.Send,
		Headers: map[string]string{
			stomp.Destination: requestQueue, stomp.ContentType: "application/json", stomp.ReplyTo: c.replyTo,
		},
		Body: r.body,
	}
	select {
	case c.queue <- outgoing{ctx, frame.Append(nil)}:
	case <-ctx.Done():
		return message{}, ctx.Err()
	case <-c.ctx.Done():
		return message{}, c.lost()
	}
	select {
	case m := <-answer:
		return m, nil
	case <-ctx.Done():
		return message{}, ctx.Err()
	case <-c.ctx.Done():
		return message{}, c.lost()
	}
}

func (c *connection) lost() error { return fmt.Errorf("the connection is lost: %w", c.cause()) }

// receive hands a message to the call that waits for it, or to those who watch events. A late answer, or one to a
// request of somebody else, is dropped.
func (c *connection) receive(frame stomp.Frame) error {
	m, err := parseMessage(frame.Body)
	if err != nil {
		if frame.Headers[stomp.Subscription] == eventsID {
			return nil // nobody waits for an event, so one that cannot be read is not worth the connection
		}
		return err
	}
	if m.Method != "" {
		c.event(Event{Method: m.Method, Params: m.Params, At: clock.Now()})
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if answer, ok := c.waiting[m.ID]; ok {
		delete(c.waiting, m.ID) // a second answer finds nobody, so the channel's room suffices
		answer <- m
	}
	return nil
}

// suspect checks a connection on which a call met its deadline: without an answer to a ping it is dropped. VDSM may
// well be slow with one verb and fine with the others.
func (c *Client) suspect(conn *connection) {
	if conn.isOver() || !conn.checking.CompareAndSwap(false, true) {
		return
	}
	started := c.goes(func() {
		defer conn.checking.Store(false)
		ping, err := newRequest("Host.ping2", nil)
		if err != nil {
			return
		}
		ctx, cancel := context.WithTimeout(conn.ctx, c.o.PingTimeout)
		defer cancel()
		if _, err := conn.exchange(ctx, ping); errors.Is(err, context.DeadlineExceeded) {
			conn.fail(&brokenError{KindTimeout, fmt.Errorf("VDSM did not answer a ping within %s", c.o.PingTimeout)})
		}
	})
	if !started {
		conn.checking.Store(false)
	}
}
