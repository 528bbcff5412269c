package scenario

import "time"

// Program is a program of the lab that a scenario can stop, kill, start and freeze.
type Program string

// The programs.
const (
	ProgramBroker  Program = "broker"
	ProgramAgent   Program = "agent"
	ProgramSanlock Program = "sanlock"
	ProgramVDSM    Program = "vdsm" // the stand-in
	ProgramSMTP    Program = "smtp" // the stand-in
)

// Setting is one KEY=VALUE.
type Setting struct{ Key, Value string }

// Configure changes lines of a host's holdfast.conf: `configure host2 stall_after=2s`. Daemons read it when they start.
type Configure struct {
	At
	Host     string
	Settings []Setting // at least one, each key once
}

// Stop ends a program in good order, by SIGTERM, and claims that it ended in time: `stop broker on=host2 within=10s`.
type Stop struct {
	At
	Program Program
	On      string
	Within  time.Duration
	// Code is the exit code that is claimed, 0 to 255, or AnyCode.
	Code int
}

// AnyCode is the Code of a Stop that claims none.
const AnyCode = -1

// Kill ends a program at once, by SIGKILL: `kill broker on=host2`.
type Kill struct {
	At
	Program Program
	On      string
}

// Start starts a program that was stopped or killed and claims that it serves: `start broker on=host2 within=5s`.
type Start struct {
	At
	Program Program
	On      string
	Within  time.Duration
}

// Damage is what Write writes into a segment.
type Damage string

// The damages, each one that some reader has stumbled over.
const (
	DamagePoison    Damage = "poison"    // a good record with the bytes ff fe in its human part
	DamageBadBlock  Damage = "badblock"  // a record whose checksum is right and whose engine status is no JSON
	DamageForeign   Damage = "foreign"   // a good record of another host id
	DamageMultibyte Damage = "multibyte" // a good record whose host name has letters of two bytes
	DamageTooNew    Damage = "toonew"    // parse version 2
	DamageTorn      Damage = "torn"      // the first 512 bytes of a newer record, the rest as it was
	DamageZero      Damage = "zero"      // zeros
)

// Write puts a block into the whiteboard on the server's side and reads it back: `write segment=300 as=poison`.
type Write struct {
	At
	Segment int // 0 to 2000
	As      Damage
}

// Call calls a method of a host's broker and claims its answer: `call host2 lock_host_id 2 answers ok within=10s`.
type Call struct {
	At
	Host   string
	Method string
	// Args are int, float64, bool, string, []byte, []any and map[string]any; the last two hold only the others.
	Args    []any
	Answers Answer
	Within  time.Duration
}

// AnswerKind says how an answer is compared.
type AnswerKind string

// The kinds of answers.
const (
	AnswerOK      AnswerKind = "ok"    // "ok" or true
	AnswerNil     AnswerKind = "nil"   // nil, upstream's word for failure
	AnswerAny     AnswerKind = "any"   // any at all, a fault too
	AnswerFault   AnswerKind = "fault" // an XML-RPC fault
	AnswerText    AnswerKind = "text"  // this value
	AnswerPart    AnswerKind = "part"  // a text that this text is part of
	AnswerMembers AnswerKind = "members"
)

// Answer is what Call claims.
type Answer struct {
	Kind AnswerKind
	// Text is what AnswerText and AnswerPart compare: a number in decimal digits, true or false, a text, base64:...
	Text string
	// Members are those that AnswerMembers wants in a struct, each compared as AnswerText.
	Members []Setting
}

// Publish makes one of the two OVF_STOREs hold a new OVF of the engine: `publish ovf store=1 memory=4096 updated=yes`.
type Publish struct {
	At
	Store   int  // 1 or 2
	Memory  int  // MiB in the OVF, 1 to 1048576
	Updated bool // what the volume's description says of itself
	Torn    bool // the archive ends in its middle
}

// Tell tells a host's stand-in what to do: `vdsm host2 vm.status=Up`, `smtp host2 mode=later`.
type Tell struct {
	At
	Program  Program // ProgramVDSM or ProgramSMTP
	Host     string
	Settings []Setting
}

// ClientLoad puts clients on a host's broker for a while and claims that the good ones are served:
// `load host2 clients=1000 slow=100 half_open=100 for=60s`.
type ClientLoad struct {
	At
	Host     string
	Clients  int // all at once, 1 to 5000
	Slow     int // of these, those that send and read a byte at a time
	HalfOpen int // of these, those that connect and say nothing
	For      time.Duration
	// P99 bounds the good ones' 99th percentile; 0: twice that of the host's earlier load without a fault, plus 10 ms.
	P99 time.Duration
}
