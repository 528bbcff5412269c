package probe

import (
	"bytes"
	"sync"

	"github.com/holdfast-ha/holdfast/daemons/brokerlink"
	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// knowledge is what one method's answer tells another method's loop.
type knowledge struct {
	hostID int

	mu     sync.Mutex
	record []byte     // of the own host, nil none
	viewed clock.Mono // when the last view came; 0 never
	alive  []int
}

// viewFresh is how old a view may be to take it for what is so now, in seconds.
const viewFresh = 1.0

func (k *knowledge) learnView(v brokerlink.View, now clock.Mono) {
	own, ok := v.Segment(k.hostID)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.record = nil
	if ok && tokenTimestamp(own.Data) != "" {
		k.record = own.Data
	}
	k.viewed = now
}

func (k *knowledge) learnAlive(ids []int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.alive = ids
}

// ownRecord returns the own host's record, nil if the last view is old or had none.
func (k *knowledge) ownRecord(now clock.Mono) []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.fresh(now) {
		return nil
	}
	return k.record
}

func (k *knowledge) fresh(now clock.Mono) bool {
	return k.viewed != 0 && now.Sub(k.viewed).Seconds() <= viewFresh
}

func (k *knowledge) aliveHosts() []int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.alive
}

// tokenTimestamp returns token 2 of a host's record as it stands there, or ""
// if the segment does not begin like a record.
func tokenTimestamp(segment []byte) string {
	const machinePart = 512
	tokens := bytes.SplitN(segment[:min(len(segment), machinePart)], []byte("|"), 4)
	if len(tokens) < 4 || len(tokens[2]) > 20 {
		return ""
	}
	return string(tokens[2])
}

// withoutData is the view's line.
func withoutData(v brokerlink.View, now clock.Mono) View {
	line := View{
		Head: Head{KindView, now.Seconds()}, Now: v.Now, ReadAge: v.ReadAge, Lease: v.Lease, Storage: v.Storage,
		Segments: make([]Segment, len(v.Segments)),
	}
	for i, s := range v.Segments {
		line.Segments[i] = Segment{
			HostID: s.HostID, Source: s.Source, Age: s.Age, Pending: s.Pending, Durable: s.Durable, DurableAge: s.DurableAge,
		}
		if s.HostID != 0 {
			line.Segments[i].Timestamp = tokenTimestamp(s.Data)
		}
	}
	return line
}
