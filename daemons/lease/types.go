package lease

import (
	"fmt"
	"time"
)

// Limits of the protocol.
const (
	// MaxName is the longest lockspace or resource name, in bytes.
	MaxName = 48
	// MaxPath is the longest path of a lease area, in bytes, without its terminator.
	MaxPath = 1023
	// MaxDisks is the largest number of areas that one resource may use.
	MaxDisks = 4
	// MaxResources is the largest number of resources in one Acquire.
	MaxResources = 8
)

// Flags are bits on a lockspace or a resource. The low bits mean different things on the two; the bits for sector and
// area size are the same on both and go together: both or neither.
type Flags uint32

// Bits of Lockspace.Flags that GetLockspaces reports.
const (
	// LockspaceAdding: the daemon is still joining; it may fail yet.
	LockspaceAdding Flags = 0x1
	// LockspaceRemoving: the daemon is leaving, because it was asked to or because it lost the lease.
	LockspaceRemoving Flags = 0x2
)

// Bits of Resource.Flags.
const (
	// ResourceLVER: acquire only if the lease's version is still Resource.LVER.
	ResourceLVER Flags = 0x1
	// ResourceNumHosts: Resource.Data32 carries a number of hosts.
	ResourceNumHosts Flags = 0x2
	// ResourceShared: shared instead of exclusive.
	ResourceShared Flags = 0x4
	// ResourcePersistent: the lease outlives its process as an orphan.
	ResourcePersistent Flags = 0x8
)

// Bits for the size of an area and of a sector, on lockspaces and resources.
const (
	Align1M    Flags = 0x10
	Align2M    Flags = 0x20
	Align4M    Flags = 0x40
	Align8M    Flags = 0x80
	Sector512  Flags = 0x100
	Sector4096 Flags = 0x200
)

// Geometry returns the flags for a sector size in bytes (512 or 4096) and an area size in MiB (1, 2, 4, 8), and the
// highest host id that such an area has room for. sanlock knows 512/1 (2000 hosts), 4096/1 (250), 4096/2 (500),
// 4096/4 (1000) and 4096/8 (2000); any other pair is an error. Hosted-engine lockspaces always use 1 MiB.
func Geometry(sectorSize, alignMiB int) (flags Flags, maxHostID int, err error) {
	switch {
	case sectorSize == 512 && alignMiB == 1:
		return Sector512 | Align1M, 2000, nil
	case sectorSize == 4096 && alignMiB == 1:
		return Sector4096 | Align1M, 250, nil
	case sectorSize == 4096 && alignMiB == 2:
		return Sector4096 | Align2M, 500, nil
	case sectorSize == 4096 && alignMiB == 4:
		return Sector4096 | Align4M, 1000, nil
	case sectorSize == 4096 && alignMiB == 8:
		return Sector4096 | Align8M, 2000, nil
	}
	return 0, 0, fmt.Errorf("sector size %d bytes with %d MiB areas: sanlock has 512/1, 4096/1, 4096/2, 4096/4 and 4096/8",
		sectorSize, alignMiB)
}

// Lockspace names a lockspace and this machine's place in it.
type Lockspace struct {
	Name   string // at most MaxName bytes; "hosted-engine" for the whiteboard
	HostID uint64 // from 1; 0 where a call needs none
	Path   string // file or block device that holds the area
	Offset uint64 // of the area in Path, in bytes
	Flags  Flags
}

// Joining says that the daemon is still adding the lockspace.
func (l Lockspace) Joining() bool { return l.Flags&LockspaceAdding != 0 }

// Leaving says that the daemon is removing the lockspace: on request, or because its lease is lost.
func (l Lockspace) Leaving() bool { return l.Flags&LockspaceRemoving != 0 }

// Held says that the host id is held: listed, not on the way in and not on the way out.
func (l Lockspace) Held() bool { return l.Flags&(LockspaceAdding|LockspaceRemoving) == 0 }

// String returns NAME:HOSTID:PATH:OFFSET, sanlock's own notation.
func (l Lockspace) String() string {
	return fmt.Sprintf("%s:%d:%s:%d", l.Name, l.HostID, l.Path, l.Offset)
}

// Disk is one area of a resource's lease.
type Disk struct {
	Path   string
	Offset uint64 // bytes
}

// Resource is a named lease inside a lockspace.
type Resource struct {
	Lockspace string // its lockspace's name
	Name      string
	Disks     []Disk // 1 to MaxDisks; ignored by Release
	LVER      uint64 // version of the lease, +1 with every acquire; sent when Flags has ResourceLVER
	Data64    uint64
	Data32    uint32
	Flags     Flags
}

// String returns LOCKSPACE:NAME, followed by :PATH:OFFSET for each disk.
func (r Resource) String() string {
	s := r.Lockspace + ":" + r.Name
	for _, d := range r.Disks {
		s += fmt.Sprintf(":%s:%d", d.Path, d.Offset)
	}
	return s
}

// HostState is the daemon's judgement of another host in a lockspace.
type HostState uint8

// States of a host, as sanlock numbers them.
const (
	HostUnknown HostState = 1 // not watched for long enough to tell
	HostFree    HostState = 2 // nobody holds the host id
	HostLive    HostState = 3 // renewed recently
	HostFail    HostState = 4 // not renewed for 8 io timeouts
	HostDead    HostState = 5 // not renewed for 8 io timeouts and the watchdog's 60 s: its leases may be taken
)

// String returns sanlock's word for the state.
func (s HostState) String() string {
	switch s {
	case HostUnknown:
		return "UNKNOWN"
	case HostFree:
		return "FREE"
	case HostLive:
		return "LIVE"
	case HostFail:
		return "FAIL"
	case HostDead:
		return "DEAD"
	}
	return fmt.Sprintf("state %d", uint8(s))
}

// Host is what the daemon knows about one host id of a lockspace.
type Host struct {
	HostID     uint64
	Generation uint64 // +1 with every join
	// Timestamp is whole seconds of the owner's monotonic clock at its last renewal; 0 means the host id is free. It
	// can be compared with other timestamps of the same host only.
	Timestamp uint64
	IOTimeout time.Duration // the owner's; whole seconds. 0 in ReadResourceOwners
	State     HostState     // 0 in ReadResourceOwners
}

// Version is the daemon's version and that of its socket protocol.
type Version struct {
	Major, Minor, Patch int
	Protocol            int
}

// String returns MAJOR.MINOR.PATCH.
func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch) }

// Membership is the answer of InqLockspace.
type Membership uint8

// Answers of InqLockspace.
const (
	NotHeld  Membership = iota // the daemon does not know this lockspace
	Changing                   // on its way in or out
	Held                       // held
)

// String returns "not held", "changing" or "held".
func (m Membership) String() string {
	switch m {
	case NotHeld:
		return "not held"
	case Changing:
		return "changing"
	case Held:
		return "held"
	}
	return fmt.Sprintf("membership %d", uint8(m))
}
