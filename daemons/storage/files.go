package storage

import (
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Files is what drivers do with this host's own files, in the lane's thread. Nothing of it is ever asked about a path on shared storage,
// with a tolerance for none: a test's Files fails the test for any other path.
type Files interface {
	// Mounts returns the text of /proc/self/mountinfo.
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
	// Signal sends a signal to a process.
	Signal(pid int, signal unix.Signal) error
}

// machine is this machine's own files.
type machine struct{}

func (machine) Mounts() ([]byte, error)              { return os.ReadFile("/proc/self/mountinfo") }
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

func (machine) Signal(pid int, signal unix.Signal) error { return unix.Kill(pid, signal) }
