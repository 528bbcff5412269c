package shell

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/broker"
	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// calls are the RPCs that wait for the core's reply.
type calls struct {
	in    *inbox
	ended chan struct{} // closed when the core has ended and nobody replies any more

	mu      sync.Mutex
	last    broker.Token                       // guarded by mu
	waiting map[broker.Token]chan broker.Reply // capacity 1 each; guarded by mu
}

// errNoReply: the core has not replied in time. What was asked for may still happen.
var errNoReply = errors.New("no reply from the core")

func newCalls(in *inbox) *calls {
	return &calls{in: in, ended: make(chan struct{}), waiting: map[broker.Token]chan broker.Reply{}}
}

// end has everybody who asks from now on told at once that there will be no reply. Call it once, after the last answer.
func (c *calls) end() { close(c.ended) }

// ask sends the event that makeEvent makes with a fresh token and waits for its reply, at most limit. The error means that
// there is no reply; a refusal is one.
func (c *calls) ask(ctx context.Context, limit time.Duration, makeEvent func(broker.Token) broker.Event) (broker.Reply, error) {
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

	c.in.push(makeEvent(token))
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case reply := <-answer:
		return reply, nil
	case <-c.ended:
		select {
		case reply := <-answer: // it came with the end
			return reply, nil
		default:
			return broker.Reply{}, fmt.Errorf("%w: the broker has ended", errNoReply)
		}
	case <-timer.C:
		c.in.push(broker.CallerGone{Token: token})
		return broker.Reply{}, fmt.Errorf("%w within %s", errNoReply, limit)
	case <-ctx.Done():
		c.in.push(broker.CallerGone{Token: token})
		return broker.Reply{}, fmt.Errorf("%w: %w", errNoReply, context.Cause(ctx))
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

// do asks the core for what it does at once: the reply does not depend on storage. The error of a refusal is its reason.
func (s *shell) do(ctx context.Context, makeEvent func(broker.Token) broker.Event) error {
	reply, err := s.calls.ask(ctx, s.Config.Timing.RPCTimeout, makeEvent)
	if err == nil && !reply.OK {
		err = errors.New(reply.Reason)
	}
	return err
}

// await asks the core for what may take until wait is over; the core itself replies then. Not done in time is no error of
// the call: the answer says so.
func (s *shell) await(ctx context.Context, wait time.Duration, makeEvent func(broker.Token, clock.Mono) broker.Event) (broker.Reply, error) {
	until := clock.Now().Add(wait)
	return s.calls.ask(ctx, wait+s.Config.Timing.RPCTimeout, func(token broker.Token) broker.Event { return makeEvent(token, until) })
}
