// Package attendant runs inside every container of the lab as its first process, and is reached from outside over a unix
// socket that lies in a directory shared with the host. It starts, signals and watches the programs of the container, runs
// short commands, reaps orphans, and asks servers on the wire whether they answer.
//
// Why not `docker exec`: an exec costs 100 to 300 ms and goes through the engine, which is the thing that the harness pauses and
// kills things with. A call to the attendant costs less than a millisecond and its answer says what happened to the program.
//
// The protocol is JSON lines: one request a line, one reply a line, matched by id; several requests may be under way on one
// connection and replies come in the order of completion. [Client] uses one connection a call.
package attendant

import (
	"encoding/json"
	"fmt"
	"time"
)

// Operation names of the protocol.
const (
	OpPing      = "ping"
	OpSpawn     = "spawn"
	OpSignal    = "signal"
	OpStatus    = "status"
	OpWait      = "wait"
	OpList      = "list"
	OpRun       = "run"
	OpRPCNull   = "rpcnull"
	OpISCSINop  = "iscsinop"
	OpReadBlock = "readblock"
	OpState     = "state"
	OpAsk       = "ask"
	OpLook      = "look"
)

// Limits of the protocol: a request line, a captured stream of `run`, a block of `readblock`.
const (
	MaxLine  = 1 << 20 // bytes
	MaxOut   = 256 << 10
	MaxBlock = 256 << 10
)

// Request is one line to the attendant. Which fields count depends on Op.
type Request struct {
	ID int64  `json:"id"`
	Op string `json:"op"`
	// TimeoutMS bounds the operation; 0 means the operation's own default (10 s; 2 s for a probe on the wire).
	TimeoutMS int64           `json:"timeout_ms,omitempty"`
	Args      json.RawMessage `json:"args,omitempty"`
}

// Reply answers the request with the same ID. Kind is empty on success, else one of the Kind constants of [Error].
type Reply struct {
	ID     int64           `json:"id"`
	Kind   Kind            `json:"kind,omitempty"`
	Error  string          `json:"error,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
}

// Kind says what sort of failure an [Error] is.
type Kind string

// Kinds of failure. Code switches on the kind; the text carries what to do.
const (
	KindBadRequest  Kind = "bad-request" // the request cannot be carried out as written
	KindUnknownName Kind = "unknown-name"
	KindNameInUse   Kind = "name-in-use" // a process of that name runs already
	KindTimeout     Kind = "timeout"     // nothing came within the deadline: for a probe on the wire, the server is silent
	KindRefused     Kind = "refused"     // the connection was refused or reset, or no route: the path answers, with a no
	KindRejected    Kind = "rejected"    // the server answered, and the answer is no
	KindFailed      Kind = "failed"
)

// Error is a failure reported by the attendant (not one of reaching it).
type Error struct {
	Op   string
	Kind Kind
	Text string
}

func (e *Error) Error() string { return fmt.Sprintf("attendant: %s: %s (%s)", e.Op, e.Text, e.Kind) }

// Spec describes a program to start under a name. The program becomes the leader of its own session, its standard input is
// /dev/null, and its output is appended to the file Stdout (made with mode 0644).
type Spec struct {
	Name   string   `json:"name"` // letters, digits, dash, dot; unique among the running programs of the container
	Argv   []string `json:"argv"`
	Env    []string `json:"env,omitempty"`    // KEY=VALUE, the whole environment beside PATH; nil gives PATH alone
	Stdout string   `json:"stdout,omitempty"` // "" = discarded
	Dir    string   `json:"dir,omitempty"`    // "" = /
	// PIDFile, when set, is written with the process id in decimal; the file of an earlier start is replaced in one step.
	PIDFile string `json:"pid_file,omitempty"`
	// Unlisted keeps the program out of list: a tool of the harness's, not a part of what is watched.
	Unlisted bool `json:"unlisted,omitempty"`
}

// Process is what the attendant knows of a program that it started.
type Process struct {
	Name     string   `json:"name"`
	PID      int      `json:"pid"` // in the container's PID namespace
	Argv     []string `json:"argv"`
	Running  bool     `json:"running"`
	ExitCode int      `json:"exit_code"`        // -1 while it runs or when a signal ended it
	Signal   string   `json:"signal,omitempty"` // the signal that ended it
	Started  float64  `json:"started"`          // CLOCK_MONOTONIC, seconds
	Ended    float64  `json:"ended,omitempty"`  // CLOCK_MONOTONIC, seconds; 0 while it runs
}

// Output is the end of a program started by run. Each stream holds at most [MaxOut] bytes; Truncated says that there was more.
type Output struct {
	Code      int    `json:"code"` // exit code; 128+N when signal N ended it
	Stdout    string `json:"stdout"`
	Stderr    string `json:"stderr"`
	Truncated bool   `json:"truncated,omitempty"`
	TookMS    int64  `json:"took_ms"`
}

// State is a program and how its process is right now, from /proc.
type State struct {
	Process
	State       string `json:"state,omitempty"` // of its first thread: R, S, D, T (stopped), Z; "" when it does not run
	Threads     int    `json:"threads"`
	Stopped     int    `json:"stopped"`     // threads in state T
	Descriptors int    `json:"descriptors"` // open file descriptors
}

// FileInfo is what is at a path.
type FileInfo struct {
	Kind  string  `json:"kind"` // file, directory, socket, link, device, pipe
	Mode  uint32  `json:"mode"` // permission bits, 0 to 07777
	UID   int     `json:"uid"`
	GID   int     `json:"gid"`
	Size  int64   `json:"size"`
	Mtime float64 `json:"mtime"` // seconds since 1970
	// Data is the content of a file (its first [MaxBlock] bytes) or the target of a link.
	Data []byte `json:"data,omitempty"`
}

type askArgs struct {
	Program string `json:"program"` // what is asked: broker, sanlock, vdsm, smtp
	Addr    string `json:"addr"`    // socket path or IP:port
}

type pathArgs struct {
	Path string `json:"path"`
}

type nameArgs struct {
	Name string `json:"name"`
	Sig  int    `json:"sig,omitempty"`
}

type runArgs struct {
	Argv  []string `json:"argv"`
	Env   []string `json:"env,omitempty"`
	Stdin string   `json:"stdin,omitempty"`
}

type rpcArgs struct {
	Addr    string `json:"addr"` // IP:port
	Program uint32 `json:"program"`
	Version uint32 `json:"version"`
}

type iscsiArgs struct {
	Addr   string `json:"addr"` // IP:port
	Target string `json:"target"`
}

type blockArgs struct {
	Path   string `json:"path"`
	Offset int64  `json:"offset"`
	Length int    `json:"length"`
}

type blockResult struct {
	Data []byte `json:"data"` // base64 on the wire
}

// Answer is a probe on the wire that was answered.
type Answer struct {
	TookUS int64 `json:"took_us"`
}

// Took is the time from the dial to the answer.
func (a Answer) Took() time.Duration { return time.Duration(a.TookUS) * time.Microsecond }
