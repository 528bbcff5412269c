package scenario

import (
	"strings"
	"time"
)

// FaultKind names a fault after its mechanism.
type FaultKind string

// The faults of this language.
const (
	HangMedia   FaultKind = "hang media"   // requests reach the server's medium and stay there
	SlowMedia   FaultKind = "slow media"   // requests take longer by a fixed time
	FailMedia   FaultKind = "fail media"   // requests end with an error
	FreezeNFS   FaultKind = "freeze nfs"   // the NFS server is paused
	FreezeISCSI FaultKind = "freeze iscsi" // the iSCSI target is paused
	DropPath    FaultKind = "drop path"    // packets between one host and the storage vanish, both ways
	MountDead   FaultKind = "mount dead"   // one more mount of one host, and every touch of it hangs

	FreezeBroker  FaultKind = "freeze broker" // a program of one host is stopped where it is
	FreezeAgent   FaultKind = "freeze agent"
	FreezeSanlock FaultKind = "freeze sanlock"
	FreezeVDSM    FaultKind = "freeze vdsm"
	FreezeSMTP    FaultKind = "freeze smtp"
)

// FaultKinds are all of them, in the order in which the manual explains them.
func FaultKinds() []FaultKind {
	return []FaultKind{
		HangMedia, SlowMedia, FailMedia, FreezeNFS, FreezeISCSI, DropPath, MountDead,
		FreezeBroker, FreezeAgent, FreezeSanlock, FreezeVDSM, FreezeSMTP,
	}
}

// Media tells whether the fault is one of the server's medium.
func (k FaultKind) Media() bool { return k == HangMedia || k == SlowMedia || k == FailMedia }

// Program is the program that the fault freezes, "" for other faults.
func (k FaultKind) Program() Program {
	word, ok := strings.CutPrefix(string(k), "freeze ")
	if !ok || k == FreezeNFS || k == FreezeISCSI {
		return ""
	}
	return Program(word)
}

// NoSegment is the Segment of a fault that selects none.
const NoSegment = -1

// Fault is what a fault line says. Members that do not belong to its kind keep their zero value (Segment: NoSegment).
type Fault struct {
	Kind FaultKind
	// By is the time that a slow medium adds to each request, 1ms to 60s.
	By time.Duration
	// Error is what a failing medium answers: "EIO", "ENOSPC", "ESTALE", "EROFS".
	Error string
	// Op selects requests of one kind: "read", "write", "fsync"; empty: all.
	Op string
	// File selects requests on one shared file: "whiteboard", "lockspace", "lease", "disk"; empty: all.
	File string
	// Segment selects requests that touch one 4096-byte segment of the whiteboard, 0 to 2000, or NoSegment.
	Segment int
	// Host is the host that a dropped path cuts off, whose program freezes, that has the dead mount, or whose requests a fault of
	// the medium is for; there "" is all.
	Host string
	// First is how many requests a failing medium fails, 1 to 1000000; 0: all.
	First int
	// Probability is how likely a failing medium fails a request, above 0, below 1; 0: every one.
	Probability float64
}

// Target says in a word what the fault hits: "whiteboard segment 2", "server", "host2", "sanlock on host2".
func (f Fault) Target() string {
	switch {
	case f.Kind == DropPath || f.Kind == MountDead:
		return f.Host
	case f.Kind == FreezeNFS || f.Kind == FreezeISCSI:
		return "server"
	case f.Kind.Program() != "":
		return string(f.Kind.Program()) + " on " + f.Host
	}
	target := f.File
	if target == "" {
		target = "all files"
	}
	if f.Segment != NoSegment {
		target += " segment " + itoa(f.Segment)
	}
	if f.Host != "" {
		target += " for " + f.Host
	}
	return target
}

// String prints the canonical text: what injects the fault, and behind `heal` what heals it.
func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(string(f.Kind))
	if f.Kind == SlowMedia {
		b.WriteString(" by=" + Duration(f.By))
	}
	if f.Error != "" {
		b.WriteString(" error=" + f.Error)
	}
	if f.Op != "" {
		b.WriteString(" op=" + f.Op)
	}
	if f.File != "" {
		b.WriteString(" file=" + f.File)
	}
	if f.Kind.Media() && f.Segment != NoSegment {
		b.WriteString(" segment=" + itoa(f.Segment))
	}
	if f.Host != "" {
		b.WriteString(" for=" + f.Host)
	}
	if f.First > 0 {
		b.WriteString(" first=" + itoa(f.First))
	}
	if f.Probability > 0 {
		b.WriteString(" p=" + number(f.Probability))
	}
	return b.String()
}
