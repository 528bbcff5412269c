// Package scenario is the language of scenario files: parse, print, vet. Running one is the harness's business.
//
// A file is prose (lines that start with '#'), then one statement a line, then optional txtar sections. Every statement has
// one canonical text; String prints it and Parse reads it back to an equal node. docs/scenarios.md explains every word.
package scenario

import (
	"time"

	"golang.org/x/tools/txtar"
)

// Scenario is one parsed file.
type Scenario struct {
	// Name is the file's base name without its extension: "hang_write_nfs".
	Name string
	// File is the path as it was given, for messages.
	File string
	// Prose is the text above the first statement, one element a line, without '#' and the blank behind it.
	Prose []string
	// Cluster is the first statement. It is also Statements[0].
	Cluster *Cluster
	// Statements in the order of the file, the cluster line first.
	Statements []Statement
	// Sections are the txtar sections behind the statements.
	Sections []txtar.File

	gaps    map[int]gap    // what stands before a statement (by index; len(Statements): behind the last)
	written map[int]string // how a statement was written (by index), where that is not its canonical text
}

// gap is the comments and the blank line before a statement.
type gap struct {
	blank    bool
	comments []string
}

// Statement is one line. The concrete types are Cluster, EngineUp, AlwaysEngines, AlwaysRPC, AlwaysAgent, AlwaysGrowth,
// NeverStart, Inject, Heal, Wait, Expect, Set, Saw, Configure, Stop, Kill, Start, Write, Call, Publish, Tell and ClientLoad, all by
// pointer.
type Statement interface {
	// String is the canonical text, without comments or newline.
	String() string
	// Line is the line in the file, from 1; 0 for a statement that was not parsed from a file.
	Line() int

	setLine(line int)
}

// At is the place of a statement in its file.
type At struct{ line int }

// Line is the line in the file, from 1; 0 for a statement that was not parsed from a file.
func (a *At) Line() int { return a.line }

func (a *At) setLine(line int) { a.line = line }

// Storage says which server carries the cluster's shared files.
type Storage string

// The storages of this language.
const (
	StorageNFS        Storage = "nfs"         // nfs-ganesha, NFS version 4.1
	StorageISCSI      Storage = "iscsi"       // tgt
	StorageISCSIGotgt Storage = "iscsi:gotgt" // gotgt, an external program named by HOLDFAST_GOTGT
)

// ISCSI tells whether hosts reach the storage as a LUN.
func (s Storage) ISCSI() bool { return s == StorageISCSI || s == StorageISCSIGotgt }

// AllHosts and AnyHost stand where a host's name may stand, in the statements that allow them.
const (
	AllHosts = "all" // every host
	AnyHost  = "any" // whichever host
)

// Cluster describes what is built: `cluster hosts=3 storage=nfs io_timeout=1s time_factor=0.1`.
type Cluster struct {
	At
	// Hosts is how many there are, 1 to 9; they are called host1, host2, ...
	Hosts int
	// Storage is the server under the shared files.
	Storage Storage
	// IOTimeout is sanlock's io_timeout, whole seconds, 1s to 30s. A lease is lost 8 x io_timeout after its last renewal.
	IOTimeout time.Duration
	// TimeFactor multiplies every scaled timing of the daemons, 0.05 to 10.
	TimeFactor float64
	// VDSM and SMTP say that every host has a stand-in for VDSM, that there is a mail server.
	VDSM, SMTP bool
	// OVF says that the storage domain has OVF_STOREs and the engine's configuration.
	OVF bool
	// Sector is the storage's sector size in bytes, 512 or 4096.
	Sector int
}

// EngineUp waits until a host's engine answers its health page with "good": `engine up on=host1 within=30s`.
type EngineUp struct {
	At
	// On is a host, or AnyHost.
	On     string
	Within time.Duration
}

// AlwaysEngines bounds how many engines hold the engine's lease at one moment: `always engines <= 1`.
type AlwaysEngines struct {
	At
	Max int // 0 to 9
}

// AlwaysRPC bounds the latency of every method, in the time of faults: `always rpc host2 p99 < 10ms max < 250ms`.
type AlwaysRPC struct {
	At
	Host string // a host, or AllHosts
	P99  time.Duration
	Max  time.Duration
}

// AlwaysAgent bounds the longest time between two turns of an agent: `always agent host2 gap < 2s`.
type AlwaysAgent struct {
	At
	Host string // a host, or AllHosts
	Gap  time.Duration
}

// Resource is what AlwaysGrowth counts in a daemon.
type Resource string

// The resources.
const (
	Threads     Resource = "threads"
	Descriptors Resource = "descriptors"
)

// AlwaysGrowth bounds what a daemon holds more in the time of faults than before: `always threads host2 growth <= 8`.
type AlwaysGrowth struct {
	At
	Resource Resource
	Host     string // a host, or AllHosts
	Max      int    // 0 to 10000
}

// NeverStart forbids that an engine is started on a host from here on: `never start on=host2`.
type NeverStart struct {
	At
	On string // a host, or AllHosts
}

// Inject starts a fault, which must be proven before the next statement begins: `freeze nfs`.
type Inject struct {
	At
	Fault Fault
}

// Heal ends faults: all of them in reverse order (Fault nil), or exactly one: `heal`, `heal freeze nfs`.
type Heal struct {
	At
	// Fault is the text of an earlier fault that is still in effect; the latest such one is healed.
	Fault *Fault
}

// Wait lets time pass: `wait 3s`.
type Wait struct {
	At
	For time.Duration
}

// Expect waits for a condition and fails when its deadline passes: `expect host2 fresh within=5s`.
type Expect struct {
	At
	Condition Condition
	Within    time.Duration // 0, only for Mode: it must hold at once
}

// Maintenance is the operator's switch for the whole cluster.
type Maintenance string

// The maintenance modes.
const (
	MaintenanceGlobal Maintenance = "global"
	MaintenanceNone   Maintenance = "none"
)

// Set does what the operator's command does, through one host's broker: `set maintenance=global via=host2`.
type Set struct {
	At
	Maintenance Maintenance
	Via         string
}

// Saw is a coverage goal, judged at the end; a run that never met it is INVALID: `saw host2 state=StorageBlind`.
// Its condition is State, Warns (without Late) or LaneBlocked.
type Saw struct {
	At
	Condition Condition
}
