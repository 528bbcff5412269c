package faultfs

// The control protocol: JSON lines over a unix stream socket. One request a line, one reply a line, in order.

// Limits of the control protocol.
const (
	maxLine  = 64 << 10 // bytes of a request line
	maxReply = 1 << 20  // bytes of a reply line: room for the status of maxRules rules
	maxRules = 256
	maxConns = 32 // connections at a time; one more is closed at once
)

// Command names.
const (
	cmdAdd      = "add"
	cmdClear    = "clear"
	cmdClearAll = "clear_all"
	cmdStatus   = "status"
	cmdProbe    = "probe"
)

// command is a request line; which fields count depends on Cmd.
type command struct {
	Cmd   string `json:"cmd"`
	Rule  *Rule  `json:"rule,omitempty"`  // add
	ID    string `json:"id,omitempty"`    // clear
	Probe *Probe `json:"probe,omitempty"` // probe
}

// answer is a reply line. Error is empty on success.
type answer struct {
	Error  string       `json:"error,omitempty"`
	NoRule bool         `json:"no_rule,omitempty"` // the error is that the rule does not exist
	ID     string       `json:"id,omitempty"`      // add
	Rules  []RuleStatus `json:"rules,omitempty"`   // status; clear and clear_all: the cleared rules' last status
	Status *Status      `json:"status,omitempty"`  // status
	Probe  *ProbeResult `json:"probe,omitempty"`   // probe
}

// RuleStatus is a rule and what it has done so far.
type RuleStatus struct {
	Rule
	// Matched counts requests that met all selectors and fell to First and Probability; HeldTotal, DelayedTotal and FailedTotal those
	// that were held, delayed or failed by the rule, and Held those that are at this moment. Probes are not among them.
	Matched      int64 `json:"matched"`
	Held         int64 `json:"held"`
	HeldTotal    int64 `json:"held_total"`
	DelayedTotal int64 `json:"delayed_total"`
	FailedTotal  int64 `json:"failed_total"`
	// OldestHeld is the time that the longest-held request now has been held, in seconds; 0 if none is held.
	OldestHeld float64 `json:"oldest_held_s"`
	// WorstDelayMS and LeastDelayMS are the longest and the shortest delay measured on completed requests, in milliseconds;
	// 0 before the first. For a hang they measure the hold.
	WorstDelayMS float64 `json:"worst_delay_ms"`
	LeastDelayMS float64 `json:"least_delay_ms"`
	// ProbesHeld counts the server's own probe requests that the rule has held, delayed or failed.
	ProbesHeld int64 `json:"probes_held"`
}

// Status is the state of the whole file system.
type Status struct {
	Mount   string       `json:"mount"`
	Backing string       `json:"backing"`
	Held    int64        `json:"held"`   // requests held or delayed now, by any rule; probes not among them
	Passed  int64        `json:"passed"` // requests that have gone through the gate since the start
	Uptime  float64      `json:"uptime_s"`
	Rules   []RuleStatus `json:"rules"`
}

// Probe is a request that the server makes to itself: it goes through the gate like a victim's, meeting every rule whatever
// the rule's First and Probability, and then reads up to 4096 bytes of the backing file at Offset. It never writes,
// whatever Op says.
type Probe struct {
	Op     Op     `json:"op"`
	Via    string `json:"via,omitempty"` // base name of the mount that the probe pretends to come through
	File   string `json:"file"`          // base name; "" makes it touch the backing directory only, which matches rules for all files
	Offset int64  `json:"offset,omitempty"`
	// TimeoutMS is how long the probe waits at the gate, in milliseconds: 1 to 60000.
	TimeoutMS float64 `json:"timeout_ms"`
}

// ProbeResult is what became of a Probe.
type ProbeResult struct {
	// Passed says that the probe went through the gate and touched the backing directory before its time was up.
	Passed bool `json:"passed"`
	// Errno is the name of the error that a rule made it fail with; "" when none did. It has not passed then.
	Errno string `json:"errno,omitempty"`
	// HeldBy are the ids of the rules that held, delayed or failed it.
	HeldBy []string `json:"held_by,omitempty"`
	// WaitedMS is the time spent at the gate, in milliseconds.
	WaitedMS float64 `json:"waited_ms"`
}
