package notify

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/lane"
)

// LaneName is the name of the courier's lane and of its thread.
const LaneName = "ha-notify"

// defaultReload is how often the files are read again.
const defaultReload = 10 * time.Second

// Settings say where the rules are and how to try.
type Settings struct {
	// BrokerConf is the path of the local broker.conf; "" or a file that is not there means that nothing is sent.
	BrokerConf string
	// TemplateDir has a file EVENT.txt for each event that has a rule. Both are on a local file system.
	TemplateDir string
	// HostName is what this host calls itself towards mail servers.
	HostName string
	// Limits are how it tries.
	Limits Limits
	// Reload is how often the files are read again; default 10 s.
	Reload time.Duration
}

// Report tells what became of a notice, for the log.
type Report struct {
	Verdict Verdict
	Notice  Notice // its zero value if the report is about the files
	Err     error  // nil if all is well
}

// Courier sends notices. Its methods may be called from any goroutine and never block.
type Courier struct {
	settings Settings
	clk      clock.Clock
	report   func(Report)
	lane     *lane.Lane
	current  atomic.Pointer[texts]
	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	bell     chan struct{} // capacity 1: something has happened
	ended    chan struct{} // closed when run has returned

	mu        sync.Mutex
	queue     *Queue        // guarded by mu
	busy      bool          // the lane has a request of ours; guarded by mu
	reloadAt  clock.Mono    // guarded by mu
	files     string        // what is wrong with the files; guarded by mu
	filesAt   clock.Mono    // since when; guarded by mu
	number    uint64        // of the newest notice; guarded by mu
	afterward func() Report // what the lane's request leaves to do; the lane's until it is done
}

// New reads the files and returns a courier that sends. report, if not nil, hears what becomes of notices, from the
// courier's threads or from Offer's caller; it must not block.
func New(settings Settings, clk clock.Clock, report func(Report)) *Courier {
	if settings.Reload <= 0 {
		settings.Reload = defaultReload
	}
	if report == nil {
		report = func(Report) {}
	}
	c := &Courier{
		settings: settings, clk: clk, report: report,
		bell: make(chan struct{}, 1), ended: make(chan struct{}), queue: NewQueue(settings.Limits),
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.current.Store(&texts{})
	c.reload()
	c.lane = lane.New(LaneName, c.done)
	go c.run()
	return c
}

// Offer queues a notice and says whether it did: a rule asks for it, a mail can be made of it, and there is room. It
// decides from memory.
func (c *Courier) Offer(event, detail string, fields map[string]string) (queued bool) {
	t := c.current.Load()
	if !t.config.Wants(event, detail) || c.ctx.Err() != nil {
		return false
	}
	wall := c.clk.Wall()
	n := Notice{Event: event, Detail: detail, Fields: maps.Clone(fields), When: wall, HostName: c.settings.HostName}
	if err := c.mailable(t, n); err != nil {
		c.report(Report{Verdict: Refused, Notice: n, Err: err})
		return false
	}
	c.mu.Lock()
	c.number++
	n.ID = strconv.FormatInt(wall.UnixNano(), 36) + "." + strconv.FormatUint(c.number, 36)
	queued = c.queue.Add(n)
	c.mu.Unlock()
	if !queued {
		c.report(Report{Verdict: Dropped, Notice: n, Err: fmt.Errorf("%d notices wait already", c.settings.Limits.Length)})
		return false
	}
	c.ring()
	return true
}

// mailable says whether a mail can be made of a notice.
func (c *Courier) mailable(t *texts, n Notice) error {
	if err := n.check(); err != nil {
		return err
	}
	template, ok := t.templates[n.Event]
	if !ok {
		return fmt.Errorf("there is no good template %s.txt", n.Event)
	}
	_, err := Message(template, t.config, n)
	return err
}

// State tells how the courier fares.
func (c *Courier) State() State {
	now := c.clk.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.queue.State(now)
	if c.files != "" {
		s.Problem, s.Since = c.files, c.filesAt
	}
	return s
}

// Lane tells what the lane is doing.
func (c *Courier) Lane() lane.State { return c.lane.State() }

// Close ends the courier. What is being sent is broken off; what waits is lost. It does not wait for the lane.
func (c *Courier) Close() {
	c.cancel()
	<-c.ended
	c.lane.Close()
}

// Ended is closed when the lane's thread has ended, some time after Close.
func (c *Courier) Ended() <-chan struct{} { return c.lane.Ended() }

func (c *Courier) ring() {
	select {
	case c.bell <- struct{}{}:
	default:
	}
}

// run gives the lane its requests.
func (c *Courier) run() {
	defer close(c.ended)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-c.bell:
		case <-timer.C:
		}
		timer.Reset(c.turn())
	}
}

// turn starts what is due and returns when to come again at the latest.
func (c *Courier) turn() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy {
		return c.settings.Reload // done rings
	}
	now := c.clk.Now()
	try, ok, at := c.queue.Next(now)
	switch {
	case ok:
		c.start(func() error {
			outcome := c.attempt(try)
			c.afterward = func() Report { return c.settle(outcome) }
			return outcome.Err
		})
		return c.settings.Reload
	case now >= c.reloadAt:
		c.start(func() error { c.reload(); return nil })
		return c.settings.Reload
	}
	next := c.reloadAt
	if at != 0 {
		next = min(next, at)
	}
	return max(next.Sub(now), time.Millisecond)
}

// start hands the lane a request. The caller holds mu, and the lane is idle.
func (c *Courier) start(run func() error) {
	c.busy = c.lane.Start(lane.Request{Op: lane.OpOther, Segment: lane.NoSegment, Run: run})
}

// done takes in that the lane's request has ended.
func (c *Courier) done(lane.Done) {
	afterward := c.afterward
	c.afterward = nil
	c.mu.Lock()
	c.busy = false
	var r Report
	if afterward != nil {
		r = afterward()
	}
	c.mu.Unlock()
	if afterward != nil {
		c.report(r)
	}
	c.ring()
}

// settle tells the queue what came of the attempt. The caller holds mu.
func (c *Courier) settle(o Outcome) Report {
	n, verdict, err := c.queue.Done(c.clk.Now(), o)
	return Report{Verdict: verdict, Notice: n, Err: err}
}

// reload reads the files.
func (c *Courier) reload() {
	t, err := load(c.settings.BrokerConf, c.settings.TemplateDir, c.current.Load())
	c.current.Store(t)
	problem := ""
	if err != nil {
		problem = err.Error()
	}
	now := c.clk.Now()
	c.mu.Lock()
	isNews := problem != c.files
	if isNews {
		c.files, c.filesAt = problem, now
	}
	c.reloadAt = now.Add(c.settings.Reload)
	c.mu.Unlock()
	if isNews && err != nil {
		c.report(Report{Verdict: Unreadable, Err: err})
	}
}

// attempt makes one attempt with what the files say now.
func (c *Courier) attempt(try Try) Outcome {
	c.reload()
	t := c.current.Load()
	template, ok := t.templates[try.Notice.Event]
	if !ok || t.config.Server == "" {
		return Outcome{Err: fmt.Errorf("broker.conf or the template of %s is gone since", try.Notice.Event)}
	}
	message, err := Message(template, t.config, try.Notice)
	if err != nil {
		return Outcome{Err: err}
	}
	to := missing(t.config.To, try.Settled)
	if len(to) == 0 { // the others were taken off the list since
		return Outcome{Reached: true}
	}
	return deliver(c.ctx, letter{
		server: t.config.Server, port: t.config.Port, step: t.config.Timeout,
		hello: domainOf(try.Notice.HostName), from: t.config.From, to: to, data: message,
	})
}
