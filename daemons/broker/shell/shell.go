package shell

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/broker"
	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/config"
	"github.com/holdfast-ha/holdfast/daemons/lease"
	"github.com/holdfast-ha/holdfast/daemons/monitor"
	"github.com/holdfast-ha/holdfast/daemons/vm"
	"github.com/holdfast-ha/holdfast/daemons/xmlrpc"
)

// Options are what a broker runs with. Config, Log and VM are required.
type Options struct {
	Config config.Config
	Log    *slog.Logger // must not block; package journal's does not
	VM     vm.Driver    // only its Status is used

	Storage Storage              // nil: the volume at Config.WhiteboardPath
	Sanlock Sanlock              // nil: the daemon at Config.SanlockSocket
	Notify  func(string) error   // tells the service manager READY=1 and STOPPING=1; nil: nobody
	Serving func(address string) // called once the socket is there; nil: nobody
}

// Check returns what makes the configuration unusable for a broker, beyond what package config finds; nil if nothing does.
func (o Options) Check() error {
	if err := settings(o).Check(); err != nil {
		return err
	}
	_, err := livelinessOf(o.Config)
	return err
}

// ErrGaveUp is the error of a broker that ended in order and had to leave something undone: a record that storage did
// not take, or a lease that sanlock did not take back.
var ErrGaveUp = errors.New("broker ended, but gave up")

// shell is a running broker.
type shell struct {
	Options
	started clock.Mono
	inbox   *inbox
	calls   *calls
	core    broker.Core // for the goroutine of loop only
	engine  string      // the last problem told to the core; for the goroutine of loop only

	snapshot atomic.Pointer[broker.Snapshot]
	storage  *storageLanes
	lease    *leaseLane
	monitors *monitor.Set
	notices  *notices
	server   *xmlrpc.Server
	stopped  *broker.Stopped // set when the core has ended; for the goroutine of loop only
}

// Run serves until ctx ends, then ends in order within shutdown_grace. The error is nil, or matches ErrGaveUp, or says
// why the broker could not begin.
func Run(ctx context.Context, options Options) error {
	s, err := assemble(ctx, options)
	if err != nil {
		return err
	}
	defer s.dismantle(ctx)
	sock, err := listen(ctx, options.Config.BrokerSocket, options.Config.SocketMode)
	if err != nil {
		return err
	}
	// The first snapshot is there before the first client.
	s.step(broker.Tick{})
	served := make(chan error, 1)
	go func() { served <- s.server.Serve(sock) }()
	s.Log.Info("serving", "socket", options.Config.BrokerSocket, "host_id", options.Config.HostID)
	s.tellManager("READY=1")
	if options.Serving != nil {
		options.Serving(options.Config.BrokerSocket)
	}
	loopErr := s.loop(ctx, served)
	return errors.Join(loopErr, s.hangUp(ctx, sock))
}

// assemble makes everything but the socket.
func assemble(ctx context.Context, options Options) (*shell, error) {
	if options.Log == nil || options.VM == nil {
		return nil, errors.New("broker: options Log and VM are required")
	}
	cfg := options.Config
	s := &shell{Options: options, started: clock.Now(), inbox: newInbox(), calls: newCalls(), notices: newNotices(options.Log)}
	core, err := broker.NewCore(settings(options), s.started)
	if err != nil {
		return nil, err
	}
	s.core = core
	if s.monitors, err = newMonitors(s); err != nil {
		return nil, err
	}
	if s.Storage == nil {
		s.Storage = newVolume(cfg.WhiteboardPath, cfg.HostID)
	}
	if s.Sanlock == nil {
		s.Sanlock = lease.Client{Socket: cfg.SanlockSocket, Timeout: cfg.Timing.LeaseTimeout}
	}
	s.storage = newStorageLanes(s.Storage, cfg.HostID, s.inbox)
	lockspace := lease.Lockspace{Name: cfg.LockspaceName, HostID: uint64(cfg.HostID), Path: cfg.LockspacePath}
	s.lease = newLeaseLane(ctx, s.Sanlock, lockspace, cfg.IOTimeout, cfg.Timing.LeaseTimeout, s.inbox)
	s.server = s.newServer() //nolint:contextcheck // the server has a context of its own, which Shutdown ends
	s.notices.start()
	return s, nil
}

// loop owns the core until it has ended.
func (s *shell) loop(ctx context.Context, served <-chan error) error {
	ticker := time.NewTicker(s.Config.Timing.Tick)
	defer ticker.Stop()
	stop := ctx.Done()
	for s.stopped == nil {
		select {
		case <-s.inbox.ready:
			for _, ev := range s.inbox.drain() {
				s.step(ev)
			}
		case <-ticker.C:
			s.observeEngine()
			s.step(broker.Tick{})
		case <-stop:
			stop = nil
			s.Log.Info("stopping", "grace", s.Config.Timing.ShutdownGrace.String())
			s.tellManager("STOPPING=1")
			s.step(broker.Stop{})
		case err := <-served:
			return err
		}
	}
	if s.stopped.Clean {
		s.Log.Info("stopped", "detail", s.stopped.Detail)
		return nil
	}
	return fmt.Errorf("%w: %s", ErrGaveUp, s.stopped.Detail)
}

// step feeds the core one event and carries out what follows.
func (s *shell) step(ev broker.Event) {
	for _, effect := range s.core.Step(clock.Now(), ev) {
		s.carryOut(effect)
	}
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
	case broker.Publish:
		s.snapshot.Store(e.Snapshot)
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
	}
}

func (s *shell) tellManager(state string) {
	if s.Notify == nil {
		return
	}
	if err := s.Notify(state); err != nil {
		s.Log.Warn("service manager not told", "state", state, "error", err.Error())
	}
}

// hangUp ends the server and takes the socket's name away.
func (s *shell) hangUp(ctx context.Context, sock *socket) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.Config.Timing.ShutdownGrace/10)
	defer cancel()
	removeErr := sock.remove()
	if err := s.server.Shutdown(ctx); err != nil {
		s.Log.Warn("clients cut off", "error", err.Error())
	}
	if removeErr != nil {
		return fmt.Errorf("remove broker_socket: %w", removeErr)
	}
	return nil
}

// dismantle ends what assemble began. A lane that is stuck is abandoned: it is the only goroutine that may be.
func (s *shell) dismantle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.Config.Timing.ShutdownGrace/10)
	defer cancel()
	if err := s.monitors.Close(ctx); err != nil {
		s.Log.Warn("submonitors abandoned", "error", err.Error())
	}
	s.notices.stop()
	s.storage.writer.Close()
	s.storage.reader.Close()
	s.lease.Close()
}
