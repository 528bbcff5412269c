package shell

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/agent"
)

// ErrNotOrderly is what Run returns when the agent was told to stop and the stopped record could not be handed to the
// broker, or the host id not be given back, within the grace period. Peers then find out by its silence.
var ErrNotOrderly = errors.New("the agent stopped, but the broker did not take the stopped record or did not release the host id")

// Run runs the agent until ctx ends and then stops it in order, for at most shutdown_grace. The engine VM is left as it
// is. The error is nil after an orderly stop, ErrNotOrderly after another, and says what is wrong with the options if
// the agent could not begin.
func Run(ctx context.Context, o Options) error {
	if err := o.Check(); err != nil {
		return err
	}
	if o.Log == nil {
		return errors.New("agent: no log")
	}
	core, err := agent.New(o.settings())
	if err != nil {
		return err
	}
	// The workers outlive ctx: the orderly stop needs them.
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	var workers sync.WaitGroup
	s := &shell{options: o, core: core, events: make(chan agent.Event, 64), workers: &workers}
	s.begin(life)
	orderly := s.loop(life, ctx.Done())
	end()
	waitFor(&workers, o.Config.Timing.ShutdownGrace/10)
	if !orderly {
		return ErrNotOrderly
	}
	return nil
}

// shell is one running agent. Its fields belong to the goroutine of loop.
type shell struct {
	options Options
	core    *agent.Core
	events  chan agent.Event
	workers *sync.WaitGroup

	collectors []chan struct{}
	locker     chan struct{}
	releaser   chan struct{}
	publisher  chan agent.Publish
	notifier   chan agent.Transition
	service    chan string
	engine     *engineWorker
}

// begin starts the workers, which end with life.
func (s *shell) begin(life context.Context) {
	s.collectors = []chan struct{}{
		s.asking(life, s.askView),
		s.asking(life, s.askMonitor(agent.EngineHealth, map[string]any{
			"address": "0", "use_ssl": true, "vm_uuid": s.options.Config.VMID,
		})),
		s.asking(life, s.askMonitor(agent.StorageDomain, map[string]any{"sd_uuid": s.options.Config.SDUUID})),
	}
	if s.options.LocalMaintenanceFile != "" {
		s.collectors = append(s.collectors, s.asking(life, s.askMaintenance))
	}
	s.locker = s.asking(life, s.askLock)
	s.releaser = s.asking(life, s.release)
	s.publisher = make(chan agent.Publish, 1)
	s.work(func() { s.publish(life) })
	s.notifier = make(chan agent.Transition, 16)
	s.work(func() { s.notify(life) })
	s.service = make(chan string, 4)
	s.work(func() { s.tellService(life) })
	s.engine = &engineWorker{shell: s, driver: s.options.Engine}
}

// work runs f as a worker that ends with the shell.
func (s *shell) work(f func()) {
	s.workers.Add(1)
	go func() {
		defer s.workers.Done()
		f()
	}()
}

// asking starts a worker that calls ask each time that something is sent to the channel. One more request can wait while
// it is at work; further ones are the same request.
func (s *shell) asking(life context.Context, ask func(context.Context) agent.Event) chan struct{} {
	requests := make(chan struct{}, 1)
	s.work(func() {
		for {
			select {
			case <-life.Done():
				return
			case <-requests:
				s.happened(life, ask(life))
			}
		}
	})
	return requests
}

// request asks a worker without waiting for it.
func request(worker chan struct{}) {
	select {
	case worker <- struct{}{}:
	default:
	}
}

// happened queues an event for the core. Workers call it; they end with the shell even if nobody takes it.
func (s *shell) happened(life context.Context, e agent.Event) {
	select {
	case s.events <- e:
	case <-life.Done():
	}
}

// call returns the context of one call to the broker.
func (s *shell) call(life context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(life, s.options.Config.Timing.RPCTimeout)
}

// loop owns the core until it quits, which it does after asked is closed. It returns whether the stop was orderly.
func (s *shell) loop(life context.Context, asked <-chan struct{}) (orderly bool) {
	ticker := time.NewTicker(s.options.Config.Timing.Tick)
	defer ticker.Stop()
	s.tell("READY=1")
	var overdue <-chan time.Time
	for {
		var e agent.Event
		select {
		case e = <-s.events:
		case <-ticker.C:
			e = agent.Tick{BootSeconds: s.options.Clock.BootSeconds(), Wall: s.options.Clock.Wall()}
		case <-asked:
			asked = nil
			s.tell("STOPPING=1")
			overdue = time.After(s.options.Config.Timing.ShutdownGrace)
			e = agent.Stop{}
		case <-overdue:
			return false
		}
		for _, effect := range s.core.Step(s.options.Clock.Now(), e) {
			if quit, over := effect.(agent.Quit); over {
				s.options.Log.Info("stopped", "published", quit.Published, "released", quit.Released)
				return quit.Published && quit.Released
			}
			s.carryOut(life, effect)
		}
	}
}

// carryOut hands an effect to its worker. It never blocks.
func (s *shell) carryOut(life context.Context, effect agent.Effect) {
	switch e := effect.(type) {
	case agent.Collect:
		for _, collector := range s.collectors {
			request(collector)
		}
		if e.Lock {
			request(s.locker)
		}
	case agent.Publish:
		latest(s.publisher, e)
	case agent.StartEngine:
		s.engine.start(life, e.ID)
	case agent.StopEngine:
		s.engine.stop(life, e.ID, e.Force)
	case agent.Transition:
		s.options.Log.Info("transition", "from", e.From, "to", e.To, "reason", e.Reason)
		select {
		case s.notifier <- e:
		default:
			s.options.Log.Warn("notification dropped: the broker takes none", "detail", e.Detail())
		}
	case agent.Report:
		s.report(life, e)
	case agent.Release:
		request(s.releaser)
	}
}

func (s *shell) report(life context.Context, r agent.Report) {
	s.options.Log.LogAttrs(life, slog.LevelInfo, "turn",
		slog.String("state", string(r.State)), slog.String("previous", string(r.Previous)), slog.Int("score", r.Score),
		slog.Float64("delay_s", r.Delay.Seconds()), slog.Float64("view_age_s", secondsOrNone(r.ViewAge)), slog.String("lease", r.Lease),
		slog.Float64("put_ms", millisecondsOrNone(r.PutTook)), slog.String("engine_vm", r.Engine.VM),
		slog.String("engine_health", r.Engine.Health), slog.String("reason", r.Reason))
	s.tell("WATCHDOG=1\nSTATUS=" + string(r.State) + ": " + r.Reason)
}

// waitFor waits until all workers have ended, for at most limit: one that is stuck is left behind.
func waitFor(workers *sync.WaitGroup, limit time.Duration) {
	ended := make(chan struct{})
	go func() {
		workers.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(limit):
	}
}
