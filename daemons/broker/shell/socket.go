package shell

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

// socket is the broker's listening socket and the name under which it is found.
type socket struct {
	net.Listener
	path  string
	inode uint64 // of the name, to tell whether it is still ours
}

// maxSocketPath is the kernel's limit for the path of a Unix socket, in bytes.
const maxSocketPath = 107

// listen makes the socket under a temporary name, gives it its mode and renames it to path, replacing whatever has
// that name. So the path never leads to a socket that is not ready or too open, and a successor takes it from a process
// that cannot end.
func listen(ctx context.Context, path string, mode os.FileMode) (*socket, error) {
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("broker_socket %s: longer than %d bytes, so no client could name it", path, maxSocketPath)
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("directory of broker_socket: %w", err)
	}
	// Not longer than the name itself.
	temporary := filepath.Join(dir, fmt.Sprintf(".%d", os.Getpid()))
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("make broker_socket: %w", err)
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "unix", temporary)
	if err != nil {
		return nil, fmt.Errorf("make broker_socket %s: %w", path, err)
	}
	if unix, ok := listener.(*net.UnixListener); ok {
		unix.SetUnlinkOnClose(false) // the name may be a successor's by then
	}
	s := &socket{Listener: listener, path: path}
	if err := s.publish(temporary, mode); err != nil {
		listener.Close()
		return nil, errors.Join(fmt.Errorf("make broker_socket %s: %w", path, err), os.Remove(temporary))
	}
	return s, nil
}

func (s *socket) publish(temporary string, mode os.FileMode) error {
	if err := os.Chmod(temporary, mode); err != nil {
		return err
	}
	inode, err := inodeOf(temporary)
	if err != nil {
		return err
	}
	s.inode = inode
	return os.Rename(temporary, s.path)
}

// remove takes the name away, unless a successor has it already.
func (s *socket) remove() error {
	inode, err := inodeOf(s.path)
	if errors.Is(err, fs.ErrNotExist) || (err == nil && inode != s.inode) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.Remove(s.path)
}

func inodeOf(path string) (uint64, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return 0, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, fmt.Errorf("%s: no inode number", path)
	}
	return stat.Ino, nil
}
