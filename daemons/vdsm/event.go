package vdsm

import (
	"encoding/json"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// Event is a notification from VDSM.
type Event struct {
	// Method is "|virt|VM_status|<id of the virtual machine>", for example.
	Method string
	Params json.RawMessage
	At     clock.Mono // when it arrived
}

// longestRetry limits how far the pause between attempts to connect grows when nothing but a watcher wants it, in
// multiples of Options.RetryPause.
const longestRetry = 16

// Watch calls deliver for every event, in their order, until stop is called. deliver runs on the goroutine that reads
// the connection: it must return at once and must not call the client. It may still be running when stop returns.
// Events that VDSM sends while the connection is lost are lost: look at what they tell from time to time.
func (c *Client) Watch(deliver func(Event)) (stop func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watched == 0 {
		c.goesLocked(c.keepConnected)
	}
	c.watched++
	number := c.watched
	c.watchers[number] = deliver
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.watchers, number)
	}
}

func (c *Client) deliver(e Event) {
	c.mu.Lock()
	all := make([]func(Event), 0, len(c.watchers))
	for _, one := range c.watchers {
		all = append(all, one)
	}
	c.mu.Unlock()
	for _, one := range all {
		one(e)
	}
}

// keepConnected connects again whenever the connection is lost, until the client is closed.
func (c *Client) keepConnected() {
	wait := c.o.RetryPause
	for {
		conn, err := c.connected(c.ctx)
		if err == nil {
			wait = c.o.RetryPause
			<-conn.ctx.Done()
		} else {
			wait = min(2*wait, longestRetry*c.o.RetryPause)
		}
		if !pause(c.ctx, c.ctx, wait) {
			return
		}
	}
}
