package ovf

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/child"
	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/lane"
	"github.com/holdfast-ha/holdfast/daemons/ovf/archive"
)

// LaneName is the name of the room's lane and of its thread.
const LaneName = "ha-ovf"

// Sources are where the room reads. The zero value means that storage is not connected.
type Sources struct {
	// Configuration is the path of the shared configuration volume; empty if there is none.
	Configuration string
	// Catalog finds the OVF_STOREs; nil if there is none. Options.StorePaths take its place.
	Catalog Catalog
	// Connected tells that storage is connected though there is neither of the two; with one of them it need not be set.
	Connected bool
}

func (s Sources) isConnected() bool { return s.Connected || s.Configuration != "" || s.Catalog != nil }

// Options say what a room works with. Zero values of durations and counts take the defaults given.
type Options struct {
	// VMConf is the path of the vm.conf to keep, on a local file system. Beside it stand vm.conf.fallback, the archive's copy, and
	// vm.conf.origin, which says where it came from.
	VMConf string
	// BrokerConf is the path of the local broker.conf that follows the archive's; empty means that there is none to keep.
	BrokerConf string
	// LockFile serialises this host's writers of the archive; default is archive.lock beside VMConf.
	LockFile string
	// StorePaths are volumes to look for an OVF_STORE in, instead of asking a Catalog; see PathCatalog.
	StorePaths []string
	// Device reads and writes volumes; default is DirectDevice{}.
	Device Device
	// Clock is the time; default is the machine's.
	Clock clock.Clock
	// LockWait bounds the wait for a lock on this host; default 10 s.
	LockWait time.Duration
	// CatalogWait is how long the context of one refresh's calls to the catalog lasts; default 30 s.
	CatalogWait time.Duration
	// RescanAfter is for how long known OVF_STOREs are asked themselves before the whole domain is searched again; default 10 min.
	RescanAfter time.Duration
	// Settle is the pause before a damaged archive is read again: another host may just be writing it; default 1 s.
	Settle time.Duration
	// Queue bounds the writes of the archive that may wait for the lane; default 16.
	Queue int
}

func (o *Options) complete() {
	if o.LockFile == "" {
		o.LockFile = filepath.Join(filepath.Dir(o.VMConf), "archive.lock")
	}
	if o.Device == nil {
		o.Device = DirectDevice{}
	}
	if o.Clock == nil {
		o.Clock = clock.System()
	}
	for _, d := range []struct {
		field     *time.Duration
		byDefault time.Duration
	}{{&o.LockWait, 10 * time.Second}, {&o.CatalogWait, 30 * time.Second}, {&o.RescanAfter, 10 * time.Minute}, {&o.Settle, time.Second}} {
		if *d.field <= 0 {
			*d.field = d.byDefault
		}
	}
	if o.Queue <= 0 {
		o.Queue = 16
	}
}

// Errors of a room, found by errors.Is.
var (
	// ErrClosed: the room is closed.
	ErrClosed = errors.New("the broker is ending")
	// ErrDetached: storage is not connected.
	ErrDetached = errors.New("storage is not connected")
	// ErrFull: too many writes of the archive wait already.
	ErrFull = errors.New("too many writes wait for storage already")
	// ErrWithdrawn: nobody waited for the write any more, so it was not done.
	ErrWithdrawn = errors.New("withdrawn before it began; nothing was written")
	// ErrOvertaken: storage was disconnected or connected anew, or a newer read was faster.
	ErrOvertaken = errors.New("overtaken: what was read is not used")
	// ErrForeign: the name is not one of the archive's members, or not one to be written.
	ErrForeign = errors.New("not a member to do that with")
)

