// Package verdict judges a run: statistics, claims, and the verdict that follows from them. verdict.json is its file format.
//
// Everything here is a pure function of what was observed. docs/verdict.md explains every member with its unit.
package verdict

import "time"

// Outcome is the verdict on one run.
type Outcome string

// The outcomes.
const (
	Pass    Outcome = "PASS"    // every fault was proven, every claim held, every coverage goal was met
	Fail    Outcome = "FAIL"    // a claim broke
	Invalid Outcome = "INVALID" // a fault or a coverage goal was not proven, or the harness itself had trouble: nothing was shown
	Skip    Outcome = "SKIP"    // this machine lacks something that the scenario needs
)

// ExitCode is what `holdfast run` returns for the outcome: 0, 1, 2, 3; 2 for anything unknown.
func (o Outcome) ExitCode() int {
	switch o {
	case Pass:
		return 0
	case Fail:
		return 1
	case Skip:
		return 3
	}
	return 2
}

// Verdict is verdict.json. Times that end in S are seconds since the run's start, as are the t of events.
type Verdict struct {
	Scenario string    `json:"scenario"`
	Tier     string    `json:"tier"`
	Seed     int64     `json:"seed"`
	Verdict  Outcome   `json:"verdict"`
	Reason   string    `json:"reason"`
	Started  time.Time `json:"started"`
	WallS    float64   `json:"wall_s"`

	Faults []Fault `json:"faults"`
	Claims []Claim `json:"claims"`

	RPC   map[string]map[string]Phases `json:"rpc"`   // by host, by method
	Lanes map[string][]Lane            `json:"lanes"` // by host
	Agent map[string]AgentTicks        `json:"agent"` // by host

	// StallVisibleS is how long after the stalled operation's start get_health showed it, in seconds; nil when nothing stalled.
	StallVisibleS *float64 `json:"stall_visible_s"`
	// RecoveredS is how long after healing the newest record was on storage, in seconds; nil when that was not looked for.
	RecoveredS *float64 `json:"recovered_s"`

	TimeFactor float64 `json:"time_factor"`
	IOTimeoutS float64 `json:"io_timeout_s"`
	Storage    string  `json:"storage"`

	// Machine is how late the machine itself was in the time of faults, by host; the excuse of JudgeLatency.
	Machine map[string]Lateness `json:"machine,omitempty"`
}

// Fault is one fault's life. A time that never came is nil (null in JSON).
type Fault struct {
	Step      int      `json:"step"`
	Line      int      `json:"line"`
	Kind      string   `json:"kind"`
	Target    string   `json:"target"`
	Proof     string   `json:"proof"`
	InjectedS *float64 `json:"injected_s"`
	ProvenS   *float64 `json:"proven_s"`
	HealedS   *float64 `json:"healed_s"`
	GoneS     *float64 `json:"gone_s"`
}

// Claim is one judged claim.
type Claim struct {
	Line   int    `json:"line"`
	Text   string `json:"text"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
	// Goal marks a coverage goal (`saw`): when it was not met, nothing was shown, and the run is INVALID rather than FAIL.
	Goal bool `json:"goal,omitempty"`
}

// Phases are a method's latencies outside and inside the time of faults.
type Phases struct {
	Healthy Latency `json:"healthy"`
	Fault   Latency `json:"fault"`
}

// Latency sums up calls of one method. Milliseconds; 0 where N is 0.
type Latency struct {
	N     int     `json:"n"`
	P50MS float64 `json:"p50_ms"`
	P99MS float64 `json:"p99_ms"`
	MaxMS float64 `json:"max_ms"`
	// Failed counts calls among N that got no answer; their time until the failure is part of the figures.
	Failed int `json:"failed,omitempty"`
}

// Lane is the longest blockage of one lane that was seen, with what the kernel said about its thread at that time.
type Lane struct {
	Name     string  `json:"name"`
	BlockedS float64 `json:"blocked_s"`
	Syscall  string  `json:"syscall"`
	State    string  `json:"state"` // one letter: D, S, R
	Wchan    string  `json:"wchan"`
}

// AgentTicks sums up an agent's turns.
type AgentTicks struct {
	Ticks   int     `json:"ticks"`
	MaxGapS float64 `json:"max_gap_s"`
}
