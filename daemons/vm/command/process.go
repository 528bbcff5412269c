package command

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// StartTicks returns when the kernel started process pid, in clock ticks since boot.
func StartTicks(pid int) (uint64, error) {
	path := "/proc/" + strconv.Itoa(pid) + "/stat"
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	ticks, err := parseStartTicks(b)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return ticks, nil
}

// parseStartTicks reads field 22 of a stat line. The second field is the program's name in parentheses and may
// contain blanks and parentheses itself, so counting begins behind the last one.
func parseStartTicks(stat []byte) (uint64, error) {
	end := bytes.LastIndexByte(stat, ')')
	if end < 0 {
		return 0, fmt.Errorf("stat line %q has no program name", stat)
	}
	fields := bytes.Fields(stat[end+1:]) // the first one is field 3
	if len(fields) < 20 {
		return 0, fmt.Errorf("stat line %q has %d fields, want 22 or more", stat, len(fields)+2)
	}
	ticks, err := strconv.ParseUint(string(fields[19]), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("stat line %q: field 22: %w", stat, err)
	}
	return ticks, nil
}

// handle is a pidfd of a process that was found running.
type handle struct {
	fd  int
	pid int
}

// openProcess opens the process with this id and start time and says whether it runs; only then must the handle be
// closed. A process counts as running while any of its threads lives: a leader that looks like a zombie may have a
// thread in a storage call.
func openProcess(pid int, startTicks uint64) (h handle, running bool, err error) {
	if pid <= 0 {
		return handle{}, false, nil
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EINVAL) { // EINVAL: now the id of a thread
		return handle{}, false, nil
	}
	if err != nil {
		return handle{}, false, fmt.Errorf("pidfd_open %d: %w", pid, err)
	}
	h = handle{fd: fd, pid: pid}
	if running, err = h.startedAt(startTicks); !running || err != nil {
		h.close()
		return handle{}, false, err
	}
	return h, true, nil
}

// startedAt says whether the process lives and began at that time.
func (h handle) startedAt(startTicks uint64) (bool, error) {
	ticks, err := StartTicks(h.pid)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	ended, err := h.ended(0)
	return ticks == startTicks && !ended, err
}

func (h handle) close() { _ = unix.Close(h.fd) }

// ended waits at most so many milliseconds for the end of the process.
func (h handle) ended(milliseconds int) (bool, error) {
	fds := []unix.PollFd{{Fd: int32(h.fd), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, milliseconds)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return false, fmt.Errorf("poll pidfd of %d: %w", h.pid, err)
	}
	return n > 0, nil
}

// signal sends a signal to the process; one that has just ended is fine.
func (h handle) signal(signal unix.Signal) error {
	err := unix.PidfdSendSignal(h.fd, signal, nil, 0)
	if err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("send %s to %d: %w", unix.SignalName(signal), h.pid, err)
	}
	return nil
}

// kill sends SIGKILL to the process and to everything in its process group, which it leads because it was started in
// its own session.
func (h handle) kill() error {
	// While the leader is not gone its id cannot belong to another group.
	if ended, err := h.ended(0); err != nil || ended {
		return err
	}
	_ = unix.Kill(-h.pid, unix.SIGKILL) // what counts is the leader, below
	return h.signal(unix.SIGKILL)
}
