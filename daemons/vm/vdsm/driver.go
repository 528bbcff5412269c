package vdsm

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/vdsm"
	"github.com/holdfast-ha/holdfast/daemons/vm"
)

// Caller is what the driver needs of a vdsm.Client.
type Caller interface {
	VMGetStats(ctx context.Context, id string) (vdsm.VMStats, error)
	VMCreate(ctx context.Context, id string, params map[string]any) (status string, err error)
	VMDestroy(ctx context.Context, id string) error
	VMShutdown(ctx context.Context, id string, delay time.Duration, message string) error
	Watch(deliver func(vdsm.Event)) (stop func())
}

// Options say which machine it is. Zero values mean the defaults.
type Options struct {
	// ID is the virtual machine's UUID: vmid in hosted-engine.conf. Required.
	ID string
	// Definition is the path of vm.conf, on a local disk; Start reads it. A driver that only asks may leave it empty.
	Definition string
	// ShutdownDelay is how long the guest shows its message before it shuts down. Default 120 s, as upstream.
	ShutdownDelay time.Duration
	// Clock is the machine's own by default.
	Clock clock.Clock
}

// shutdownMessage is what the guest shows its users, in upstream's words.
const shutdownMessage = "VM is shutting down!"

// goneInterval is the pause between looks while Stop waits for the machine to vanish.
const goneInterval = 250 * time.Millisecond

// Driver runs the engine through VDSM. It is made by New and safe for concurrent use.
type Driver struct {
	o       Options
	vdsm    Caller
	turn    chan struct{} // one token: the right to start or stop
	changed chan struct{}
	unwatch func()

	mu    sync.Mutex
	event vm.Status // the newest that VDSM sent by itself; ObservedAt is 0 if there is none
}

var _ vm.Driver = (*Driver)(nil)

// New returns a driver that uses caller, which it does not close, and listens to its events until Close.
func New(caller Caller, o Options) (*Driver, error) {
	if o.ID == "" {
		return nil, errors.New("engine VM: no id: set vmid in hosted-engine.conf")
	}
	if o.ShutdownDelay == 0 {
		o.ShutdownDelay = 120 * time.Second
	}
	if o.Clock == nil {
		o.Clock = clock.System()
	}
	d := &Driver{o: o, vdsm: caller, turn: make(chan struct{}, 1), changed: make(chan struct{}, 1)}
	d.turn <- struct{}{}
	d.unwatch = caller.Watch(d.hear)
	return d, nil
}

// Close stops listening to events.
func (d *Driver) Close() { d.unwatch() }

// Changed has a value when an event about the machine came since the last receive: the moment for a look.
func (d *Driver) Changed() <-chan struct{} { return d.changed }

// hear keeps the newest event about the machine.
func (d *Driver) hear(e vdsm.Event) {
	status, ok := fromEvent(e, d.o.ID)
	if !ok {
		return
	}
	d.mu.Lock()
	d.event = status
	d.mu.Unlock()
	select {
	case d.changed <- struct{}{}:
	default:
	}
}

// Status asks VDSM. A machine that VDSM does not know does not exist; any other failure is an error.
func (d *Driver) Status(ctx context.Context) (vm.Status, error) {
	began := d.o.Clock.Now()
	stats, err := d.vdsm.VMGetStats(ctx, d.o.ID)
	answer := vm.Status{ObservedAt: began}
	switch {
	case err == nil:
		answer = fromStats(stats, began)
	case vdsm.CodeOf(err) != vdsm.CodeNoSuchVM:
		return vm.Status{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if outweighs(d.event, answer) {
		return merged(d.event, answer), nil
	}
	return answer, nil
}

// Start makes VDSM create the machine from vm.conf. What is left of one that is down or paused is removed first; a
// machine in any other status is left alone.
func (d *Driver) Start(ctx context.Context) error {
	release, err := d.take(ctx, "start")
	if err != nil {
		return err
	}
	defer release()
	stats, err := d.vdsm.VMGetStats(ctx, d.o.ID)
	switch {
	case vdsm.CodeOf(err) == vdsm.CodeNoSuchVM:
	case err != nil:
		return fmt.Errorf("start engine VM %s: %w", d.o.ID, err)
	case stats.Status != vm.StatusDown && stats.Status != vm.StatusPaused:
		return nil
	}
	params, definitionErr := readDefinition(d.o.Definition) // before anything is removed
	if definitionErr != nil {
		return fmt.Errorf("start engine VM %s: %w", d.o.ID, definitionErr)
	}
	if err == nil {
		if err := d.remove(ctx); err != nil {
			return fmt.Errorf("start engine VM %s: remove the one that is %s: %w", d.o.ID, stats.Status, err)
		}
	}
	status, err := d.vdsm.VMCreate(ctx, d.o.ID, params)
	switch {
	case vdsm.CodeOf(err) == vdsm.CodeVMExists:
		return nil // somebody else was faster
	case err != nil:
		return fmt.Errorf("start engine VM %s: %w", d.o.ID, err)
	case status != vm.StatusWaitForLaunch:
		return fmt.Errorf("start engine VM %s: VDSM made it with status %q, want %q; VDSM's log says why",
			d.o.ID, status, vm.StatusWaitForLaunch)
	}
	return nil
}

// Stop without force makes VDSM ask the guest. With force it makes VDSM end the machine and waits until VDSM does not
// know it any more.
func (d *Driver) Stop(ctx context.Context, force bool) error {
	release, err := d.take(ctx, "stop")
	if err != nil {
		return err
	}
	defer release()
	if force {
		err = d.remove(ctx)
	} else {
		err = d.vdsm.VMShutdown(ctx, d.o.ID, d.o.ShutdownDelay, shutdownMessage)
	}
	if err != nil && vdsm.CodeOf(err) != vdsm.CodeNoSuchVM {
		return fmt.Errorf("stop engine VM %s: %w", d.o.ID, err)
	}
	return nil
}

// remove destroys the machine and waits until it is gone. What events said of it is void then.
func (d *Driver) remove(ctx context.Context) error {
	if err := d.vdsm.VMDestroy(ctx, d.o.ID); err != nil && vdsm.CodeOf(err) != vdsm.CodeNoSuchVM {
		return err
	}
	for {
		_, err := d.vdsm.VMGetStats(ctx, d.o.ID)
		if vdsm.CodeOf(err) == vdsm.CodeNoSuchVM {
			d.mu.Lock()
			d.event = vm.Status{}
			d.mu.Unlock()
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("it was destroyed and is not gone: %w", context.Cause(ctx)), err)
		case <-time.After(goneInterval):
		}
	}
}

// take waits for the right to start or stop.
func (d *Driver) take(ctx context.Context, op string) (release func(), err error) {
	select {
	case <-d.turn:
		return func() { d.turn <- struct{}{} }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%s engine VM %s: another start or stop is under way: %w", op, d.o.ID, context.Cause(ctx))
	}
}
