package shell

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/broker"
	"github.com/holdfast-ha/holdfast/daemons/broker/shell/door"
	"github.com/holdfast-ha/holdfast/daemons/brokerlink"
	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/health"
	"github.com/holdfast-ha/holdfast/daemons/lease"
	"github.com/holdfast-ha/holdfast/daemons/monitor"
	"github.com/holdfast-ha/holdfast/daemons/notify"
	"github.com/holdfast-ha/holdfast/daemons/ops"
	"github.com/holdfast-ha/holdfast/daemons/ovf"
	"github.com/holdfast-ha/holdfast/daemons/storage"
	"github.com/holdfast-ha/holdfast/daemons/xmlrpc"
)

// shell is a running broker.
type shell struct {
	Options
	started   clock.Mono
	inbox     *inbox
	calls     *calls
	core      broker.Core     // for the goroutine of loop only
	observer  observer        // for the goroutine of loop only
	stopped   *broker.Stopped // set when the core has ended; for the goroutine of loop only
	attendant *attendant

	snapshot  atomic.Pointer[broker.Snapshot]
	volumes   atomic.Pointer[storage.Volumes] // as last connected; nil before
	changed   bell                            // rings with every snapshot
	encodings encodings
	keepers   sync.WaitGroup
	cool      context.CancelFunc // ends the keepers

	storage  *storageLanes
	lease    *leaseLane
	mount    *mountLane
	domain   *domainLane
	room     *ovf.Room
	courier  *notify.Courier
	monitors *monitor.Set
	guests   door.Guests
	metrics  Metrics // nil: none
	server   *xmlrpc.Server
	ops      *ops.Server
}

// Run serves until ctx ends, or until its socket is lost, then ends in order within shutdown_grace. The error is nil, or
// matches ErrGaveUp, ErrNoListener or both, or says why the broker could not begin.
func Run(ctx context.Context, options Options) error {
	s, err := assemble(ctx, options)
	if err != nil {
		return err
	}
	defer s.dismantle(ctx)
	doors, err := s.openDoors(ctx)
	if err != nil {
		return err
	}
	// The first snapshot is there before the first client.
	s.step(broker.Tick{})
	s.attendant = newAttendant(options, doors.broker, s.statusLine)
	defer func() { s.attendant.stop(share(options.Config.Timing.ShutdownGrace, farewellShare)) }()
	doors.serve(ctx, s)
	s.Log.Info("serving", "socket", doors.broker.Path(), "ops_socket", doors.ops.Path(), "host_id", options.Config.HostID)
	s.attendant.say("READY=1")
	if options.Serving != nil {
		options.Serving(doors.broker.Path())
	}
	loopErr := s.loop(ctx, doors)
	s.calls.end()
	return errors.Join(loopErr, s.hangUp(ctx, doors))
}

// assemble makes everything but the sockets.
func assemble(ctx context.Context, options Options) (*shell, error) {
	if options.Log == nil || options.VM == nil {
		return nil, errors.New("broker: options Log and VM are required")
	}
	cfg, t := options.Config, options.Config.Timing
	in := newInbox()
	s := &shell{Options: options, started: clock.Now(), inbox: in, calls: newCalls(in), observer: observer{told: map[health.Code]string{}}}
	note := func(text string) { s.Log.Warn("storage", "detail", text) }
	driver, must, missing, bad := newDriver(options, note)
	s.observer.badConfig = bad
	core, err := broker.NewCore(settings(options, must, missing), s.started)
	if err != nil {
		return nil, err
	}
	s.core = core
	if _, err := livelinessOf(cfg); err != nil {
		return nil, err
	}
	if s.Sanlock == nil {
		s.Sanlock = lease.Client{Socket: cfg.SanlockSocket, Timeout: t.LeaseTimeout}
	}
	var remarks []string
	s.guests, remarks = door.NewGuests(cfg.AllowUsers)
	s.remark(remarks)

	s.room = newRoom(cfg)
	if s.monitors, err = newMonitors(s); err != nil {
		s.room.Close()
		return nil, err
	}
	s.storage = newStorageLanes(s.Storage, cfg.HostID, in)
	s.storage.use(cfg.WhiteboardPath)
	s.lease = newLeaseLane(ctx, s.Sanlock, cfg, in)
	s.lease.use(cfg.LockspacePath, cfg.SectorSize)
	s.mount = newMountLane(ctx, driver, mountLimit(cfg), in)
	s.domain = newDomainLane(ctx, newDomainMonitor(s), t.DomainWait, in)
	s.courier = newCourier(s)
	if options.Metrics != nil {
		s.metrics = options.Metrics(source{s})
	}
	s.ops = s.newOps()       //nolint:contextcheck // the servers have contexts of their own, which Shutdown ends
	s.server = s.newServer() //nolint:contextcheck // as above
	warm, cool := context.WithCancel(context.WithoutCancel(ctx))
	s.cool = cool
	s.keepers.Go(func() { s.encodings.keepWarm(warm, &s.changed, s.snapshot.Load) })
	s.keepers.Go(func() { s.keepArchive(warm) })
	return s, nil
}

// remark logs what could not be had and hinders nothing.
func (s *shell) remark(remarks []string) {
	for _, text := range remarks {
		s.Log.Info("configuration", "detail", text)
	}
}

