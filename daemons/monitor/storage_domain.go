package monitor

import (
	"context"
	"time"
)

// StorageFacts tell how the reader lane fares with the whiteboard.
type StorageFacts struct {
	Ever    bool          // a pass was ever complete
	Age     time.Duration // since the start of the last complete pass
	Took    time.Duration // how long that pass took
	Failed  bool          // the newest pass failed
	BusyFor time.Duration // how long the pass in flight has been running; 0 if there is none
}

// StorageDomainType is the type's name in start_monitor.
const StorageDomainType = "storage-domain"

// StorageDomain returns the type storage-domain: is the shared storage valid? "True" while passes over the whiteboard
// succeed, each within limit, which is storage_delay; "False" when the newest failed, took longer or hangs; "None" before
// the first. Upstream asks VDSM for the delay of its own read check; here the reader lane's passes are that check. It
// tells the truth whatever the agent makes of it (S10). The option sd_uuid is taken and has no effect.
func StorageDomain(facts func() StorageFacts, limit, interval time.Duration) Kind {
	return Kind{
		Type: StorageDomainType, Interval: interval, Deadline: interval,
		New:     func(Options) (Action, error) { return storageDomain{facts: facts, limit: limit}, nil },
		Unknown: none,
	}
}

type storageDomain struct {
	facts func() StorageFacts
	limit time.Duration
}

// Measure judges the facts, which lie in memory.
func (s storageDomain) Measure(context.Context) (string, error) {
	f := s.facts()
	switch {
	case f.Failed, f.BusyFor > s.limit, f.Ever && f.Took > s.limit:
		return "False", nil
	case !f.Ever:
		return "None", nil
	case f.Age > 2*s.limit: // one period between passes, and one that a pass may take
		return "False", nil
	}
	return "True", nil
}
