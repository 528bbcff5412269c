// Package events is the log of one run: typed events, one JSON object a line, in events.jsonl.
//
// The runner and the probes write it while a scenario runs; verdicts and reports are made from it afterwards, this year's
// report from last year's log included. So the reader tolerates what it does not know: unknown kinds and members are kept out
// of the way, a broken or cut-off line is counted and skipped.
package events

// Kind says which payload an event carries.
type Kind string

// The kinds of events. Each has one payload type, named alike.
const (
	KindStep   Kind = "step"   // a scenario statement began or ended
	KindFault  Kind = "fault"  // a fault moved on in its life cycle
	KindAgent  Kind = "agent"  // one turn of an agent's loop
	KindLane   Kind = "lane"   // one look at one lane of a broker
	KindRPC    Kind = "rpc"    // latency of one method over a short window
	KindLease  Kind = "lease"  // a host's lockspace lease changed
	KindEngine Kind = "engine" // what an engine said in its own log
	KindHealth Kind = "health" // a warning was raised or cleared
	KindClaim  Kind = "claim"  // a claim was judged
	KindNote   Kind = "note"   // a remark for the reader of the report

	KindProgram Kind = "program" // the scenario ended or started a program
)

// Event is one line of the log: when, what kind, which host, and exactly one payload, the one that Kind names.
type Event struct {
	// T is the time in seconds since the run's start (the command, not the cluster's readiness).
	T float64 `json:"t"`
	// Kind may be left empty by writers; Append fills it in from the payload.
	Kind Kind `json:"kind"`
	// Host is the host concerned ("host2"), empty where none is.
	Host string `json:"host,omitempty"`

	Step   *Step   `json:"step,omitempty"`
	Fault  *Fault  `json:"fault,omitempty"`
	Agent  *Agent  `json:"agent,omitempty"`
	Lane   *Lane   `json:"lane,omitempty"`
	RPC    *RPC    `json:"rpc,omitempty"`
	Lease  *Lease  `json:"lease,omitempty"`
	Engine *Engine `json:"engine,omitempty"`
	Health *Health `json:"health,omitempty"`
	Claim  *Claim  `json:"claim,omitempty"`
	Note   *Note   `json:"note,omitempty"`

	Program *Program `json:"program,omitempty"`
}

// StepState says where a statement is.
type StepState string

// The states of a step.
const (
	StepBegin  StepState = "begin"
	StepEnd    StepState = "end"
	StepFailed StepState = "failed"
)

// Step is a statement of the scenario that begins or ends.
type Step struct {
	Number int       `json:"number"` // 1 for the first statement (the cluster line)
	Line   int       `json:"line"`   // line in the scenario file, from 1
	Text   string    `json:"text"`   // the statement's canonical text
	State  StepState `json:"state"`
	Detail string    `json:"detail,omitempty"`
}

// FaultPhase is a point in a fault's life.
type FaultPhase string

// The points of a fault's life, in order. Unproven and NotGone end it badly.
const (
	FaultInjected FaultPhase = "injected"
	FaultProven   FaultPhase = "proven"
	FaultUnproven FaultPhase = "unproven"
	FaultHealed   FaultPhase = "healed"
	FaultGone     FaultPhase = "gone"
	FaultNotGone  FaultPhase = "not-gone"
)

// Fault is one point in one fault's life. Step and Line tell faults apart.
type Fault struct {
	Step   int        `json:"step"`
	Line   int        `json:"line"`
	Kind   string     `json:"fault"`  // "hang media", "freeze nfs", ...
	Text   string     `json:"text"`   // the statement's canonical text
	Target string     `json:"target"` // what is hit: "whiteboard segment 2", "host2"
	Phase  FaultPhase `json:"phase"`
	Detail string     `json:"detail,omitempty"` // the proof, or why there is none
}

// Agent is one turn of an agent's loop, from the agent's own log.
type Agent struct {
	State    string  `json:"state"` // EngineUp, StorageBlind, ...
	Previous string  `json:"previous,omitempty"`
	Score    int     `json:"score"`
	DelayS   float64 `json:"delay_s"`    // seconds until the next turn, as the agent plans it
	ViewAgeS float64 `json:"view_age_s"` // seconds since the broker last read all segments; -1 never
	Lease    string  `json:"lease,omitempty"`
	PutMS    float64 `json:"put_ms"` // how long put_stats took, milliseconds
	Reason   string  `json:"reason,omitempty"`
}

