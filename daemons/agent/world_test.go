package agent

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/config"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
)

// world is a cluster in virtual time: real cores, a whiteboard, and one lease for the engine VM. Nothing in it waits.
type world struct {
	t       *testing.T
	now     clock.Mono
	timing  config.Timing
	storage map[int]whiteboard.Segment
	outage  bool // storage answers nobody
	hosts   []*host
	// owner is the host that holds the engine VM's lease, 0 none. It is free at freeAt after its holder has vanished.
	owner  int
	freeAt clock.Mono
	events []string
	starts map[int]int
	turns  map[int]int
}

// host is one host of the world: a core, what its broker knows, and its engine VM.
type host struct {
	id      int
	world   *world
	core    *Core
	off     bool // powered off
	noAgent bool
	down    bool // its broker does not answer
	blind   bool // its broker's reader hangs
	mute    bool // its broker's writer hangs
	failing bool // its driver cannot start the engine VM
	noLease bool
	domain  string // result of storage-domain
	local   bool

	readAt    clock.Mono
	nextRead  clock.Mono
	nextPoll  clock.Mono
	read      map[int]whiteboard.Segment
	own       *whiteboard.Segment
	durableAt clock.Mono
	health    string
	engine    string // "", starting, up, bad, down (lease conflict)
	changed   clock.Mono
	wasUp     bool
	pending   []Event
	states    []State
	published []whiteboard.Record
	alive     []int
	reports   []Report
	quit      *Quit
}

const (
	bootTime   = 15 * time.Second
	leaseTime  = 140 * time.Second
	worldStart = clock.Mono(1000 * time.Second)
)

func newWorld(t *testing.T, hosts int) *world {
	w := &world{t: t, now: worldStart, timing: testTiming(), storage: map[int]whiteboard.Segment{}, starts: map[int]int{}, turns: map[int]int{}}
	for id := 1; id <= hosts; id++ {
		h := &host{id: id, world: w, domain: "True", health: "None"}
		// Brokers do not read at the same moment.
		h.nextRead = w.now.Add(time.Duration(id) * 1700 * time.Millisecond)
		h.nextPoll = w.now.Add(time.Duration(id) * 900 * time.Millisecond)
		w.hosts = append(w.hosts, h)
		h.startAgent()
	}
	return w
}

func (h *host) startAgent() {
	core, err := New(Settings{
		HostID: h.id, HostName: fmt.Sprintf("host%d", h.id), Timing: h.world.timing, Score: config.Default().Score, HasDriver: true,
	})
	require.NoError(h.world.t, err)
	h.core, h.noAgent, h.quit, h.pending = core, false, nil, nil
}

// run lets time pass.
func (w *world) run(d time.Duration) {
	for end := w.now.Add(d); w.now < end; w.now = w.now.Add(w.timing.Tick) {
		if w.owner != 0 && w.freeAt != 0 && w.now >= w.freeAt {
			w.owner, w.freeAt = 0, 0
		}
		for _, h := range w.hosts {
			if !h.off {
				h.tick()
			}
		}
	}
}

// until lets time pass until cond holds and returns how long that took; it fails after limit.
func (w *world) until(what string, limit time.Duration, cond func() bool) time.Duration {
	w.t.Helper()
	began := w.now
	for !cond() {
		if w.now.Sub(began) > limit {
			w.t.Fatalf("not within %s: %s\n%s", limit, what, w.describe())
		}
		w.run(w.timing.Tick)
	}
	return w.now.Sub(began)
}

func (w *world) describe() string {
	text := fmt.Sprintf("engine lease: host %d\n", w.owner)
	for _, h := range w.hosts {
		reason := ""
		if len(h.reports) > 0 {
			reason = h.reports[len(h.reports)-1].Reason
		}
		text += fmt.Sprintf("host %d: %s score %d engine %q: %s\n", h.id, h.core.State(), h.core.Score(), h.engine, reason)
	}
	return text + fmt.Sprint(w.events)
}

// running returns the hosts whose engine VM runs.
func (w *world) running() []int {
	var ids []int
	for _, h := range w.hosts {
		if !h.off && (h.engine == "up" || h.engine == "starting" || h.engine == "bad") {
			ids = append(ids, h.id)
		}
	}
	return ids
}

func (w *world) powerOff(id int) {
	h := w.hosts[id-1]
	h.off, h.engine = true, ""
	if w.owner == id {
		w.freeAt = w.now.Add(leaseTime)
	}
}

func (w *world) setGlobalMaintenance(on bool) {
	w.storage[0] = whiteboard.EncodeGlobal(whiteboard.Global{Maintenance: on})
}

func (h *host) tick() {
	w := h.world
	if h.engine == "starting" && w.now.Sub(h.changed) > bootTime {
		h.engine = "up"
	}
	if w.now >= h.nextRead && !h.blind && !w.outage {
		h.nextRead, h.readAt = w.now.Add(w.timing.StorageDelay), w.now
		h.read = map[int]whiteboard.Segment{}
		for id, segment := range w.storage {
			h.read[id] = segment
		}
	}
	if h.own != nil && !h.mute && !w.outage && !h.noLease {
		if w.storage[h.id] != *h.own {
			w.storage[h.id], h.durableAt = *h.own, w.now
		}
	}
	if w.now >= h.nextPoll {
		h.nextPoll = w.now.Add(w.timing.MonitorInterval)
		h.poll()
	}
	if h.noAgent {
		return
	}
	pending := h.pending
	h.pending = nil
	for _, e := range pending {
		h.step(e)
	}
	h.step(Tick{BootSeconds: int64(w.now.Seconds()), Wall: time.Unix(1700000000, 0).Add(time.Duration(w.now))})
}

