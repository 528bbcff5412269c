package broker

import (
	"fmt"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// MountOp is an operation of the mount lane. Each may take long, or for ever; nothing else waits for it.
type MountOp uint8

// Operations of the mount lane.
const (
	MountConnect    MountOp = iota + 1 // bring the storage to this host and prepare the volumes
	MountDisconnect                    // take it away again
	MountReconnect                     // it fails: look whether it is still there, and connect again what is not
)

// String returns the operation's name.
func (o MountOp) String() string {
	switch o {
	case MountConnect:
		return "connect"
	case MountDisconnect:
		return "disconnect"
	case MountReconnect:
		return "reconnect"
	}
	return fmt.Sprintf("mount operation %d", uint8(o))
}

// Ready is what a connect found: where this host has the volumes. Empty paths are volumes that are not configured.
type Ready struct {
	Whiteboard    string
	Lockspace     string
	Configuration string // the archive of shared configuration files
	Domain        string // what the domain monitor reads
	DomainIDs     string // the storage domain's own lockspace
	Sector        int    // 512 or 4096 bytes; 0 = not known
}

// States of the storage, as Mount.State has them.
//
//	unconfigured
//	connecting --> connected <--> failing
//	     ^  \          |             |
//	     |   failing   +-- disconnecting --> disconnected --> connecting
const (
	StorageUnconfigured  = "unconfigured"  // nothing to connect
	StorageConnecting    = "connecting"    // the first attempt is under way
	StorageConnected     = "connected"     // connected, and not known to fail
	StorageFailing       = "failing"       // an attempt failed, or reads or writes do; tried again with pauses
	StorageDisconnecting = "disconnecting" // on command: writing what is pending, leaving the lockspace, taking it away
	StorageDisconnected  = "disconnected"  // on command
)

// Mount is what a snapshot says about the connection to storage.
type Mount struct {
	State    string     // one of the Storage constants
	Since    clock.Mono // when State began
	Detail   string     // why, for people
	Ready    Ready      // the zero value while nothing is connected
	Failures int        // attempts to connect in a row that failed or did not help
}

// ConnectWanted is connect_storage. The Reply comes when the storage is connected, or at Until.
type ConnectWanted struct {
	Token Token
	Until clock.Mono // 0 or past: at once
}

// DisconnectWanted is disconnect_storage: write what is pending, leave the lockspace, stop the domain monitor, all
// bounded, then take the storage away. It is given up, and everything is as before, if a process uses the lockspace. The
// Reply comes when the storage is disconnected, when that is given up, or at Until.
type DisconnectWanted struct {
	Token Token
	Until clock.Mono // 0 or past: at once
}

// MountDone is the end of the operation that StartMount began.
type MountDone struct {
	Op             MountOp
	Ready          Ready // MountConnect and MountReconnect without error only
	Err            error
	Started, Ended clock.Mono
}

// StartMount starts an operation on the mount lane, which is idle. MountDone ends it.
type StartMount struct{ Op MountOp }

// StorageChanged says that the state of the storage changed.
type StorageChanged struct {
	State  string // one of the Storage constants
	Detail string
}

func (ConnectWanted) event()    {}
func (DisconnectWanted) event() {}
func (MountDone) event()        {}
func (StartMount) effect()      {}
func (StorageChanged) effect()  {}
