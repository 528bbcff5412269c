package run

import (
	"strings"

	"github.com/holdfast-ha/holdfast/harness/events"
	"github.com/holdfast-ha/holdfast/harness/probe"
	"github.com/holdfast-ha/holdfast/harness/scenario"
	"github.com/holdfast-ha/holdfast/harness/tier/container"
	"github.com/holdfast-ha/holdfast/harness/verdict"
)

// watched is a statement that holds from its time to the end of the run.
type watched struct {
	statement scenario.Statement
	from      float64
}

// probeLag is how much later than it was a call may seem to have been, in seconds: the probe says of a window when it ended, and which
// calls ended in it.
const probeLag = 0.4

// judge judges what can only be judged at the end, and fills in the figures. end is the last moment that counts: the cluster
// is taken down after it. The result is what the judgement lacks.
func (r *runner) judge(end float64) (missing []string) {
	faults := verdict.FaultSpans(r.faults, end)
	calls := r.calls(end)
	missing = r.blind(calls, end)
	away := r.awayTimes(end)
	agents, brokers := verdict.AwayOf(away, container.Agent), verdict.AwayOf(away, container.Broker)
	for _, spans := range brokers {
		for i := range spans {
			spans[i].To += probeLag
		}
	}
	r.verdict.RPC = map[string]map[string]verdict.Phases{}
	for host, methods := range calls {
		r.verdict.RPC[host] = map[string]verdict.Phases{}
		for method, list := range methods {
			r.verdict.RPC[host][method] = verdict.SplitCalls(verdict.CallsBut(list, brokers[host]), faults)
		}
	}
	r.verdict.Machine = r.machine(end, faults)
	ticks := r.ticks(end)
	r.verdict.Agent = map[string]verdict.AgentTicks{}
	r.verdict.Lanes = map[string][]verdict.Lane{}
	for _, host := range r.seen.hosts() {
		r.verdict.Agent[host] = verdict.SummariseTicks(ticks[host], verdict.Span{From: r.ready, To: end}, agents[host])
		w := r.seen.watches[host]
		w.mu.Lock()
		for _, name := range sortedKeys(w.blocked) {
			r.verdict.Lanes[host] = append(r.verdict.Lanes[host], w.blocked[name])
		}
		w.mu.Unlock()
	}
	for _, w := range r.watching {
		ok, detail := r.judgeOne(w, end, faults, ticks, away)
		_, goal := w.statement.(*scenario.Saw)
		r.claim(w.statement, ok, detail, goal)
		mark := "ok"
		if !ok {
			mark = "FAIL"
		}
		r.say(mark, w.statement.String()+": "+detail)
	}
	return missing
}

func (r *runner) judgeOne(w watched, end float64, faults []verdict.Span, ticks map[string][]float64, away []verdict.Away) (ok bool, detail string) {
	span := verdict.Span{From: w.from, To: end}
	switch s := w.statement.(type) {
	case *scenario.AlwaysEngines:
		return verdict.JudgeEngines(s.Max, r.engineLines(end), w.from)
	case *scenario.NeverStart:
		return verdict.JudgeNeverStart(r.hostsOf(s.On), r.engineLines(end), w.from)
	case *scenario.AlwaysRPC:
		bound := verdict.LatencyBound{P99MS: ms(s.P99.Seconds()), MaxMS: ms(s.Max.Seconds())}
		figures := verdict.Latencies{RPC: r.verdict.RPC, Machine: r.verdict.Machine, Methods: probe.Methods(), WithFaults: len(faults) > 0, Away: map[string]bool{}}
		for host, spans := range verdict.AwayOf(away, container.Broker) {
			figures.Away[host] = verdict.Covered(faults, spans)
		}
		return figures.Judge(bound, r.hostsOf(s.Host))
	case *scenario.AlwaysAgent:
		return verdict.JudgeGap(s.Gap.Seconds(), r.hostsOf(s.Host), ticks, span, verdict.AwayOf(away, container.Agent))
	case *scenario.AlwaysGrowth:
		return verdict.JudgeGrowth(s.Max, string(s.Resource), r.counts(s, end), faults)
	case *scenario.Saw:
		return r.saw(s.Condition)
	}
	return false, "the container tier does not know how to judge that"
}

