package shell

import (
	"context"
	"errors"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/agent"
	"github.com/holdfast-ha/holdfast/daemons/vm"
)

// engineWorker runs one action on the engine VM at a time, each in a goroutine of its own with the deadline
// vm_start_timeout, and reports its end as an event. Its methods belong to the goroutine of the loop.
type engineWorker struct {
	shell  *shell
	driver vm.Driver
	cancel context.CancelFunc // of the action under way
	ended  chan struct{}      // closed when it is over
}

var (
	errNoDriver = errors.New("no driver for the engine VM is configured; set vm_driver")
	errBusy     = errors.New("an earlier action on the engine VM has not come back from its driver")
)

// overtaken is how long a forced stop waits for the action that it has cancelled.
const overtaken = 2 * time.Second

func (w *engineWorker) start(life context.Context, id uint64) {
	if w.busy() {
		w.refuse(life, id, errBusy)
		return
	}
	w.run(life, id, nil, func(ctx context.Context) error { return w.driver.Start(ctx) })
}

func (w *engineWorker) stop(life context.Context, id uint64, force bool) {
	var before chan struct{}
	if w.busy() {
		if !force {
			w.refuse(life, id, errBusy)
			return
		}
		w.cancel()
		before = w.ended
	}
	w.run(life, id, before, func(ctx context.Context) error { return w.driver.Stop(ctx, force) })
}

func (w *engineWorker) busy() bool {
	if w.ended == nil {
		return false
	}
	select {
	case <-w.ended:
		return false
	default:
		return true
	}
}

// run runs an action after the one before it, if any, has ended or has had its time to end.
func (w *engineWorker) run(life context.Context, id uint64, before chan struct{}, action func(context.Context) error) {
	if w.driver == nil {
		w.refuse(life, id, errNoDriver)
		return
	}
	ctx, cancel := context.WithTimeout(life, w.shell.options.Config.Timing.VMStartTimeout)
	ended := make(chan struct{})
	w.cancel, w.ended = cancel, ended
	w.shell.work(func() {
		if before != nil {
			select {
			case <-before:
			case <-time.After(overtaken):
			case <-ctx.Done():
			}
		}
		err := action(ctx)
		cancel()
		close(ended) // before the event: what the core orders next must not find this action still under way
		w.shell.happened(life, agent.ActionDone{ID: id, Failure: failure(err)})
	})
}

// refuse ends an action that was not begun. The event takes the way of all others, because the loop is at work.
func (w *engineWorker) refuse(life context.Context, id uint64, err error) {
	w.shell.work(func() { w.shell.happened(life, agent.ActionDone{ID: id, Failure: err.Error()}) })
}
