package verdict

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/holdfast-ha/holdfast/harness/events"
)

// EngineLine is one line of an engine's own log.
type EngineLine struct {
	T      float64 // seconds since the run's start
	Host   string
	PID    int
	Event  events.EngineEvent
	Detail string
}

// EngineSpan is the time in which one engine held the engine's lease and could write to its disk.
type EngineSpan struct {
	Host string
	PID  int
	Span // To is +Inf while it runs
}

// EngineSpans works out, from the engines' own logs, when each held the lease: from its `lease` line until its `stop`, `lost`
// or `gone` line. Lines need not be in order.
func EngineSpans(lines []EngineLine) []EngineSpan {
	type key struct {
		host string
		pid  int
	}
	ordered := slices.Clone(lines)
	slices.SortStableFunc(ordered, func(a, b EngineLine) int {
		switch {
		case a.T < b.T:
			return -1
		case a.T > b.T:
			return 1
		}
		return 0
	})
	open := map[key]int{} // index in spans
	var spans []EngineSpan
	for _, l := range ordered {
		k := key{l.Host, l.PID}
		i, running := open[k]
		switch l.Event {
		case events.EngineLease, events.EngineUp:
			if !running {
				open[k] = len(spans)
				spans = append(spans, EngineSpan{Host: l.Host, PID: l.PID, Span: Span{From: l.T, To: math.Inf(1)}})
			}
		case events.EngineStop, events.EngineLost, events.EngineGone:
			if running {
				spans[i].To = l.T
				delete(open, k)
			}
		}
	}
	return spans
}

// JudgeEngines judges `always engines <= MAX` from `from` on, by what the engines themselves logged. An engine that found
// another's marks on its disk breaks the claim as well, whatever the spans say, where MAX is 1 or less.
func JudgeEngines(limit int, lines []EngineLine, from float64) (ok bool, detail string) {
	for _, l := range lines {
		if l.Event == events.EngineSecondWriter && l.T >= from && limit <= 1 {
			return false, fmt.Sprintf("at %.1f s the engine on %s (pid %d) found a second writer on its disk: %s", l.T, l.Host, l.PID, l.Detail)
		}
	}
	spans := EngineSpans(lines)
	most, hosts := 0, ""
	for _, s := range spans {
		at := max(s.From, from)
		if s.To <= at {
			continue
		}
		var running []string
		for _, other := range spans {
			if other.From <= at && at < other.To {
				running = append(running, fmt.Sprintf("%s (pid %d)", other.Host, other.PID))
			}
		}
		if len(running) > limit {
			return false, fmt.Sprintf("at %.1f s %d engines at once: %s", at, len(running), strings.Join(running, ", "))
		}
		if len(running) > most {
			most, hosts = len(running), strings.Join(running, ", ")
		}
	}
	if most == 0 {
		return true, "no engine ran"
	}
	return true, fmt.Sprintf("at most %d at once: %s; %d in all", most, hosts, len(spans))
}

// JudgeNeverStart judges `never start on=HOST` from `from` on. hosts are those that must not start an engine.
func JudgeNeverStart(hosts []string, lines []EngineLine, from float64) (ok bool, detail string) {
	for _, l := range lines {
		if l.Event == events.EngineStart && l.T >= from && slices.Contains(hosts, l.Host) {
			return false, fmt.Sprintf("at %.1f s an engine was started on %s (pid %d)", l.T, l.Host, l.PID)
		}
	}
	return true, "no start in the engines' own logs of " + strings.Join(hosts, ", ")
}
