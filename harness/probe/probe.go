package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/xmlrpc"
)

// Fixed times of the probe.
const (
	Window    = 200 * time.Millisecond // of RPC and InFlight lines
	spacing   = 400 * time.Microsecond // between the starts of two methods' turns; more than a call takes
	lookEvery = 100 * time.Millisecond // at the processes
	selfEvery = time.Second
	unseen    = 10 * time.Second // after which a thread is forgotten
)

// Options say whom to probe.
type Options struct {
	Socket  string        // the broker's
	PIDs    string        // directory with broker.pid and agent.pid
	HostID  int           // of the own host, 1..2000
	SDUUID  string        // storage domain, as the agent passes it to the storage-domain submonitor
	Replay  bool          // put_stats repeats the own record; see the package
	Rate    float64       // calls per second and method, above 0, at most 1000; of some methods a fifth
	Timeout time.Duration // of a call
	Out     io.Writer     // for the lines; one Write each
}

func (o Options) check() error {
	switch {
	case o.Socket == "":
		return errors.New("probe: no broker socket given")
	case o.HostID < 1 || o.HostID > 2000:
		return fmt.Errorf("probe: host id %d is outside 1..2000", o.HostID)
	case !(o.Rate > 0 && o.Rate <= 1000):
		return fmt.Errorf("probe: rate %g is outside 0..1000 calls a second", o.Rate)
	case o.Timeout <= 0:
		return fmt.Errorf("probe: timeout %s is not positive", o.Timeout)
	case o.Out == nil:
		return errors.New("probe: no output given")
	}
	return nil
}

// Run probes until ctx ends, and then returns nil. It goes on when the broker or the
// agent is down, and says so in the lines. The errors are bad options and an
// output that cannot be written.
func Run(ctx context.Context, o Options) error {
	if err := o.check(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out := newWriter(o.Out, func(error) { cancel() })
	k := &knowledge{hostID: o.HostID}
	client := xmlrpc.NewClient(o.Socket, o.Timeout)
	all := methods(o, k)
	period := time.Duration(float64(time.Second) / o.Rate)

	late := &atomic.Int64{}
	windows := make([]*window, len(all))
	var running sync.WaitGroup
	for i, m := range all {
		windows[i] = &window{method: m.name}
		l := &loop{method: m, window: windows[i], client: client, out: out, late: late}
		offset := min(spacing, period/time.Duration(len(all))) * time.Duration(i)
		own := period
		if m.seldom {
			own *= seldomness
		}
		running.Go(func() { l.run(ctx, own, offset) })
	}
	running.Go(func() { lookAtProcesses(ctx, o.PIDs, out) })
	now := clock.Now()
	s := &summary{windows: windows, late: late, out: out, from: now, lastSelf: now, lastCPU: cpuTime()}
	every(ctx, Window, s.drain)
	running.Wait()
	s.drain(clock.Now())
	return out.close()
}

// lookAtProcesses writes a line for each daemon until ctx ends.
func lookAtProcesses(ctx context.Context, pids string, out *writer) {
	p := processes{proc: "/proc", pids: pids}
	every(ctx, lookEvery, func(now clock.Mono) {
		for _, name := range []string{"broker", "agent"} {
			out.write(p.look(name, now))
		}
		p.blocked.forget(now.Add(-unseen))
	})
}

// summary turns the windows into lines.
type summary struct {
	windows []*window
	late    *atomic.Int64
	out     *writer

	from     clock.Mono // at which the window began
	lastSelf clock.Mono
	lastCPU  time.Duration
}

// drain ends the window.
func (s *summary) drain(now clock.Mono) {
	for _, w := range s.windows {
		ended, waiting := w.drain(s.from, now)
		if ended != nil {
			s.out.write(ended)
		}
		if waiting != nil {
			s.out.write(waiting)
		}
	}
	s.from = now
	if now.Sub(s.lastSelf) < selfEvery-slack(selfEvery) {
		return
	}
	cpu := cpuTime()
	s.out.write(Self{
		Head: Head{KindSelf, now.Seconds()}, CPUMS: milliseconds(cpu - s.lastCPU),
		LateMS: milliseconds(time.Duration(s.late.Swap(0))), Dropped: int(s.out.dropped.Load()),
	})
	s.lastSelf, s.lastCPU = now, cpu
}

// every calls f each period until ctx ends.
func every(ctx context.Context, period time.Duration, f func(clock.Mono)) {
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			f(clock.Now())
		}
	}
}

// cpuTime returns the processor time that this process has used.
func cpuTime() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
