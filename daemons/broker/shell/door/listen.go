package door

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

// Look is how a socket is to look like from outside.
type Look struct {
	Key  string // the configuration's key for the path, for messages
	Path string
	Mode os.FileMode
	// Owner is USER:GROUP. A name that this machine does not know is left alone; empty: nothing is changed.
	Owner string
}

// Socket is a listening socket and the name under which it is found.
type Socket struct {
	net.Listener
	look  Look
	inode uint64 // of the name, to tell whether it is still ours; 0: the name is somebody else's affair
}

// maxPath is the kernel's limit for the path of a Unix socket, in bytes.
const maxPath = 107

// Listen makes a socket and gives it its name, replacing whatever has it. A directory that is missing is made, with mode
// 0755 and the same owner. remarks tell what could not be had and does not keep the socket from working.
func Listen(ctx context.Context, look Look) (s *Socket, remarks []string, err error) {
	if len(look.Path) > maxPath {
		return nil, nil, fmt.Errorf("%s %s: longer than %d bytes, so no client could name it", look.Key, look.Path, maxPath)
	}
	uid, gid, remarks := owner(look)
	dir := filepath.Dir(look.Path)
	if err := makeDir(dir, uid, gid); err != nil {
		return nil, remarks, fmt.Errorf("directory of %s: %w", look.Key, err)
	}
	if open := openToAll(dir); open != "" {
		remarks = append(remarks, open)
	}
	// Not longer than the name itself.
	temporary := filepath.Join(dir, fmt.Sprintf(".%d", os.Getpid()))
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, remarks, fmt.Errorf("make %s: %w", look.Key, err)
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "unix", temporary)
	if err != nil {
		return nil, remarks, fmt.Errorf("make %s %s: %w", look.Key, look.Path, err)
	}
	if unix, ok := listener.(*net.UnixListener); ok {
		unix.SetUnlinkOnClose(false) // the name may be a successor's by then
	}
	s = &Socket{Listener: listener, look: look}
	remark, err := s.publish(temporary, uid, gid)
	if err != nil {
		listener.Close()
		return nil, remarks, errors.Join(fmt.Errorf("make %s %s: %w", look.Key, look.Path, err), os.Remove(temporary))
	}
	if remark != "" {
		remarks = append(remarks, remark)
	}
	return s, remarks, nil
}

// Given wraps a listener that somebody else made, such as the service manager, and whose name is his affair.
func Given(listener net.Listener) *Socket {
	return &Socket{Listener: listener, look: Look{Path: listener.Addr().String()}}
}

// publish gives the socket its mode, its owner and its name, in this order: it is never found with more rights than meant.
func (s *Socket) publish(temporary string, uid, gid int) (remark string, err error) {
	if err := os.Chown(temporary, uid, gid); err != nil {
		if !errors.Is(err, fs.ErrPermission) {
			return "", err
		}
		remark = fmt.Sprintf("socket_owner %s: only root can give %s away: %v", s.look.Owner, s.look.Path, err)
	}
	if err := os.Chmod(temporary, s.look.Mode); err != nil {
		return "", err
	}
	inode, err := inodeOf(temporary)
	if err != nil {
		return "", err
	}
	s.inode = inode
	return remark, os.Rename(temporary, s.look.Path)
}

// Path returns the socket's name.
func (s *Socket) Path() string { return s.look.Path }

// ErrLost says that a socket's name is gone, so nobody finds it any more.
var ErrLost = errors.New("the socket's name was removed")

// Lost returns an error that matches ErrLost if the socket's name is not there any more. A name that leads to another
// socket is no loss: a successor has taken it.
func (s *Socket) Lost() error {
	if s.inode == 0 {
		return nil
	}
	if _, err := os.Lstat(s.look.Path); errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return fmt.Errorf("%w: %s %s; find out who cleans up there", ErrLost, s.look.Key, s.look.Path)
	}
	return nil
}

// Remove takes the name away, unless a successor has it already.
func (s *Socket) Remove() error {
	if s.inode == 0 {
		return nil
	}
	inode, err := inodeOf(s.look.Path)
	if errors.Is(err, fs.ErrNotExist) || (err == nil && inode != s.inode) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.Remove(s.look.Path)
}

// makeDir makes a directory that is missing, with an explicit mode, whatever the umask.
func makeDir(dir string, uid, gid int) error {
	const mode = 0o755
	if _, err := os.Lstat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, mode); err != nil {
		return err
	}
	if err := os.Chown(dir, uid, gid); err != nil && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return os.Chmod(dir, mode)
}

// openToAll says that anybody could replace the socket, if so.
func openToAll(dir string) string {
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm()&0o002 == 0 || info.Mode()&os.ModeSticky != 0 {
		return ""
	}
	return fmt.Sprintf("directory %s: mode %v lets anybody replace the socket; take the write permission of others away", dir, info.Mode())
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
