package faultfs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// Options of a mount.
type Options struct {
	Backing string       // existing directory whose files are passed through
	Mount   string       // existing directory to mount on; neither may lie inside the other
	Log     *slog.Logger // remarks of the FUSE library and of this package
	// Gate is shared by several mounts of one backing directory; nil makes a new one. Each mount has inodes of its own, and the
	// kernel's locks with them: fsync(2) on a FUSE file waits for the inode's lock, which a held write keeps, and every later
	// write of that inode queues behind it. So a server that gives each of its clients a mount of its own can have the writes
	// of one held while the others go on, though all of them read and write the same backing files.
	Gate *Gate
}

// FS is a mounted fault file system.
type FS struct {
	Gate *Gate

	o      Options
	server *fuse.Server
	served chan struct{} // closed when the FUSE connection has ended and no request is under way
}

// ErrBusy is returned by Close when files were still open, so that the mount could only be detached. Their users get ENOTCONN
// when the process ends.
var ErrBusy = errors.New("files are still open: detached the mount")

// cacheFor is how long the kernel may believe names and attributes.
const cacheFor = time.Second

// Mount mounts the fault file system and serves it from goroutines of its own until Close, or until the mount is
// taken away from outside. It needs root (or CAP_SYS_ADMIN) and /dev/fuse.
func Mount(o Options) (*FS, error) {
	if err := o.prepare(); err != nil {
		return nil, err
	}
	gate := o.Gate
	if gate == nil {
		gate = NewGate()
	}
	root, err := newRoot(gate, o.Backing, filepath.Base(o.Mount))
	if err != nil {
		return nil, fmt.Errorf("faultfs: backing %s: %w", o.Backing, err)
	}
	timeout := cacheFor
	raw := fs.NewNodeFS(root, &fs.Options{
		EntryTimeout: &timeout,
		AttrTimeout:  &timeout,
		// Node id = inode number of the backing file, so that a file handle means the same file as long as the file
		// exists: after the kernel has forgotten the inode, and after a restart of this process.
		ExternalNodeID:  true,
		RootStableAttr:  &fs.StableAttr{Ino: fuse.FUSE_ROOT_ID},
		NullPermissions: true,
		Logger:          slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn),
	})
	server, err := fuse.NewServer(raw, o.Mount, &fuse.MountOptions{
		Name:              "holdfast-faultfs",
		FsName:            o.Backing,
		AllowOther:        true, // the victim may be another user
		DirectMountStrict: true,
		Options:           []string{"default_permissions"},
		MaxWrite:          maxRequest,
		MaxBackground:     256, // held requests must not use up the slots of asynchronous ones
		RememberInodes:    true,
		// Without this the kernel asks for security.capability before every write.
		DisableXAttrs:        true,
		ExtraCapabilities:    fuse.CAP_ASYNC_DIO | fuse.CAP_EXPORT_SUPPORT,
		DisabledCapabilities: fuse.CAP_PASSTHROUGH,
		Logger:               slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn),
	})
	if err != nil {
		return nil, fmt.Errorf("faultfs: mount on %s: %w (it needs CAP_SYS_ADMIN and /dev/fuse)", o.Mount, err)
	}
	f := &FS{Gate: gate, o: o, server: server, served: make(chan struct{})}
	go func() {
		defer close(f.served)
		server.Serve()
	}()
	if err := server.WaitMount(); err != nil {
		_ = unix.Unmount(o.Mount, unix.MNT_DETACH)
		return nil, fmt.Errorf("faultfs: mount on %s: %w", o.Mount, err)
	}
	return f, nil
}

// prepare makes the paths absolute, refuses what would deadlock, and takes away the dead mount of a predecessor that was killed.
func (o *Options) prepare() error {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	var st unix.Statfs_t // not stat: the attributes of a dead mount's root are still cached
	if err := unix.Statfs(o.Mount, &st); errors.Is(err, unix.ENOTCONN) {
		o.Log.Warn("the mount point holds the dead mount of a killed process; detaching it", "mount", o.Mount)
		if err := unix.Unmount(o.Mount, unix.MNT_DETACH); err != nil {
			return fmt.Errorf("faultfs: detach the dead mount on %s: %w", o.Mount, err)
		}
	}
	for _, d := range []struct {
		what string
		path *string
	}{{"backing", &o.Backing}, {"mount", &o.Mount}} {
		abs, err := filepath.Abs(*d.path)
		if err == nil {
			abs, err = filepath.EvalSymlinks(abs)
		}
		if err != nil {
			return fmt.Errorf("faultfs: %s directory: %w", d.what, err)
		}
		if fi, err := os.Stat(abs); err != nil || !fi.IsDir() {
			return fmt.Errorf("faultfs: %s %s: want an existing directory (%w)", d.what, abs, errors.Join(err, unix.ENOTDIR))
		}
		*d.path = abs
	}
	if inside(o.Backing, o.Mount) || inside(o.Mount, o.Backing) {
		return fmt.Errorf("faultfs: backing %s and mount %s: neither may be or lie in the other, the file system would wait for itself", o.Backing, o.Mount)
	}
	return nil
}

func inside(a, b string) bool {
	return a == b || strings.HasPrefix(a+"/", strings.TrimSuffix(b, "/")+"/")
}

// Done is closed when the file system is no longer served and no request is under way: after Close, or after the mount was taken
// away and every open file closed.
func (f *FS) Done() <-chan struct{} { return f.served }

// Alive reports whether the mount point still leads to a FUSE connection that is served. It is false after an abort of the
// connection (/sys/fs/fuse/connections/N/abort) and after an unmount from outside; requests that are held then have
// nobody to go back to, and only a cleared rule ends their wait.
func (f *FS) Alive() error {
	var s unix.Statfs_t
	if err := unix.Statfs(f.o.Mount, &s); err != nil {
		return fmt.Errorf("faultfs: %s: %w", f.o.Mount, err)
	}
	if s.Type != unix.FUSE_SUPER_MAGIC {
		return fmt.Errorf("faultfs: %s: the mount is gone: somebody unmounted it", f.o.Mount)
	}
	return nil
}

// Close clears all rules (of every mount that shares the gate), which lets every held request go on, and unmounts. A mount that
// is busy is detached: it vanishes from the name space at once and goes on for those who have files open, and Close waits for
// them until ctx ends; if some are left then, the error is ErrBusy.
func (f *FS) Close(ctx context.Context) error {
	f.Gate.Close()
	switch err := f.Alive(); {
	case err == nil:
		if err := f.unmount(ctx); err != nil {
			return err
		}
	case errors.Is(err, unix.ENOTCONN): // aborted: the mount is dead, but still there
		_ = unix.Unmount(f.o.Mount, unix.MNT_DETACH)
	default: // it was unmounted already, and what is there now is not ours
	}
	select {
	case <-f.served:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("faultfs: %s: %w", f.o.Mount, ErrBusy)
	}
}

// unmount tries a plain unmount a few times, because the kernel closes files a little later than their users do.
func (f *FS) unmount(ctx context.Context) error {
	err := unix.Unmount(f.o.Mount, 0)
	for delay := 5 * time.Millisecond; errors.Is(err, unix.EBUSY) && delay < 200*time.Millisecond && ctx.Err() == nil; delay *= 2 {
		time.Sleep(delay)
		err = unix.Unmount(f.o.Mount, 0)
	}
	if err == nil {
		return nil
	}
	f.o.Log.Warn("cannot unmount, detaching", "mount", f.o.Mount, "error", err.Error())
	if err := unix.Unmount(f.o.Mount, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("faultfs: detach %s: %w", f.o.Mount, err)
	}
	return nil
}