// Lane is one look at one lane: what the broker says (get_lanes) beside what the kernel says (/proc).
type Lane struct {
	Name     string  `json:"name"` // ha-writer, ha-reader, ha-lease, ...
	TID      int     `json:"tid,omitempty"`
	Busy     bool    `json:"busy"`
	Op       string  `json:"op,omitempty"`
	Segment  int     `json:"segment,omitempty"` // 4095: the operation has none
	BlockedS float64 `json:"blocked_s"`         // seconds in the present operation, 0 when idle
	Stalled  bool    `json:"stalled,omitempty"` // past the broker's own limit

	ProcState string `json:"proc_state,omitempty"` // one letter of /proc/PID/task/TID/stat: D, S, R
	Syscall   string `json:"syscall,omitempty"`    // name, or number where unknown
	Wchan     string `json:"wchan,omitempty"`
}

// RPC is the latency of one method on one host, over a window that ends at the event's time.
type RPC struct {
	Method string  `json:"method"`
	SpanS  float64 `json:"span_s"` // window's length in seconds
	N      int     `json:"n"`      // calls
	P50MS  float64 `json:"p50_ms"`
	P99MS  float64 `json:"p99_ms"`
	MaxMS  float64 `json:"max_ms"`
	Failed int     `json:"failed,omitempty"` // calls without an answer (refused, cut off, past their deadline)
	Error  string  `json:"error,omitempty"`  // the first failure's text
}

// Lease is a host's lockspace lease as its broker sees it.
type Lease struct {
	State  string `json:"state"` // none, joining, held, lost, leaving
	Detail string `json:"detail,omitempty"`
}

// EngineEvent is what a stand-in engine reports in its own log.
type EngineEvent string

// The engine's own events. EngineGone is for a witness that sees the process end without a word; nothing writes it yet.
const (
	EngineStart        EngineEvent = "start" // the process runs
	EngineLease        EngineEvent = "lease" // it holds the engine's lease and may write to its disk
	EngineUp           EngineEvent = "up"    // its health page says good
	EngineStop         EngineEvent = "stop"  // it ended in good order
	EngineLost         EngineEvent = "lost"  // it lost its lease, or never got it
	EngineSecondWriter EngineEvent = "second-writer"
	EngineGone         EngineEvent = "gone"
)

// Engine is one line of an engine's log.
type Engine struct {
	Event  EngineEvent `json:"event"`
	PID    int         `json:"pid,omitempty"`
	Detail string      `json:"detail,omitempty"`
}

// Health is a warning that a broker raised or cleared.
type Health struct {
	Code     string `json:"code"` // storage-stalled, ...
	Raised   bool   `json:"raised"`
	Severity string `json:"severity,omitempty"`
	Detail   string `json:"detail,omitempty"`
}

// Claim is a judgement. The same claim also stands in verdict.json; here it has its time.
type Claim struct {
	Line   int    `json:"line"`
	Text   string `json:"text"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"`
}

// Note is a remark.
type Note struct {
	Text string `json:"text"`
}

// ProgramEvent is a point in the life of a program that the scenario ends and starts.
type ProgramEvent string

// The points, in order. One that was stopped and did not end in time has no ProgramEnded.
const (
	ProgramStopping ProgramEvent = "stopping" // SIGTERM was sent
	ProgramKilled   ProgramEvent = "killed"   // SIGKILL was sent
	ProgramEnded    ProgramEvent = "ended"
	ProgramStarting ProgramEvent = "starting"
	ProgramServes   ProgramEvent = "serves" // it answers, or takes a turn
)

// Program is one such point of one program of one host.
type Program struct {
	Name   string       `json:"name"` // broker, agent, sanlock, vdsm, smtp
	Event  ProgramEvent `json:"event"`
	Detail string       `json:"detail,omitempty"`
}

// kind names the payload that e carries, "" when it carries none.
func (e Event) kind() Kind {
	switch {
	case e.Step != nil:
		return KindStep
	case e.Fault != nil:
		return KindFault
	case e.Agent != nil:
		return KindAgent
	case e.Lane != nil:
		return KindLane
	case e.RPC != nil:
		return KindRPC
	case e.Lease != nil:
		return KindLease
	case e.Engine != nil:
		return KindEngine
	case e.Health != nil:
		return KindHealth
	case e.Claim != nil:
		return KindClaim
	case e.Note != nil:
		return KindNote
	case e.Program != nil:
		return KindProgram
	}
	return ""
}