// calls collects every call that began before end; calls still without an answer then count with the time they had waited.
func (r *runner) calls(end float64) map[string]map[string][]verdict.Call {
	all := map[string]map[string][]verdict.Call{}
	for host, w := range r.seen.watches {
		w.mu.Lock()
		methods := map[string][]verdict.Call{}
		for method, list := range w.calls {
			for _, c := range list {
				if c.T >= r.ready && c.T <= end {
					methods[method] = append(methods[method], c)
				}
			}
		}
		for method, c := range w.inflight {
			if c.t > end-staleSight {
				methods[method] = append(methods[method], verdict.Call{T: c.began, MS: ms(c.t - c.began), Error: "no answer until the end of the run"})
			}
		}
		w.mu.Unlock()
		all[host] = methods
	}
	return all
}

// machine sums up how late the machine was with each host's probe: what it did to the probe it did to the daemons as well.
func (r *runner) machine(end float64, faults []verdict.Span) map[string]verdict.Lateness {
	all := map[string]verdict.Lateness{}
	for host, w := range r.seen.watches {
		w.mu.Lock()
		var looks []verdict.Late
		for _, l := range w.late {
			if l.T >= r.ready && l.T <= end {
				looks = append(looks, l)
			}
		}
		w.mu.Unlock()
		all[host] = verdict.SummariseLate(looks, faults)
	}
	return all
}

func (r *runner) ticks(end float64) map[string][]float64 {
	all := map[string][]float64{}
	for host, w := range r.seen.watches {
		w.mu.Lock()
		for _, t := range w.turns {
			if t.t <= end {
				all[host] = append(all[host], t.t)
			}
		}
		w.mu.Unlock()
	}
	return all
}

func (r *runner) engineLines(end float64) []verdict.EngineLine {
	var lines []verdict.EngineLine
	for host, w := range r.seen.watches {
		w.mu.Lock()
		for _, l := range w.engines {
			if l.t <= end {
				lines = append(lines, verdict.EngineLine{T: l.t, Host: host, PID: l.pid, Event: events.EngineEvent(l.event), Detail: l.detail})
			}
		}
		w.mu.Unlock()
	}
	return lines
}

// counts collects what the daemons of the hosts held, by "HOST DAEMON". The first second after the cluster was ready is left
// out: a daemon that was just started is still growing.
func (r *runner) counts(s *scenario.AlwaysGrowth, end float64) map[string][]verdict.Count {
	all := map[string][]verdict.Count{}
	for _, host := range r.hostsOf(s.Host) {
		w := r.seen.watches[host]
		w.mu.Lock()
		for _, daemon := range []string{container.Broker, container.Agent} {
			all[host+" "+daemon] = nil // one that was never looked at must not pass for one that did not grow
		}
		for daemon, list := range w.usage {
			for _, u := range list {
				n := u.threads
				if s.Resource == scenario.Descriptors {
					n = u.descriptors
				}
				if u.t >= r.ready && u.t <= end && n >= 0 {
					all[host+" "+daemon] = append(all[host+" "+daemon], verdict.Count{T: u.t, N: n})
				}
			}
		}
		w.mu.Unlock()
	}
	return all
}

// hostsOf turns a host's name, "all" or "any" into names.
func (r *runner) hostsOf(name string) []string {
	if name == scenario.AllHosts || name == scenario.AnyHost || strings.TrimSpace(name) == "" {
		return r.seen.hosts()
	}
	return []string{name}
}

func ms(seconds float64) float64 { return seconds * 1000 }
