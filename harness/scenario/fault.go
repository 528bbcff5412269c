package scenario

import "time"

// FaultKind names a fault after its mechanism.
type FaultKind string

// The faults of this language.
const (
	HangMedia   FaultKind = "hang media"   // requests reach the server's medium and stay there
	SlowMedia   FaultKind = "slow media"   // requests take longer by a fixed time
	FreezeNFS   FaultKind = "freeze nfs"   // the NFS server is paused
	FreezeISCSI FaultKind = "freeze iscsi" // the iSCSI target is paused
	DropPath    FaultKind = "drop path"    // packets between one host and the storage vanish, both ways
)

// NoSegment is the Segment of a fault that selects none.
const NoSegment = -1

// Fault is what a fault line says. Members that do not belong to its kind keep their zero value (Segment: NoSegment).
type Fault struct {
	Kind FaultKind
	// By is the time that a slow medium adds to each request, 1ms to 60s.
	By time.Duration
	// Op selects requests of one kind: "read", "write", "fsync"; empty: all.
	Op string
	// File selects requests on one shared file: "whiteboard", "lockspace", "lease", "disk"; empty: all.
	File string
	// Segment selects requests that touch one 4096-byte segment of the whiteboard, 0 to 2000, or NoSegment.
	Segment int
	// Host is the host that a dropped path cuts off, or the one whose requests a fault of the medium is for; there "" is all.
	Host string
}

// Target says in a word what the fault hits: "whiteboard segment 2", "server", "host2".
func (f Fault) Target() string {
	switch f.Kind {
	case DropPath:
		return f.Host
	case FreezeNFS, FreezeISCSI:
		return "server"
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
