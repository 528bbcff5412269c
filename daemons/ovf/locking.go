package ovf

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// LockedError tells that another writer on this host held a lock for too long.
type LockedError struct {
	Path   string
	Waited time.Duration
	Holder string // what the holder wrote about itself
}

// Error says who holds the lock and what to do.
func (e *LockedError) Error() string {
	return fmt.Sprintf("lock %s: still held after %s by %s (if that process is stuck in a call to storage, its write is not over: wait for storage)",
		e.Path, e.Waited, e.Holder)
}

// errLockLost: the lock file was removed and made anew, again and again.
var errLockLost = errors.New("the lock file keeps being removed")

const (
	lockPoll    = 50 * time.Millisecond
	lockReopens = 10
)

// withLock runs do while it holds path's lock, which the kernel releases when the process ends. It waits for the lock at most for wait.
func withLock(path, purpose string, wait time.Duration, do func() error) error {
	deadline := time.Now().Add(wait)
	for range lockReopens {
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return fmt.Errorf("lock %s: %w (check that its directory exists and is writable)", path, err)
		}
		if err := acquire(file, deadline, wait); err != nil {
			_ = file.Close()
			return err
		}
		if !isStill(file, path) { // systemd clears runtime directories
			_ = file.Close()
			continue
		}
		note := fmt.Sprintf("process %d (%s) since %s, to %s", os.Getpid(), processName(), time.Now().Format(time.RFC3339), purpose)
		_ = file.Truncate(0)
		_, _ = file.WriteAt([]byte(note), 0) // for people; the lock holds without
		err = do()
		_ = file.Truncate(0)
		_ = file.Close()
		return err
	}
	return fmt.Errorf("lock %s: %w", path, errLockLost)
}

func acquire(file *os.File, deadline time.Time, wait time.Duration) error {
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, unix.EINTR):
		case !errors.Is(err, unix.EWOULDBLOCK):
			return fmt.Errorf("lock %s: %w", file.Name(), err)
		case !time.Now().Before(deadline):
			return &LockedError{Path: file.Name(), Waited: wait, Holder: holder(file)}
		default:
			time.Sleep(lockPoll)
		}
	}
}

func holder(file *os.File) string {
	note := make([]byte, 300)
	n, _ := file.ReadAt(note, 0)
	if text := strings.TrimSpace(string(note[:n])); text != "" {
		return text
	}
	return "a process that left no note; /proc/locks tells its id"
}

func isStill(file *os.File, path string) bool {
	mine, err := file.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(mine, there)
}

func processName() string {
	name, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(name))
}
