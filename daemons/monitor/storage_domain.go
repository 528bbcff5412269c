package monitor

import (
	"context"
	"time"
)

// StorageFacts tell how the reader lane fares with the whiteboard, and the domain lane with the domain.
type StorageFacts struct {
	Ever    bool          // a pass was ever complete
	Age     time.Duration // since the start of the last complete pass
	Took    time.Duration // how long that pass took
	Failed  bool          // the newest pass failed
	BusyFor time.Duration // how long the pass in flight has been running; 0 if there is none
	Domain  DomainFacts
}

// States of the domain monitor.
const (
	DomainNever    = "never" // nobody has asked for it; so is ""
	DomainStarting = "starting"
	DomainOn       = "on"
	DomainStopping = "stopping"
	DomainOff      = "off" // stopped on command
)

// DomainFacts tell how the domain monitor fares.
type DomainFacts struct {
	State   string        // one of the Domain constants
	Checked bool          // a check has ended since it was started; else only State and BusyFor mean something
	Valid   bool          // the newest check found the domain valid
	Delay   time.Duration // of its read
	Age     time.Duration // since it began
	BusyFor time.Duration // how long the check in flight has been running; 0 if there is none
}

// StorageDomainType is the type's name in start_monitor.
const StorageDomainType = "storage-domain"

// StorageDomain returns the type storage-domain: is the shared storage valid? Three things decide.
//
//   - If the domain monitor was stopped on command, as in local maintenance, nothing is validated and the text is "True".
//   - If it runs, the text is "False" when its newest check found the domain invalid or slower than limit, which is
//     storage_delay, is too old, or hangs; "None" before the first.
//   - In any case but the first the reader lane must fare well too: "False" when its newest pass over the whiteboard
//     failed, took longer than limit or hangs; "None" before the first.
//
// The text tells the truth whatever the agent makes of it (S10). The option sd_uuid is taken and has no effect.
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
	if f.Domain.State == DomainOff || f.Domain.State == DomainStopping {
		return "True", nil
	}
	reader, domain := s.reader(f), s.domain(f.Domain)
	for _, word := range []string{"False", "None"} {
		if reader == word || domain == word {
			return word, nil
		}
	}
	return "True", nil
}

func (s storageDomain) reader(f StorageFacts) string {
	switch {
	case f.Failed, f.BusyFor > s.limit, f.Ever && f.Took > s.limit:
		return "False"
	case !f.Ever:
		return "None"
	case f.Age > 2*s.limit: // one period between passes, and one that a pass may take
		return "False"
	}
	return "True"
}

func (s storageDomain) domain(d DomainFacts) string {
	switch {
	case d.State == "" || d.State == DomainNever: // the reader alone decides
		return "True"
	case d.BusyFor > s.limit, d.Checked && (!d.Valid || d.Delay > s.limit || d.Age > 2*s.limit):
		return "False"
	case !d.Checked:
		return "None"
	}
	return "True"
}
