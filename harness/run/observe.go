package run

import (
	"context"
	"encoding/json"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/harness/events"
	"github.com/holdfast-ha/holdfast/harness/probe"
	"github.com/holdfast-ha/holdfast/harness/tier/container"
	"github.com/holdfast-ha/holdfast/harness/verdict"
)

// observer follows what every host's probe, agent and engine write, keeps it in the hosts' watches, and copies what a reader
// of the report wants to see into the event log.
type observer struct {
	start   clock.Mono
	log     *events.Writer
	watches map[string]*watch
	stop    context.CancelFunc
	done    sync.WaitGroup
}

// observe starts following the hosts' files. Times are counted from start. close ends it.
func observe(hosts []*container.Host, start clock.Mono, log *events.Writer) *observer {
	ctx, stop := context.WithCancel(context.Background())
	o := &observer{start: start, log: log, watches: map[string]*watch{}, stop: stop}
	for _, h := range hosts {
		w := newWatch(h.ID)
		o.watches[h.Name] = w
		o.follow(ctx, w, filepath.Join(h.Dir, "probe.jsonl"), func(line []byte) { o.probeLine(h.Name, w, line) })
		o.follow(ctx, w, filepath.Join(h.Dir, "agent.log"), func(line []byte) { o.agentLine(h.Name, w, line) })
		o.follow(ctx, w, filepath.Join(h.Dir, "engine.log"), func(line []byte) { o.engineLine(h.Name, w, line) })
	}
	return o
}

func (o *observer) follow(ctx context.Context, w *watch, path string, take func([]byte)) {
	o.done.Go(func() {
		if err := follow(ctx, path, take); err != nil {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.unread = append(w.unread, err)
		}
	})
}

// close reads what the files still hold, then ends. What was seen stays.
func (o *observer) close() {
	o.stop()
	o.done.Wait()
}

// hosts lists the names in order.
func (o *observer) hosts() []string { return slices.Sorted(maps.Keys(o.watches)) }

// at turns CLOCK_MONOTONIC seconds into seconds since the run began.
func (o *observer) at(mono float64) float64 { return mono - o.start.Seconds() }

// now is the time since the run began, in seconds.
func (o *observer) now() float64 { return o.at(clock.Now().Seconds()) }

// note appends an event; a full or closed log is no reason to stop observing.
func (o *observer) note(e events.Event) { _ = o.log.Append(e) }

// agentLogLine is the part of the agent's log that is read here.
type agentLogLine struct {
	Mono     float64 `json:"mono"`
	Msg      string  `json:"msg"`
	State    string  `json:"state"`
	Previous string  `json:"previous"`
	Score    int     `json:"score"`
	DelayS   float64 `json:"delay_s"`
	ViewAgeS float64 `json:"view_age_s"`
	Lease    string  `json:"lease"`
	PutMS    float64 `json:"put_ms"`
	Reason   string  `json:"reason"`
}

func (o *observer) agentLine(host string, w *watch, raw []byte) {
	var l agentLogLine
	if json.Unmarshal(raw, &l) != nil || l.Msg != "turn" {
		return
	}
	t := o.at(l.Mono)
	w.mu.Lock()
	w.turns = append(w.turns, turn{t: t, state: l.State})
	w.mu.Unlock()
	o.note(events.Event{T: t, Host: host, Agent: &events.Agent{
		State: l.State, Previous: l.Previous, Score: l.Score, DelayS: l.DelayS, ViewAgeS: l.ViewAgeS,
		Lease: l.Lease, PutMS: l.PutMS, Reason: l.Reason,
	}})
}

func (o *observer) engineLine(host string, w *watch, raw []byte) {
	var l struct {
		Mono   float64         `json:"mono"`
		Event  string          `json:"event"`
		PID    int             `json:"pid"`
		Detail json.RawMessage `json:"detail"`
	}
	if json.Unmarshal(raw, &l) != nil || l.Event == "" {
		return
	}
	t, detail := o.at(l.Mono), string(l.Detail)
	w.mu.Lock()
	w.engines = append(w.engines, engineLine{t: t, event: l.Event, pid: l.PID, detail: detail})
	w.mu.Unlock()
	o.note(events.Event{T: t, Host: host, Engine: &events.Engine{Event: events.EngineEvent(l.Event), PID: l.PID, Detail: detail}})
}

func (o *observer) probeLine(host string, w *watch, raw []byte) {
	line, err := probe.Decode(raw)
	if err != nil {
		return // the last line of a killed probe
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case line.RPC != nil:
		o.rpc(host, w, line.RPC)
	case line.InFlight != nil:
		t := o.at(line.InFlight.Mono)
		w.inflight[line.InFlight.Method] = inflightCall{t: t, began: t - line.InFlight.AgeMS/1000}
	case line.Self != nil:
		w.late = append(w.late, verdict.Late{T: o.at(line.Self.Mono), MS: line.Self.LateMS})
		w.dropped = max(w.dropped, line.Self.Dropped)
	case line.Threads != nil:
		o.threads(w, line.Threads)
	case line.Lanes != nil && line.Lanes.Err == "":
		o.lanes(host, w, line.Lanes)
	case line.Health != nil && line.Health.Err == "":
		o.health(host, w, line.Health)
	case line.View != nil && line.View.Err == "":
		o.view(host, w, line.View)
	}
}

