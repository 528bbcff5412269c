package command

import (
	"context"
	"errors"
	"fmt"
	"os/exec"

	"golang.org/x/sys/unix"
)

// reaper waits for one child and collects its exit status, so that no zombie stays. Its goroutine belongs to the
// driver and ends with the child or with Driver.Close.
type reaper struct {
	driver     *Driver
	cmd        *exec.Cmd
	startTicks uint64
	pidfd      int
	wake       int // eventfd; written to by close
	done       chan struct{}
}

func newReaper(d *Driver, cmd *exec.Cmd, startTicks uint64) (*reaper, error) {
	pidfd, err := unix.PidfdOpen(cmd.Process.Pid, 0)
	if err != nil {
		return nil, fmt.Errorf("pidfd_open %d: %w", cmd.Process.Pid, err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		_ = unix.Close(pidfd)
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	return &reaper{driver: d, cmd: cmd, startTicks: startTicks, pidfd: pidfd, wake: wake, done: make(chan struct{})}, nil
}

// discard frees a reaper that never ran.
func (r *reaper) discard() {
	_ = unix.Close(r.pidfd)
	_ = unix.Close(r.wake)
}

func (r *reaper) run() {
	defer close(r.done)
	ended := r.await()
	if ended {
		_ = r.cmd.Wait() // its error repeats what ProcessState says
		// Best effort: without this file Status says that the reason is not known.
		_ = writeJSON(r.driver.exitPath(), exit{
			PID: r.cmd.Process.Pid, StartTicks: r.startTicks,
			Message: r.cmd.ProcessState.String(), At: r.driver.clock.Now().Seconds(),
		})
	} else {
		_ = r.cmd.Process.Release()
	}
	r.driver.mu.Lock()
	defer r.driver.mu.Unlock()
	delete(r.driver.reapers, r.cmd.Process.Pid)
	r.discard() // under the lock: close must not write to a descriptor that is somebody else's by now
}

// await returns true when the child has ended and false when the driver was closed.
func (r *reaper) await() bool {
	for {
		fds := []unix.PollFd{{Fd: int32(r.pidfd), Events: unix.POLLIN}, {Fd: int32(r.wake), Events: unix.POLLIN}}
		_, err := unix.Poll(fds, -1)
		switch {
		case err != nil && !errors.Is(err, unix.EINTR):
			return false
		case fds[0].Revents != 0:
			return true
		case fds[1].Revents != 0:
			return false
		}
	}
}

// reaped waits until the child with this id, if it is this driver's, has been collected.
func (d *Driver) reaped(ctx context.Context, pid int) error {
	d.mu.Lock()
	r := d.reapers[pid]
	d.mu.Unlock()
	if r == nil {
		return nil
	}
	select {
	case <-r.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("ended, but not collected: %w", context.Cause(ctx))
	}
}
