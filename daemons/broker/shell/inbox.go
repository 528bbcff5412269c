package shell

import (
	"sync"

	"github.com/holdfast-ha/holdfast/daemons/broker"
)

// inbox is the queue of events for the goroutine that owns the core. It is bounded by what feeds it: five lanes with one
// operation each, and two events for each RPC connection.
type inbox struct {
	ready chan struct{} // capacity 1: there is something

	mu     sync.Mutex
	events []broker.Event // guarded by mu
}

func newInbox() *inbox { return &inbox{ready: make(chan struct{}, 1)} }

// push appends an event and never blocks.
func (b *inbox) push(ev broker.Event) {
	b.mu.Lock()
	b.events = append(b.events, ev)
	b.mu.Unlock()
	select {
	case b.ready <- struct{}{}:
	default:
	}
}

// drain returns all events that wait, in order.
func (b *inbox) drain() []broker.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	events := b.events
	b.events = nil
	return events
}
