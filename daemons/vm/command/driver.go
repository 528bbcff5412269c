package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/vm"
	"golang.org/x/sys/unix"
)

// StatusEnv is the environment variable that tells the program where to write its status file.
const StatusEnv = "HOLDFAST_ENGINE_STATUS"

// Options say what to run and where its state lives.
type Options struct {
	// RunDir is a local directory, made if missing: engine.json and engine-status.json live there and it is the
	// program's working directory. The same for the agent's and the broker's driver.
	RunDir string
	// Argv is the program's absolute path, on a local disk, and its arguments. A driver that only asks for the status
	// may leave it empty.
	Argv []string
	// LogPath gets the program's output, appended; "" = RunDir/engine.out.
	LogPath string
}

// Driver runs the engine as a child. It is made by New.
type Driver struct {
	options Options
	clock   clock.Clock
	turn    chan struct{} // one token: the right to start or stop

	mu       sync.Mutex
	reapers  map[int]*reaper // the children that this driver started and that have not ended, by pid
	isClosed bool
}

var _ vm.Driver = (*Driver)(nil)

// New checks the options and returns a driver. It touches nothing.
func New(options Options) (*Driver, error) {
	if !filepath.IsAbs(options.RunDir) {
		return nil, fmt.Errorf("engine run directory %q: want an absolute path", options.RunDir)
	}
	if len(options.Argv) > 0 && !filepath.IsAbs(options.Argv[0]) {
		return nil, fmt.Errorf("engine program %q: want an absolute path", options.Argv[0])
	}
	if options.LogPath == "" {
		options.LogPath = filepath.Join(options.RunDir, "engine.out")
	}
	d := &Driver{options: options, clock: clock.System(), turn: make(chan struct{}, 1), reapers: make(map[int]*reaper)}
	d.turn <- struct{}{}
	return d, nil
}

// StatusPath returns where the program writes its status.
func (d *Driver) StatusPath() string { return filepath.Join(d.options.RunDir, "engine-status.json") }

// take waits for the right to start or stop.
func (d *Driver) take(ctx context.Context, op string) (release func(), err error) {
	select {
	case <-d.turn:
		return func() { d.turn <- struct{}{} }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%s engine: another start or stop is under way: %w", op, context.Cause(ctx))
	}
}

// Start begins to start the program. It is nil without doing anything when the program runs already, whoever started
// it. What an earlier program left behind is forgotten. An error when the earlier program was killed and is not gone
// yet.
func (d *Driver) Start(ctx context.Context) error {
	release, err := d.take(ctx, "start")
	if err != nil {
		return err
	}
	defer release()
	if len(d.options.Argv) == 0 {
		return errors.New("start engine: no program: set vm_command in holdfast.conf")
	}
	found, err := d.find()
	if err != nil {
		return fmt.Errorf("start engine: %w", err)
	}
	if found.running {
		if found.record.Killed {
			return fmt.Errorf("start engine: process %d was killed and is not gone yet; it probably waits for storage",
				found.record.PID)
		}
		return nil
	}
	if err := d.spawn(); err != nil {
		return fmt.Errorf("start engine %s: %w", d.options.Argv[0], err)
	}
	return nil
}

// Stop without force sends the program SIGTERM and returns. With force it sends its whole session SIGKILL, waits
// until the program has ended, bounded by ctx, and forgets it. A program with a thread inside a storage call does not
// end before that call does: then the error says so and Status shows Powering down.
func (d *Driver) Stop(ctx context.Context, force bool) error {
	release, err := d.take(ctx, "stop")
	if err != nil {
		return err
	}
	defer release()
	found, err := d.find()
	if err != nil {
		return fmt.Errorf("stop engine: %w", err)
	}
	if found.running {
		if err := d.end(ctx, found.record, force); err != nil {
			return fmt.Errorf("stop engine, process %d: %w", found.record.PID, err)
		}
	}
	if force {
		return d.forget()
	}
	return nil
}

// forget removes what is left of an engine that has ended.
func (d *Driver) forget() error {
	var errs []error
	for _, path := range []string{d.recordPath(), d.StatusPath(), d.exitPath()} {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Close ends the goroutines that wait for children. It leaves the engine alone: a driver made later, in this process
// or another, finds it again.
func (d *Driver) Close() {
	d.mu.Lock()
	d.isClosed = true
	reapers := make([]*reaper, 0, len(d.reapers))
	for _, r := range d.reapers {
		reapers = append(reapers, r)
		_, _ = unix.Write(r.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // an eventfd takes 8 bytes and has room
	}
	d.mu.Unlock()
	for _, r := range reapers {
		<-r.done
	}
}