// poll is the engine-health submonitor.
func (h *host) poll() {
	status := whiteboard.EngineStatus{VM: "down", Health: "bad", Detail: "unknown", Reason: "vm not running on this host"}
	switch h.engine {
	case "starting":
		status = whiteboard.EngineStatus{VM: "up", Health: "bad", Detail: "Powering up", Reason: "bad vm status"}
	case "up":
		status = whiteboard.EngineStatus{VM: "up", Health: "good", Detail: "Up"}
	case "bad":
		status = whiteboard.EngineStatus{VM: "up", Health: "bad", Detail: "Up", Reason: "failed liveliness check"}
	case "down":
		status.Detail = "Down"
		status.Reason = "Storage of VM is locked. Is another host already starting the VM?"
	case "":
		if h.wasUp {
			status.VM = "down_missing"
		}
	}
	h.wasUp = status.VM == "up" || (h.wasUp && h.engine == "")
	h.health = status.JSON()
}

func (h *host) step(e Event) {
	if h.noAgent || h.off {
		return
	}
	for _, effect := range h.core.Step(h.world.now, e) {
		h.carryOut(effect)
	}
}

func (h *host) later(e Event) { h.pending = append(h.pending, e) }

func (h *host) carryOut(effect Effect) {
	w := h.world
	switch e := effect.(type) {
	case Collect:
		h.collect(e)
	case Publish:
		if h.down {
			h.later(Published{Serial: e.Serial, Failure: "broker down"})
			return
		}
		segment := e.Segment
		h.own = &segment
		record, err := whiteboard.Decode(h.id, segment[:])
		require.NoError(w.t, err, "host %d published a record that cannot be read", h.id)
		require.Equal(w.t, h.id, e.HostID)
		require.Equal(w.t, h.id, e.Alive[0])
		h.published, h.alive = append(h.published, record), e.Alive
		h.later(Published{Serial: e.Serial, Took: time.Millisecond})
	case StartEngine:
		w.starts[h.id]++
		w.note("start on host %d", h.id)
		h.start(e.ID)
	case StopEngine:
		w.note("stop on host %d force %t", h.id, e.Force)
		if h.engine != "" && h.engine != "down" && w.owner == h.id {
			w.owner = 0
		}
		h.engine = ""
		h.later(ActionDone{ID: e.ID})
	case Transition:
		w.note("host %d %s", h.id, e.Detail())
		h.states = append(h.states, e.To)
	case Report:
		w.turns[h.id]++
		h.reports = append(h.reports, e)
	case Release:
		h.later(Released{Accepted: true})
	case Quit:
		h.quit, h.noAgent = &e, true
	}
}

func (h *host) start(id uint64) {
	w := h.world
	switch {
	case h.failing:
		h.later(ActionDone{ID: id, Failure: "no such program"})
		return
	case w.owner == 0:
		w.owner, h.engine, h.changed = h.id, "starting", w.now
	default:
		h.engine, h.changed = "down", w.now
	}
	h.later(ActionDone{ID: id})
}

func (h *host) collect(c Collect) {
	now := h.world.now
	if h.down {
		h.later(ViewAnswer{Sent: now, Failure: "broker down"})
		h.later(MonitorAnswer{Monitor: EngineHealth, Sent: now, Failure: "broker down"})
		h.later(MonitorAnswer{Monitor: StorageDomain, Sent: now, Failure: "broker down"})
		return
	}
	if c.Lock {
		h.later(LockAnswer{Held: !h.noLease})
	}
	h.later(ViewAnswer{Sent: now, View: h.view()})
	h.later(MonitorAnswer{Monitor: EngineHealth, Sent: now, Text: h.health})
	h.later(MonitorAnswer{Monitor: StorageDomain, Sent: now, Text: h.domain})
	h.later(MaintenanceAnswer{Local: h.local})
}

func (h *host) view() View {
	now := h.world.now
	v := View{Made: now, ReadAge: -1, Lease: Lease{State: LeaseHeld, HostID: h.id, Age: time.Second}}
	if h.noLease {
		v.Lease = Lease{State: "lost", HostID: h.id, Age: -1, Detail: "sanlock is gone"}
	}
	if h.readAt != 0 {
		v.ReadAge = now.Sub(h.readAt)
	}
	ids := []int{}
	for id := range h.read {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		if segment := h.read[id]; id != h.id {
			v.Segments = append(v.Segments, Segment{HostID: id, Data: segment[:]})
		}
	}
	if h.own != nil {
		durable := time.Duration(-1)
		if h.durableAt != 0 {
			durable = now.Sub(h.durableAt)
		}
		v.Segments = append(v.Segments, Segment{HostID: h.id, Data: h.own[:], DurableAge: durable})
	}
	return v
}

func (w *world) note(format string, args ...any) {
	w.events = append(w.events, fmt.Sprintf("%.1f ", w.now.Sub(worldStart).Seconds())+fmt.Sprintf(format, args...)+"\n")
}

// inState tells whether all given hosts are in the state.
func (w *world) inState(state State, ids ...int) func() bool {
	return func() bool {
		for _, id := range ids {
			if w.hosts[id-1].core.State() != state {
				return false
			}
		}
		return true
	}
}

// engineUp brings a healthy cluster to the point where the engine is up on one host and returns that host.
func (w *world) engineUp() *host {
	w.t.Helper()
	w.until("the engine is up somewhere and everybody else watches", 5*time.Minute, func() bool {
		up, watching := 0, 0
		for _, h := range w.hosts {
			switch h.core.State() {
			case EngineUp:
				up++
			case EngineDown:
				watching++
			}
		}
		return up == 1 && watching == len(w.hosts)-1
	})
	return w.hosts[w.owner-1]
}