func (o *observer) rpc(host string, w *watch, l *probe.RPC) {
	began, end := o.at(l.Mono), o.at(l.End)
	for _, ms := range l.LatencyMS {
		w.calls[l.Method] = append(w.calls[l.Method], verdict.Call{T: end - ms/1000, MS: ms})
	}
	for _, ms := range l.FailedMS {
		w.calls[l.Method] = append(w.calls[l.Method], verdict.Call{T: end - ms/1000, MS: ms, Error: orWord(l.Err, "no answer")})
	}
	delete(w.inflight, l.Method)
	all := append(slices.Clone(l.LatencyMS), l.FailedMS...)
	if len(all) == 0 {
		return
	}
	slices.Sort(all)
	o.note(events.Event{T: end, Host: host, RPC: &events.RPC{
		Method: l.Method, SpanS: end - began, N: len(all), Failed: l.Failed, Error: l.Err,
		P50MS: probe.Percentile(all, 50), P99MS: probe.Percentile(all, 99), MaxMS: all[len(all)-1],
	}})
}

func (o *observer) threads(w *watch, l *probe.Threads) {
	if l.PID == 0 {
		return
	}
	t := o.at(l.Mono)
	w.usage[l.Process] = append(w.usage[l.Process], usage{t: t, threads: l.Total, descriptors: l.FDs, rssKB: l.RSSKB})
	if l.Process != "broker" {
		return
	}
	for _, th := range l.Threads {
		name := th.SyscallName
		if name == "" && th.Syscall >= 0 {
			name = probe.SyscallName(runtime.GOARCH, th.Syscall)
		}
		w.threads[th.Comm] = threadSight{
			t: t, tid: th.TID, state: th.State, syscall: name, wchan: th.WChan, since: o.at(th.Since), still: th.Since > 0,
		}
	}
}

func (o *observer) lanes(host string, w *watch, l *probe.Lanes) {
	t := o.at(l.Now)
	for _, lane := range l.Lanes.Lanes {
		sight := laneSight{
			t: t, tid: lane.TID, busy: lane.Busy, op: lane.Op, segment: lane.Segment,
			since: o.at(lane.Since), blocked: lane.BlockedFor, stalled: lane.Stalled,
		}
		w.lanes[lane.Name] = sight
		o.remember(w, lane.Name, sight)
		o.span(host, w, lane.Name, sight)
	}
}

// span writes a lane that is busy for longer than a moment into the event log: when it is first seen, each half second, and
// when it is idle again.
func (o *observer) span(host string, w *watch, name string, s laneSight) {
	const moment, again = 0.15, 0.5
	open := w.spans[name]
	blocked := s.busy && s.blocked >= moment
	if !blocked && open == nil || blocked && open != nil && open.since == s.since && s.t-open.written < again {
		return
	}
	event := &events.Lane{Name: name, TID: s.tid, Busy: s.busy, Op: s.op, Segment: s.segment, BlockedS: s.blocked, Stalled: s.stalled}
	if th, ok := w.threads[name]; ok && s.t-th.t < staleSight {
		event.ProcState, event.Syscall, event.Wchan = th.state, th.syscall, th.wchan
	}
	o.note(events.Event{T: s.t, Host: host, Lane: event})
	if !blocked {
		delete(w.spans, name)
		return
	}
	w.spans[name] = &laneSpan{since: s.since, written: s.t}
}

func (o *observer) health(host string, w *watch, l *probe.Health) {
	t := o.at(l.Mono)
	w.healthAt = t
	present := map[string]bool{}
	for _, warning := range l.Warnings {
		present[warning.Code] = true
		if _, known := w.warnings[warning.Code]; known {
			continue
		}
		s := warningSight{t: t, since: o.at(warning.Since), code: warning.Code, detail: warning.Detail, opSince: oldestBusy(w)}
		w.warnings[warning.Code] = s
		w.raised = append(w.raised, s)
		o.note(events.Event{T: t, Host: host, Health: &events.Health{Code: s.code, Raised: true, Severity: warning.Severity, Detail: s.detail}})
	}
	for code := range w.warnings {
		if !present[code] {
			delete(w.warnings, code)
			o.note(events.Event{T: t, Host: host, Health: &events.Health{Code: code}})
		}
	}
}

// oldestBusy is when the operation began that has been under way longest, 0 when all lanes are idle.
func oldestBusy(w *watch) float64 {
	oldest := 0.0
	for _, lane := range w.lanes {
		if lane.busy && (oldest == 0 || lane.since < oldest) {
			oldest = lane.since
		}
	}
	return oldest
}

func (o *observer) view(host string, w *watch, l *probe.View) {
	w.view = viewSight{t: o.at(l.Mono), readAge: l.ReadAge}
	for _, segment := range l.Segments {
		if segment.HostID == w.hostID && segment.Timestamp != w.stamp {
			w.stamp = segment.Timestamp
			w.puts = append(w.puts, w.view.t)
		}
	}
	lease := leaseSight{state: l.Lease.State, since: o.at(l.Lease.Since)}
	if lease.state != w.lease.state {
		o.note(events.Event{T: w.view.t, Host: host, Lease: &events.Lease{State: lease.state, Detail: l.Lease.Detail}})
	}
	w.lease = lease
}
