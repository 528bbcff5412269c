package shell

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/broker"
)

// calls are the RPCs that wait for the core's reply.
type calls struct {
	mu      sync.Mutex
	last    broker.Token                       // guarded by mu
	waiting map[broker.Token]chan broker.Reply // capacity 1 each; guarded by mu
}

// errNoReply: the core has not replied in time. What was asked for may still happen.
var errNoReply = errors.New("no reply from the core")

func newCalls() *calls { return &calls{waiting: map[broker.Token]chan broker.Reply{}} }

// ask sends the event that makeEvent makes with a fresh token and waits for its reply, at most limit. The error of a
// refusal is the core's reason.
func (c *calls) ask(ctx context.Context, in *inbox, limit time.Duration, makeEvent func(broker.Token) broker.Event) error {
	answer := make(chan broker.Reply, 1)
	c.mu.Lock()
	c.last++
	token := c.last
	c.waiting[token] = answer
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.waiting, token)
		c.mu.Unlock()
	}()

	in.push(makeEvent(token))
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case reply := <-answer:
		if !reply.OK {
			return errors.New(reply.Reason)
		}
		return nil
	case <-timer.C:
		return fmt.Errorf("%w within %s", errNoReply, limit)
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", errNoReply, context.Cause(ctx))
	}
}

// answer hands a reply to the RPC that waits for it. An RPC that has given up is not there any more.
func (c *calls) answer(reply broker.Reply) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if waiting, ok := c.waiting[reply.Token]; ok {
		waiting <- reply // has room: a token is answered once
		delete(c.waiting, reply.Token)
	}
}
