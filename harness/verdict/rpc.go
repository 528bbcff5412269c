package verdict

import (
	"fmt"
	"slices"
	"strings"
)

// LatencyBound is what `always rpc` demands of each method in the time of faults, milliseconds.
type LatencyBound struct{ P99MS, MaxMS float64 }

// The limits of the excuse "this machine is slow".
const (
	// slowFactor: the time of faults may be so many times slower than the healthy time of the same run, or than the machine's
	// own lateness: a call wakes up the client, the connection's goroutine and the core in turn.
	slowFactor = 3
	// slowCalls: the healthy time must have at least so many calls to be an excuse.
	slowCalls = 20
	// slowSeconds: the machine's lateness must have been measured in at least so many seconds of the fault phase.
	slowSeconds = 2
	// fewCalls: of fewer calls there is no 99th percentile, only a slowest one, which has a bound of its own.
	fewCalls = 100
	// slowCeilingMS: no call may take this long, whatever the machine. A handler that waits for storage takes seconds.
	slowCeilingMS = 1000
)

// JudgeLatency judges one method. The figures of the fault phase must be under the bound; with fewer than a hundred calls the median
// stands in for the 99th percentile, which nobody knows then, and the slowest call has its own bound as always. A machine that is slow as such is
// no defect of the daemon: where a figure breaks its bound, but is at most three times the same figure of the same method's
// healthy phase of the same run, or at most three times as long as the probe itself was woken up late by this machine in the
// fault phase (typically, for the 99th percentile; at worst, for the slowest call), and no call took a second, the claim holds
// and slow is true. Where the median is under the bound, the machine's worst excuses the 99th percentile, too: of some
// hundred calls it is one of the few slowest. A call without an answer always breaks the claim. Without a call in the
// fault phase nothing was shown, and the claim does not hold.
func JudgeLatency(bound LatencyBound, p Phases, late Lateness) (ok, slow bool) {
	fault, healthy := p.Fault, p.Healthy
	if fault.N == 0 || fault.Failed > 0 {
		return false, false
	}
	// Strictly below, as the claim's "<" says.
	p99ok, maxok := fault.P99MS < bound.P99MS, fault.MaxMS < bound.MaxMS
	if fault.N < fewCalls {
		p99ok = fault.P50MS < bound.P99MS
	}
	if p99ok && maxok {
		return true, false
	}
	if fault.MaxMS >= slowCeilingMS {
		return false, false
	}
	var p99limit, maxlimit float64
	if healthy.N >= slowCalls {
		p99limit, maxlimit = healthy.P99MS, healthy.MaxMS
	}
	if late.Seconds >= slowSeconds {
		p99limit, maxlimit = max(p99limit, late.TypicalMS), max(maxlimit, late.WorstMS)
		if fault.P50MS < bound.P99MS {
			p99limit = max(p99limit, late.WorstMS)
		}
	}
	excused := (p99ok || fault.P99MS <= slowFactor*p99limit) && (maxok || fault.MaxMS <= slowFactor*maxlimit)
	return excused, excused
}

// Latencies is what `always rpc` judges.
type Latencies struct {
	// RPC is by host, then by method.
	RPC map[string]map[string]Phases
	// Machine is how late the machine was, by host; may be nil.
	Machine map[string]Lateness
	// Methods are those that must have been called on each host; nil leaves it at those that were.
	Methods []string
	// WithFaults is false where the run had no fault; then all calls stand in Healthy, and those are judged.
	WithFaults bool
	// Away are hosts whose broker the scenario kept away in all the time of faults. They are judged as if there had been none.
	Away map[string]bool
}

// Judge judges `always rpc` for some hosts, over every method that was called there.
func (l Latencies) Judge(bound LatencyBound, hosts []string) (ok bool, detail string) {
	var broken, slow []string
	worst, methods := "", 0
	worstMS := -1.0
	for _, host := range hosts {
		if len(l.RPC[host]) == 0 {
			broken = append(broken, host+": no call was measured")
		}
		for _, method := range l.Methods {
			if _, called := l.RPC[host][method]; !called && len(l.RPC[host]) > 0 {
				broken = append(broken, fmt.Sprintf("%s %s: it was never called", host, method))
			}
		}
		late := l.Machine[host]
		for _, method := range sortedKeys(l.RPC[host]) {
			p := l.RPC[host][method]
			if !l.WithFaults || l.Away[host] {
				p = Phases{Fault: p.Healthy}
			}
			methods++
			text := fmt.Sprintf("%s %s: %s", host, method, figures(p))
			good, excused := JudgeLatency(bound, p, late)
			switch {
			case !good:
				broken = append(broken, text+late.String())
			case excused:
				slow = append(slow, text+late.String())
			}
			if p.Fault.MaxMS > worstMS {
				worst, worstMS = text, p.Fault.MaxMS
			}
		}
	}
	switch {
	case len(broken) > 0:
		return false, strings.Join(firstFew(broken), "; ")
	case len(slow) > 0:
		return true, "this machine is slow (its healthy phase too, or it wakes the probe up late): " + strings.Join(firstFew(slow), "; ")
	}
	return true, fmt.Sprintf("%d methods, the slowest %s", methods, worst)
}

// figures prints both phases of a method.
func figures(p Phases) string {
	return "healthy " + p.Healthy.String() + ", fault " + p.Fault.String()
}

// String prints "n=120 p50=0.4 p99=1.2 max=3.1 ms", and failures where there are some.
func (l Latency) String() string {
	if l.N == 0 {
		return "n=0"
	}
	text := fmt.Sprintf("n=%d p50=%.2f p99=%.2f max=%.2f ms", l.N, l.P50MS, l.P99MS, l.MaxMS)
	if l.Failed > 0 {
		text += fmt.Sprintf(" (%d without an answer)", l.Failed)
	}
	return text
}

// firstFew keeps a detail readable: the first four of a list, and how many there are besides.
func firstFew(list []string) []string {
	const few = 4
	if len(list) <= few {
		return list
	}
	return append(slices.Clone(list[:few]), fmt.Sprintf("and %d more", len(list)-few))
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
