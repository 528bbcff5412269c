package faultfs

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// node is a file or directory. What it does not override the library's loopback node does: names, modes, owners, times, links.
//
// Open and Create must both be overridden: a file opened by the loopback node offers its descriptor to the kernel, which
// then reads and writes past the rules.
type node struct {
	*fs.LoopbackNode
	tree *tree
}

// tree is what all nodes of a mount share.
type tree struct {
	gate    *Gate
	buffer  bounce
	backing string // absolute path of the backing directory
	via     string // base name of the mount point
}

var (
	_ fs.NodeWrapChilder = (*node)(nil)
	_ fs.NodeOpener      = (*node)(nil)
	_ fs.NodeCreater     = (*node)(nil)
	_ fs.NodeGetattrer   = (*node)(nil)
	_ fs.NodeSetattrer   = (*node)(nil)
	_ fs.NodeLookupNoder = (*node)(nil)
)

// openFlags are the flags of every open file: no page cache on top of the rules, and writes to one file side by side.
const openFlags = fuse.FOPEN_DIRECT_IO | fuse.FOPEN_PARALLEL_DIRECT_WRITES

// newRoot returns the root node for a backing directory that is reached through the mount called via.
func newRoot(gate *Gate, backing, via string) (*node, error) {
	loopback, err := fs.NewLoopbackRoot(backing)
	if err != nil {
		return nil, err
	}
	l, ok := loopback.(*fs.LoopbackNode)
	if !ok {
		return nil, errors.New("the FUSE library's loopback root is of an unexpected type")
	}
	return &node{LoopbackNode: l, tree: &tree{gate: gate, backing: backing, via: via}}, nil
}

// WrapChild makes every node that the loopback node finds one of ours.
func (n *node) WrapChild(_ context.Context, ops fs.InodeEmbedder) fs.InodeEmbedder {
	if l, ok := ops.(*fs.LoopbackNode); ok {
		return &node{LoopbackNode: l, tree: n.tree}
	}
	return ops
}

// path is where the node lies in the backing directory. A file that was removed has no path any more, though an NFS server may still
// have its handle: without the check its path would be that of the root.
func (n *node) path() (string, syscall.Errno) {
	if _, parent := n.Parent(); parent == nil && !n.IsRoot() {
		return "", syscall.ESTALE
	}
	return filepath.Join(n.tree.backing, n.Path(n.Root())), fs.OK
}

// Open opens the backing file.
func (n *node) Open(_ context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	path, errno := n.path()
	if errno != fs.OK {
		return nil, 0, errno
	}
	name := filepath.Base(path)
	if errno := n.tree.gate.Pass(Request{Op: OpOpen, Via: n.tree.via, File: name}); errno != fs.OK {
		return nil, 0, errno
	}
	access := flags & unix.O_ACCMODE
	fd, err := unix.Open(path, int(access)|unix.O_DSYNC|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, 0, fs.ToErrno(err)
	}
	return newFile(n.tree.gate, &n.tree.buffer, n.tree.via, name, fd, access), openFlags, fs.OK
}

// Create makes the backing file with the caller as its owner, and opens it.
func (n *node) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	if errno := n.tree.gate.Pass(Request{Op: OpOpen, Via: n.tree.via, File: name}); errno != fs.OK {
		return nil, nil, 0, errno
	}
	dir, errno := n.path()
	if errno != fs.OK {
		return nil, nil, 0, errno
	}
	path := filepath.Join(dir, name)
	access := flags & unix.O_ACCMODE
	plain := int(access) | unix.O_DSYNC | unix.O_NOFOLLOW | unix.O_CLOEXEC
	fd, err := unix.Open(path, plain|unix.O_CREAT|unix.O_EXCL, mode)
	switch {
	case err == nil:
		if caller, ok := fuse.FromContext(ctx); ok && os.Geteuid() == 0 {
			_ = unix.Fchown(fd, int(caller.Uid), int(caller.Gid))
		}
	case errors.Is(err, unix.EEXIST) && flags&unix.O_EXCL == 0: // somebody else made it since the kernel looked
		fd, err = unix.Open(path, plain, 0)
	}
	if err != nil {
		return nil, nil, 0, fs.ToErrno(err)
	}
	child, errno := n.Lookup(ctx, name, out)
	if errno != fs.OK {
		_ = unix.Close(fd)
		return nil, nil, 0, errno
	}
	return child, newFile(n.tree.gate, &n.tree.buffer, n.tree.via, name, fd, access), openFlags, fs.OK
}

// Getattr tells a removed file, which the loopback node would look for at the root, from one that is there.
func (n *node) Getattr(ctx context.Context, handle fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	if f, open := handle.(*file); open {
		return f.Getattr(ctx, out)
	}
	if _, errno := n.path(); errno != fs.OK {
		return errno
	}
	return n.LoopbackNode.Getattr(ctx, handle, out)
}

// Setattr passes on everything; a change of the size meets the rules.
func (n *node) Setattr(ctx context.Context, handle fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	size, ok := in.GetSize()
	if !ok {
		return n.LoopbackNode.Setattr(ctx, handle, in, out)
	}
	f, open := handle.(*file)
	var name string
	if open {
		name = f.name
	} else {
		path, errno := n.path()
		if errno != fs.OK {
			return errno
		}
		name = filepath.Base(path)
	}
	if errno := n.tree.gate.Pass(Request{Op: OpTruncate, Via: n.tree.via, File: name}); errno != fs.OK {
		return errno
	}
	if open { // by descriptor, because the file may have been removed meanwhile
		if err := f.truncate(int64(size)); err != nil {
			return fs.ToErrno(err)
		}
		in.Valid &^= fuse.FATTR_SIZE
	}
	return n.LoopbackNode.Setattr(ctx, handle, in, out)
}

// LookupNode finds a file by its node id, which is its inode number in the backing directory. The kernel asks for it when an NFS
// server opens a handle that is older than this process. Only the top of the backing directory is searched: that is
// where volumes lie.
func (n *node) LookupNode(ctx context.Context, id uint64, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	entries, err := os.ReadDir(n.tree.backing)
	if err != nil {
		return nil, fs.ToErrno(err)
	}
	for _, e := range entries {
		var st unix.Stat_t
		if err := unix.Lstat(filepath.Join(n.tree.backing, e.Name()), &st); err != nil || st.Ino != id {
			continue
		}
		child, errno := n.Lookup(ctx, e.Name(), out)
		if errno != fs.OK || child.StableAttr().Ino != id {
			continue
		}
		n.AddChild(e.Name(), child, true) // gives the node a path
		return child, fs.OK
	}
	return nil, syscall.ESTALE
}
