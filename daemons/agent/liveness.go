package agent

import (
	"slices"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// observation is one read of the whiteboard: when, and the peers' timestamps by ascending host id.
type observation struct {
	at     clock.Mono
	stamps []stamp
}

type stamp struct {
	hostID    int
	timestamp int64
}

// History is what was observed of the peers, newest first. It is a value: adding makes a new one and leaves the old as it
// was. A host's timestamp is only ever compared with an earlier one of the same host, never with a clock of this host.
type History struct {
	observations []observation
}

// add returns the history with the peers of c in front. An observation that is not newer than the newest is not one. After
// a gap longer than limit the history begins anew: what peers did not do while this host did not see them, and perhaps
// nobody could write, says nothing about them. Observations older than keep are forgotten.
func (h History) add(c Cluster, limit, keep time.Duration) History {
	if c.ObservedAt == 0 {
		return h
	}
	next := observation{at: c.ObservedAt, stamps: make([]stamp, len(c.Peers))}
	for i, peer := range c.Peers {
		next.stamps[i] = stamp{peer.HostID, peer.Timestamp}
	}
	if len(h.observations) == 0 {
		return History{[]observation{next}}
	}
	gap := next.at.Sub(h.observations[0].at)
	if gap <= 0 {
		return h
	}
	if gap > limit {
		return History{[]observation{next}}
	}
	all := []observation{next}
	for _, o := range h.observations {
		if next.at.Sub(o.at) <= keep {
			all = append(all, o)
		}
	}
	return History{all}
}

// reference returns the newest observation that is older than the newest by more than window. ok is false if there is
// none: then nobody can be called alive, and nobody dead.
func (h History) reference(window time.Duration) (o observation, ok bool) {
	for _, o := range h.observations {
		if o.at.Add(window) < h.observations[0].at {
			return o, true
		}
	}
	return observation{}, false
}

// alive returns those of the newest observation's peers that are alive: they are not in the reference, or have another
// timestamp there.
func (h History) alive(peers []Peer, window time.Duration) []Peer {
	reference, ok := h.reference(window)
	if !ok {
		return nil
	}
	var alive []Peer
	for _, peer := range peers {
		i, found := slices.BinarySearchFunc(reference.stamps, peer.HostID, func(s stamp, id int) int { return s.hostID - id })
		if !found || reference.stamps[i].timestamp != peer.Timestamp {
			alive = append(alive, peer)
		}
	}
	return alive
}
