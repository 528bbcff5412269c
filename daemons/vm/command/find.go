package command

import (
	"context"
	"fmt"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/vm"
	"golang.org/x/sys/unix"
)

// forceLimit bounds a forced stop whose context has no deadline.
const forceLimit = 30 * time.Second

// found is what the run directory says about the engine.
type found struct {
	known   bool // there was an engine, running or not
	running bool
	record  record
	report  Report // of that engine; its State is "" when it said nothing
}

// find reads the state files and looks whether the process lives.
func (d *Driver) find() (found, error) {
	var f found
	hasRecord, err := readJSON(d.recordPath(), &f.record)
	if err != nil {
		return found{}, err
	}
	hasReport, err := readJSON(d.StatusPath(), &f.report)
	if err != nil {
		return found{}, err
	}
	if hasRecord {
		f.known = true
		if f.running, err = isRunning(f.record.PID, f.record.StartTicks); err != nil {
			return found{}, err
		}
	}
	if f.running && f.report.PID != 0 && f.report.PID != f.record.PID {
		f.report = Report{} // an earlier engine's last words
	}
	if f.running || !hasReport || f.report.PID == 0 || f.report.PID == f.record.PID {
		return f, nil
	}
	// An engine whose starter died before it could note it.
	adopted, err := isRunning(f.report.PID, f.report.StartTicks)
	if err != nil {
		return found{}, err
	}
	if adopted {
		f.known, f.running = true, true
		f.record = record{PID: f.report.PID, StartTicks: f.report.StartTicks, Started: f.report.Since}
		return f, nil
	}
	f.report = Report{}
	return f, nil
}

func isRunning(pid int, startTicks uint64) (bool, error) {
	h, running, err := openProcess(pid, startTicks)
	if running {
		h.close()
	}
	return running, err
}

// end asks the process to end, or with force makes it end and waits for that.
func (d *Driver) end(ctx context.Context, r record, force bool) error {
	h, running, err := openProcess(r.PID, r.StartTicks)
	if err != nil || !running {
		return err
	}
	defer h.close()
	if !force {
		return h.signal(unix.SIGTERM)
	}
	r.Killed = true
	if err := writeJSON(d.recordPath(), r); err != nil {
		return err
	}
	if err := h.kill(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, forceLimit)
	defer cancel()
	for ctx.Err() == nil {
		ended, err := h.ended(50)
		if err != nil {
			return err
		}
		if ended {
			return d.reaped(ctx, r.PID)
		}
	}
	return fmt.Errorf("killed, but not gone yet; it probably waits for storage (see /proc/%d/task/*/wchan): %w",
		r.PID, context.Cause(ctx))
}

// Status tells how the engine is. It reads local files and asks the kernel; it waits for nothing.
func (d *Driver) Status(ctx context.Context) (vm.Status, error) {
	if err := ctx.Err(); err != nil {
		return vm.Status{}, fmt.Errorf("status of engine: %w", err)
	}
	f, err := d.find()
	if err != nil {
		return vm.Status{}, fmt.Errorf("status of engine: %w", err)
	}
	if !f.known {
		return vm.Status{}, nil
	}
	if f.running {
		return f.alive(), nil
	}
	return d.dead(f)
}

// alive is the status of a running engine.
func (f found) alive() vm.Status {
	s := vm.Status{Exists: true, PID: f.record.PID, Status: vm.StatusPoweringUp, Since: mono(f.record.Started)}
	switch {
	case f.record.Killed:
		s.Status = vm.StatusPoweringDown
	case f.report.State == vm.StateUp:
		s.Status, s.Since = vm.StatusUp, mono(f.report.Since)
	case f.report.State == vm.StateDown:
		s.Status, s.Since = vm.StatusPoweringDown, mono(f.report.Since)
	}
	return s
}

// dead is the status of an engine that has ended.
func (d *Driver) dead(f found) (vm.Status, error) {
	s := vm.Status{Exists: true, Status: vm.StatusDown}
	if f.report.State == vm.StateDown {
		s.ExitMessage, s.ExitReason, s.Since = f.report.Message, f.report.ExitReason, mono(f.report.Since)
		return s, nil
	}
	s.ExitReason = vm.ExitGenericError
	s.ExitMessage = fmt.Sprintf("engine process %d ended without saying why", f.record.PID)
	var e exit
	there, err := readJSON(d.exitPath(), &e)
	if err != nil {
		return vm.Status{}, fmt.Errorf("status of engine: %w", err)
	}
	if there && e.PID == f.record.PID && e.StartTicks == f.record.StartTicks {
		s.ExitMessage = fmt.Sprintf("engine process %d ended: %s", e.PID, e.Message)
		s.Since = mono(e.At)
	}
	return s, nil
}

// mono turns a file's seconds into a point in time.
func mono(seconds float64) clock.Mono {
	if !(seconds > 0 && seconds < 1e9) { // also refuses NaN
		return 0
	}
	return clock.Mono(seconds * 1e9)
}
