package agent

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
)

// Cluster is what one view says.
type Cluster struct {
	// ObservedAt is when the whiteboard was read: no fact about peers is older. It is 0 if it never was read.
	ObservedAt clock.Mono
	// Global is the operator's block, segment 0.
	Global GlobalFlag
	// Peers are the other hosts with a usable record, by ascending host id.
	Peers []Peer
	// Ignored are the other hosts whose segment holds no usable record, each with the reason (S13).
	Ignored []string
	// OwnTimestamp is the timestamp of the record of this host that the broker has; 0 if none.
	OwnTimestamp int64
	// DurableAt is when a record of this host was last known to be on storage; 0 if never.
	DurableAt clock.Mono
	// Lease is this host's host id lease, ConfirmedAt when sanlock last confirmed it (0 never).
	Lease       Lease
	ConfirmedAt clock.Mono
	// Missing says what the broker's storage lacks.
	Missing string
}

// GlobalFlag is the flag of global maintenance as one view has it.
type GlobalFlag struct {
	// Known says that the view tells; otherwise the last known flag counts (D6 of the package documentation).
	Known, Maintenance bool
	// Failure says why segment 0 could not be read, if it is there.
	Failure string
}

// Peer is another host as its record on the whiteboard describes it.
type Peer struct {
	HostID    int
	Timestamp int64
	Score     int
	Engine    whiteboard.EngineStatus
}

// readCluster makes sense of a view whose call began at sent and ended at now. It is total: whatever is in the view, the
// hosts that can be read are read.
func readCluster(ownID int, sent, now clock.Mono, v View) Cluster {
	c := Cluster{Lease: v.Lease, Missing: v.Missing}
	c.ObservedAt = observedAt(sent, now, v.Made, v.ReadAge)
	c.ConfirmedAt = observedAt(sent, now, v.Made, v.Lease.Age)
	c.Global.Known = c.ObservedAt != 0 // a segment 0 that was looked for and is not there means no maintenance
	seen := make(map[int]bool, len(v.Segments))
	for _, segment := range v.Segments {
		if segment.HostID < 0 || segment.HostID > whiteboard.MaxHostID || seen[segment.HostID] {
			continue
		}
		seen[segment.HostID] = true
		if segment.HostID == 0 {
			c.Global = readGlobal(segment.Data)
			continue
		}
		record, err := whiteboard.Decode(segment.HostID, segment.Data)
		switch {
		case segment.HostID == ownID:
			if err == nil {
				c.OwnTimestamp = record.Timestamp
			}
			c.DurableAt = observedAt(sent, now, v.Made, segment.DurableAge)
		case err != nil:
			if !absent(err) {
				c.Ignored = append(c.Ignored, fmt.Sprintf("host %d ignored: %v", segment.HostID, err))
			}
		default:
			// An engine status that cannot be read is "unknown"; the host is alive nevertheless.
			engine, _ := whiteboard.ParseEngineStatus(record.EngineStatus)
			c.Peers = append(c.Peers, Peer{segment.HostID, record.Timestamp, record.Score, engine})
		}
	}
	slices.SortFunc(c.Peers, func(a, b Peer) int { return cmp.Compare(a.HostID, b.HostID) })
	slices.Sort(c.Ignored)
	return c
}

func readGlobal(data []byte) GlobalFlag {
	global, _, err := whiteboard.DecodeGlobal(data)
	if err != nil {
		return GlobalFlag{Failure: fmt.Sprintf("global block unreadable, its last known value stays: %v", err)}
	}
	return GlobalFlag{Known: true, Maintenance: global.Maintenance}
}

func absent(err error) bool {
	var e *whiteboard.Error
	return errors.As(err, &e) && e.Kind == whiteboard.Absent
}

// observedAt turns an age into a time. The age was true when the broker made the answer; where it does not say when, or
// says what cannot be, the age was true when the call began, so that nothing ever seems fresher than it is.
func observedAt(sent, now, made clock.Mono, age time.Duration) clock.Mono {
	if age < 0 {
		return 0
	}
	base := min(sent, now)
	if made > 0 && made <= now {
		base = made
	}
	return max(base.Add(-age), 1) // 0 means never
}