// loop owns the core until it has ended.
func (s *shell) loop(ctx context.Context, doors *doors) error {
	ticker := time.NewTicker(s.Config.Timing.Tick)
	defer ticker.Stop()
	stop := ctx.Done()
	served, gone := doors.served, s.attendant.lost
	var lost error
	end := func(why string) {
		s.Log.Info("stopping", "grace", s.Config.Timing.ShutdownGrace.String(), "why", why)
		s.attendant.say("STOPPING=1")
		s.step(broker.Stop{})
		stop, served, gone = nil, nil, nil
	}
	for s.stopped == nil {
		select {
		case <-s.inbox.ready:
			for _, ev := range s.inbox.drain() {
				s.step(ev)
			}
		case <-ticker.C:
			s.observe()
			s.step(broker.Tick{Others: s.others()})
		case <-stop:
			end("asked to")
		case err := <-served:
			lost = fmt.Errorf("%w: %w", ErrNoListener, err)
			end(lost.Error())
		case err := <-gone: // the socket comes back with the restart
			lost = fmt.Errorf("%w: %w", ErrNoListener, err)
			end(lost.Error())
		}
		s.attendant.turn()
	}
	if s.stopped.Clean {
		s.Log.Info("stopped", "detail", s.stopped.Detail)
		return lost
	}
	return errors.Join(lost, fmt.Errorf("%w: %s", ErrGaveUp, s.stopped.Detail))
}

// step feeds the core one event and carries out what follows.
func (s *shell) step(ev broker.Event) {
	if done, ok := ev.(mounted); ok {
		s.attach(done)
		ev = done.MountDone
	}
	for _, effect := range s.core.Step(clock.Now(), ev) {
		s.carryOut(effect)
	}
}

// attach tells the lanes where the volumes are, before the core lets them be used.
func (s *shell) attach(done mounted) {
	if done.Err != nil {
		return
	}
	v := done.volumes
	s.volumes.Store(&v)
	if done.Op == broker.MountDisconnect {
		s.room.Attach(ovf.Sources{})
		return
	}
	s.storage.use(v.Whiteboard)
	s.lease.use(v.Lockspace, v.Sector)
	s.room.Attach(s.sourcesOf(v))
}

// carryOut does one effect. None of them blocks.
func (s *shell) carryOut(effect broker.Effect) {
	now := clock.Now()
	switch e := effect.(type) {
	case broker.StartWrite:
		if !s.storage.write(e) {
			s.inbox.push(broker.WriteDone{Segment: e.Segment, Err: errLaneBusy, Started: now, Ended: now})
		}
	case broker.StartRead:
		if !s.storage.read(e.Full) {
			s.inbox.push(broker.ReadDone{Err: errLaneBusy})
		}
	case broker.StartLease:
		if !s.lease.run(e.Op) {
			s.inbox.push(broker.LeaseObserved{Op: e.Op, Err: errLaneBusy, Started: now, Ended: now})
		}
	case broker.StartMount:
		if !s.mount.run(e.Op) {
			s.inbox.push(broker.MountDone{Op: e.Op, Err: errLaneBusy, Started: now, Ended: now})
		}
	case broker.StartDomain:
		if !s.domain.run(e) {
			s.inbox.push(broker.DomainDone{Op: e.Op, Err: errLaneBusy, Started: now, Ended: now})
		}
	case broker.Publish:
		s.snapshot.Store(e.Snapshot)
		s.changed.ring()
	case broker.Reply:
		s.calls.answer(e)
	case broker.Stopped:
		s.stopped = &e
	default:
		s.tell(effect)
	}
}

// errLaneBusy cannot happen while core and lanes agree about what is in flight.
var errLaneBusy = errors.New("the lane is busy or closed")

// tell writes what operators and the log's readers want to know.
func (s *shell) tell(effect broker.Effect) {
	switch e := effect.(type) {
	case broker.RaiseWarning:
		s.Log.Warn("warning raised", "code", string(e.Warning.Code), "detail", e.Warning.Detail, "remedy", e.Warning.Remedy)
	case broker.ClearWarning:
		s.Log.Info("warning cleared", "code", string(e.Warning.Code), "detail", e.Warning.Detail)
	case broker.LaneStalled:
		s.Log.Warn("lane stalled", "lane", e.Lane, "op", e.Op, "segment", e.Segment, "blocked_s", e.For.Seconds())
	case broker.LaneRecovered:
		s.Log.Info("lane recovered", "lane", e.Lane, "op", e.Op, "segment", e.Segment, "blocked_s", e.For.Seconds())
	case broker.LeaseChanged:
		s.Log.Info("lease", "state", e.State.String(), "detail", e.Detail)
	case broker.StorageChanged:
		s.Log.Info("storage", "state", e.State, "detail", e.Detail)
	case broker.DomainChanged:
		s.Log.Info("storage domain", "state", e.State, "detail", e.Detail)
	}
}

// dismantle ends what assemble began. A lane that is stuck is abandoned: it is the only goroutine that may be.
func (s *shell) dismantle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), share(s.Config.Timing.ShutdownGrace, dismantleShare))
	defer cancel()
	s.cool()
	s.keepers.Wait()
	if err := s.monitors.Close(ctx); err != nil {
		s.Log.Warn("submonitors abandoned", "error", err.Error())
	}
	s.courier.Close()
	s.storage.writer.Close()
	s.storage.reader.Close()
	s.lease.Close()
	s.mount.Close()
	s.domain.Close()
	s.room.Close()
}

var _ ops.Source = source{}

// source is the broker as the operations API sees it.
type source struct{ s *shell }

func (o source) Status() brokerlink.Status { return o.s.status() }
func (o source) View() brokerlink.View     { return o.s.wholeView() }
func (o source) Lanes() brokerlink.Lanes   { return o.s.laneViews() }
func (o source) Health() brokerlink.Health { return o.s.health() }
func (o source) Changed() <-chan struct{}  { return o.s.changed.heard() }
func (o source) Clients() int              { return o.s.server.Stats().Clients }
