package storage

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/daemons/mountinfo"
)

// Files is what drivers do in the lane's own thread: with this host's own files, in /proc, /sys, /run, /dev, and with mount points that
// nothing is mounted on. It is never asked about anything on shared storage, its own or another's.
type Files interface {
	// Mounts returns the text of mountinfo.Path.
	Mounts() ([]byte, error)
	ReadFile(path string) ([]byte, error)
	// WriteFile replaces a file as a whole, by a temporary file beside it and a rename; scratch is where that temporary file is made.
	WriteFile(path, scratch string, data []byte, mode fs.FileMode) error
	ReadDir(path string) ([]string, error)
	// MkdirAll makes a directory and those above it.
	MkdirAll(path string, mode fs.FileMode) error
	// Lstat does not follow a link at the end of path.
	Lstat(path string) (fs.FileInfo, error)
	Readlink(path string) (string, error)
	Symlink(target, path string) error
	Rename(from, to string) error
	// Remove takes away a file, a link or an empty directory.
	Remove(path string) error
	// Signal sends a signal to the process with this id and this start, in clock ticks since boot. One that has ended is fine.
	Signal(pid int, startTicks uint64, signal unix.Signal) error
}

// machine is this machine's own files.
type machine struct{}

func (machine) Mounts() ([]byte, error)              { return os.ReadFile(mountinfo.Path) }
func (machine) ReadFile(path string) ([]byte, error) { return os.ReadFile(path) }

func (machine) WriteFile(path, scratch string, data []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(scratch, ".holdfast-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone already after the rename
	defer f.Close()
	if err := f.Chmod(mode); err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func (machine) ReadDir(path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}

func (machine) MkdirAll(path string, mode fs.FileMode) error { return os.MkdirAll(path, mode) }
func (machine) Lstat(path string) (fs.FileInfo, error)       { return os.Lstat(path) }
func (machine) Readlink(path string) (string, error)         { return os.Readlink(path) }
func (machine) Symlink(target, path string) error            { return os.Symlink(target, path) }
func (machine) Rename(from, to string) error                 { return os.Rename(from, to) }
func (machine) Remove(path string) error                     { return os.Remove(path) }

func (machine) Signal(pid int, startTicks uint64, signal unix.Signal) error {
	// The descriptor holds on to the process, so that an id that is used again meanwhile is not mistaken for it.
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, ticks, err := parseStat(text); err != nil || ticks != startTicks {
		return err
	}
	if err = unix.PidfdSendSignal(fd, signal, nil, 0); errors.Is(err, unix.ESRCH) {
		return nil
	}
	return err
}

// parseStat returns a process's state and start from its /proc/PID/stat. The program's name, in parentheses, may contain anything: fields
// are counted behind it, from the third on.
func parseStat(text []byte) (state byte, startTicks uint64, err error) {
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < 20 {
		return 0, 0, fmt.Errorf("stat line with %d fields behind the name, want 20", len(fields))
	}
	startTicks, err = strconv.ParseUint(string(fields[19]), 10, 64)
	return fields[0][0], startTicks, err
}
