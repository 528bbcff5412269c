package ovf

import (
	"context"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/lane"
)

// LaneName is the name of the room's lane and of its thread.
const LaneName = "ha-ovf"

// Device reads and writes volumes, directly to and from storage. Both may block for ever; they are called in the lane only. Offsets
// and lengths are multiples of 4096 bytes, but for the read of a description file.
type Device interface {
	// Read returns up to length bytes from offset on; fewer where the volume ends.
	Read(path string, offset int64, length int) ([]byte, error)
	// Write writes data at offset and returns when storage has confirmed it. It never changes the size of the volume.
	Write(path string, offset int64, data []byte) error
}

// Volume is one volume that may be an OVF_STORE, with the description that VDSM keeps for it.
type Volume struct {
	// Path of the volume, ready to be read.
	Path string
	// Description is the text that the engine gave the volume; empty if there is none.
	Description string
}

// Catalog lists the volumes of the storage domain. It is called in the lane, so it may block, but keeps to ctx where it can.
type Catalog interface {
	// Volumes lists those volumes whose description may be that of an OVF_STORE; others may be among them.
	Volumes(ctx context.Context) ([]Volume, error)
	// Prepare makes a listed volume readable and returns the path to read.
	Prepare(ctx context.Context, v Volume) (string, error)
}

// Sources are where the room reads. The zero value means that storage is not connected.
type Sources struct {
	// Configuration is the path of the shared configuration volume; empty if there is none.
	Configuration string
	// Catalog finds the OVF_STOREs; nil if there is none. Paths of Options.StorePaths take precedence.
	Catalog Catalog
}

// Options say what a room works with. Zero values of durations and counts take the defaults given.
type Options struct {
	// VMConf is the path of the vm.conf to keep, on a local file system. Beside it stand vm.conf.fallback, the archive's copy, and
	// vm.conf.origin, which says where it came from.
	VMConf string
	// BrokerConf is the path of the local broker.conf that follows the archive's; empty means that there is none to keep.
	BrokerConf string
	// LockFile serialises this host's writers of archive and vm.conf; default is VMConf with ".lock" appended.
	LockFile string
	// StorePaths are volumes to look for an OVF_STORE in, instead of asking a Catalog. A file PATH.meta beside one holds its description,
	// as VDSM keeps it; without it the volume counts as updated at the time that its info.json tells.
	StorePaths []string
	// Device reads and writes volumes.
	Device Device
	// Clock is the time; default is the machine's.
	Clock clock.Clock
	// LockWait bounds the wait for LockFile; default 10 s.
	LockWait time.Duration
	// CatalogWait is how long the catalog's context lasts; default 30 s.
	CatalogWait time.Duration
	// Queue bounds the writes of the archive that may wait for the lane; default 16.
	Queue int
}

// Room keeps vm.conf and the archive. Its methods may be called from any goroutine.
type Room struct {
	options Options
	lane    *lane.Lane
}

// New returns a room whose lane is up and that is not connected to storage yet.
func New(options Options) *Room {
	r := &Room{options: options}
	r.lane = lane.New(LaneName, func(lane.Done) {})
	return r
}

// Attach tells where to read from now on; the zero Sources that storage is gone. It never blocks.
func (r *Room) Attach(s Sources) {}

// Refresh brings vm.conf and the cached archive up to date from storage: it waits until that is done or ctx has ended. vmUUID is the
// engine VM. Callers that come while a refresh for the same VM waits or runs share it. After an error the last good vm.conf stays; the
// refresh may still be going on in the lane when ctx has ended, and LastSuccess tells if it succeeded in the end.
func (r *Room) Refresh(ctx context.Context, vmUUID string) error { return nil }

// RefreshArchive reads the archive only, as Refresh does beside the rest.
func (r *Room) RefreshArchive(ctx context.Context) error { return nil }

// LastSuccess is when the reading began that vm.conf was last confirmed by; 0 if there was none since this machine started. It survives
// a restart of the broker.
func (r *Room) LastSuccess() clock.Mono { return 0 }

// SharedFile returns a member of the archive from memory, such as "broker.conf", and how old that reading is. If the newest reading
// failed or found a damaged archive, the last good copy comes with an error that says so; data is nil if there never was one.
func (r *Room) SharedFile(name string) (data []byte, age time.Duration, err error) { return nil, 0, nil }

// PutSharedFile replaces hosted-engine.conf or broker.conf in the archive and waits until it is on storage and was read back, or ctx
// has ended. A write that has not begun by then is forgotten; one that has begun may still take effect, and the error says which.
func (r *Room) PutSharedFile(ctx context.Context, name string, data []byte) error { return nil }

// State tells all that is known, from memory.
func (r *Room) State() State { return State{} }

// Lane tells what the lane is doing, from one atomic.
func (r *Room) Lane() lane.State { return r.lane.State() }

// Close refuses further work, answers who waits, and ends the lane as soon as it is idle. It does not wait: a stuck lane is abandoned,
// and if it ever comes back it changes nothing more.
func (r *Room) Close() { r.lane.Close() }

// Ended is closed when the lane's thread has ended; a stuck lane's never is.
func (r *Room) Ended() <-chan struct{} { return r.lane.Ended() }