// Room keeps vm.conf and the archive. Its methods may be called from any goroutine.
type Room struct {
	options Options
	lane    *lane.Lane
	bootID  string             // of this machine since it was booted
	ctx     context.Context    // ends with Close
	cancel  context.CancelFunc // ends ctx
	ward    child.Ward         // programs that catalogs started and that cannot be killed

	mu       sync.Mutex // never held during I/O
	closed   bool       // guarded by mu
	sources  Sources    // guarded by mu
	attached uint64     // counts Attach; guarded by mu
	queue    []*job     // what waits for the lane; guarded by mu
	running  *job       // what the lane does; guarded by mu
	state    State      // guarded by mu; Age fields are filled in when asked
	origin   origin     // of the vm.conf in place, as far as known; guarded by mu
	cache    cachedArchive

	// Of the lane alone: what it found in the domain, and when it searched.
	known     []Volume
	scanned   clock.Mono
	scannedBy uint64 // the value of attached at that time
}

// cachedArchive is the last good copy; guarded by Room.mu. The map is never changed, only replaced.
type cachedArchive struct {
	files  archive.Files
	readAt clock.Mono
}

// New returns a room whose lane is up and that is not connected to storage yet. It reads local files only.
func New(options Options) *Room {
	options.complete()
	r := &Room{options: options, bootID: bootID()}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.recall()
	r.lane = lane.New(LaneName, r.finished)
	return r
}

// Attach tells where to read from now on; the zero Sources that storage is gone. It never blocks. What the lane is reading from earlier
// sources then is not used.
func (r *Room) Attach(s Sources) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sources = s
	r.attached++
}

// Refresh brings vm.conf and the cached archive up to date from storage: it waits until that is done or ctx has ended. vmUUID is the
// engine VM. Callers that come while a refresh for the same VM waits or runs share it. After an error the last good vm.conf stays. When
// ctx has ended first, the refresh may still go on in the lane, and LastSuccess tells if it succeeded in the end.
func (r *Room) Refresh(ctx context.Context, vmUUID string) error {
	if err := checkVM(vmUUID); err != nil {
		return err
	}
	return r.submit(ctx, &job{kind: refreshJob, vm: vmUUID})
}

// RefreshArchive reads the archive only, as Refresh does beside the rest.
func (r *Room) RefreshArchive(ctx context.Context) error {
	return r.submit(ctx, &job{kind: archiveJob})
}

// checkVM accepts what can be part of a member's name.
func checkVM(id string) error {
	valid := id != "" && len(id) <= 64
	for _, c := range id {
		valid = valid && (c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z')
	}
	if !valid {
		return fmt.Errorf("engine VM %q: want its UUID (check vmid)", id)
	}
	return nil
}

// LastSuccess is when the reading began that vm.conf was last confirmed by; 0 if there was none since this machine was booted. It
// survives a restart of the broker.
func (r *Room) LastSuccess() clock.Mono {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state.LastSuccess
}

// State tells all that is known, from memory.
func (r *Room) State() State {
	now := r.options.Clock.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.state
	s.Remarks = append([]string(nil), s.Remarks...)
	s.Stores = append([]StoreState(nil), s.Stores...)
	s.Age = age(now, s.LastSuccess)
	s.Archive.ReadAt = r.cache.readAt
	s.Archive.Age = age(now, s.Archive.ReadAt)
	return s
}

// age is how long ago at was; -1 if never.
func age(now, at clock.Mono) time.Duration {
	if at == 0 {
		return -1
	}
	return max(now.Sub(at), 0)
}

// Lane tells what the lane is doing, from one atomic.
func (r *Room) Lane() lane.State { return r.lane.State() }

// Close refuses further work, answers who waits, and ends the lane as soon as it is idle. It does not wait: a stuck lane is abandoned,
// and if it ever comes back it changes nothing more.
func (r *Room) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	r.closed = true
	r.cancel()
	for _, j := range r.queue {
		j.end(ErrClosed)
	}
	r.queue = nil
	if r.running != nil {
		r.running.end(ErrClosed)
	}
	r.lane.Close()
}

// Ended is closed when the lane's thread has ended; a stuck lane's never is.
func (r *Room) Ended() <-chan struct{} { return r.lane.Ended() }
