package monitor

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// CPULoadNoEngineType is the type's name in start_monitor.
const CPULoadNoEngineType = "cpu-load-no-engine"

// EngineCPU is what the engine VM uses of this host's processors.
type EngineCPU struct {
	// Here is false if there is no engine VM on this host; the rest means nothing then.
	Here bool
	// Percent is what it uses, user and system time together, in percent of one processor: VDSM's cpuUser + cpuSys.
	Percent float64
	// Actual is false while Percent has not been measured yet: VDSM's cpuActual.
	Actual bool
}

// CPUTiming is when and how long cpu-load-no-engine measures.
type CPUTiming struct {
	First    time.Duration // the first sample; upstream's 10 s
	Interval time.Duration // all others; upstream's 60 s
	Keep     time.Duration // how long an old value stands in for one that cannot be had; upstream's 300 s
	Deadline time.Duration // of asking engine
}

// CPULoadNoEngine returns the type cpu-load-no-engine: which share of this host's processors is busy with anything but
// the engine VM? The text has four decimals, such as "0.1234"; "None" until the first sample is there, and when the
// value is not known.
//
// While the engine's share cannot be had, the last value stays for Timing.Keep, with its age. After that the share of
// everything is shown if the engine's has merely not been measured, and "None" if asking fails. The option vm_uuid is
// required, as upstream requires it.
func CPULoadNoEngine(kernel Kernel, engine func(context.Context) (EngineCPU, error), clk clock.Clock, timing CPUTiming) Kind {
	return Kind{
		Type: CPULoadNoEngineType, Interval: timing.Interval, Deadline: timing.Deadline,
		New: func(o Options) (Action, error) {
			if _, err := o.required("vm_uuid"); err != nil {
				return nil, err
			}
			return &cpuNoEngine{kernel: kernel, engine: engine, clk: clk, timing: timing}, nil
		},
		Unknown: none,
	}
}

type cpuNoEngine struct {
	kernel Kernel
	engine func(context.Context) (EngineCPU, error)
	clk    clock.Clock
	timing CPUTiming

	before  ticks      // the newest reading
	readAt  clock.Mono // when it was taken; 0 = never
	value   float64    // the newest value that took the engine into account
	valueAt clock.Mono // when it was observed; 0 = never
	shownAt clock.Mono // when what Measure last returned was observed
}

// Pace makes the first sample a short one.
func (c *cpuNoEngine) Pace() Pace {
	p := Pace{Keep: c.timing.Keep + c.timing.Interval}
	if c.shownAt == 0 {
		p.Interval = c.timing.First
	}
	return p
}

// At is when the value was observed.
func (c *cpuNoEngine) At() clock.Mono { return c.shownAt }

// Measure ends one sample and begins the next.
func (c *cpuNoEngine) Measure(ctx context.Context) (string, error) {
	now, processors, err := c.kernel.cpu()
	if err != nil {
		return "", fmt.Errorf("processor time: %w", err)
	}
	at := c.clk.Now()
	before, sampled := c.before, at.Sub(c.readAt)
	if c.readAt != 0 && sampled < c.timing.First/2 { // asked again too early: too short for a sample
		return "", errNotYet
	}
	isFirst := c.readAt == 0
	c.before, c.readAt = now, at
	if isFirst {
		return "", errNotYet
	}
	total, err := busyShare(before, now)
	if err != nil {
		return "", err
	}
	engine, err := c.engine(ctx)
	switch {
	case err == nil && !engine.Here:
		c.value, c.valueAt, c.shownAt = total, at, at
		return fourDecimals(total), nil
	case err == nil && engine.Actual:
		c.value = max(0, total-engine.Percent/100/float64(processors))
		c.valueAt, c.shownAt = at, at
		return fourDecimals(c.value), nil
	case c.valueAt != 0 && at.Sub(c.valueAt) <= c.timing.Keep:
		c.shownAt = c.valueAt
		return fourDecimals(c.value), nil
	case err != nil:
		return "", fmt.Errorf("the engine's share of the processors: %w", err)
	}
	c.shownAt = at
	return fourDecimals(total), nil
}

// busyShare is the share of time in which the processors were not idle, 0 to 1.
func busyShare(before, now ticks) (float64, error) {
	if now.total <= before.total || now.idle < before.idle || now.idle-before.idle > now.total-before.total {
		return 0, errors.New("processor time: the kernel's counters did not advance")
	}
	total, idle := float64(now.total-before.total), float64(now.idle-before.idle)
	return (total - idle) / total, nil
}

func fourDecimals(v float64) string { return strconv.FormatFloat(v, 'f', 4, 64) }
