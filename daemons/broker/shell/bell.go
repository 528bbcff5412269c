package shell

import "sync"

// bell tells any number of listeners that something has changed. Ringing never blocks; who is busy while it rings
// several times hears it once.
type bell struct {
	mu   sync.Mutex
	next chan struct{} // closed by the next ring; guarded by mu
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next != nil {
		close(b.next)
		b.next = nil
	}
}

// heard returns a channel that the next ring closes.
func (b *bell) heard() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next == nil {
		b.next = make(chan struct{})
	}
	return b.next
}
