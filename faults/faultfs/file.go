package faultfs

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// file is an open file: the backing file, opened once or twice.
//
// Whole blocks go through `direct` (O_DIRECT), so that what a server takes for a disk is not the page cache. Everything else, and everything
// on a file system that refuses O_DIRECT, goes through `plain` (O_DSYNC: on the medium when write returns).
type file struct {
	gate   *Gate
	buffer *bounce
	via    string // base name of the mount that it was opened through
	name   string // base name at the time of opening: what rules call the file
	plain  int
	direct int // -1 where O_DIRECT is refused
}

// The methods that the FUSE library looks for. There must be no PassthroughFd among them: the kernel would then read and write the
// backing file past this process and its rules.
var (
	_ fs.FileReader    = (*file)(nil)
	_ fs.FileWriter    = (*file)(nil)
	_ fs.FileFsyncer   = (*file)(nil)
	_ fs.FileFlusher   = (*file)(nil)
	_ fs.FileAllocater = (*file)(nil)
	_ fs.FileLseeker   = (*file)(nil)
	_ fs.FileGetattrer = (*file)(nil)
	_ fs.FileReleaser  = (*file)(nil)
)

// newFile takes over the descriptor plain and adds one with O_DIRECT where the file system allows it.
func newFile(gate *Gate, buffer *bounce, via, name string, plain int, access uint32) *file {
	direct, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", plain), int(access)|unix.O_DIRECT|unix.O_CLOEXEC, 0)
	if err != nil {
		direct = -1
	}
	return &file{gate: gate, buffer: buffer, via: via, name: name, plain: plain, direct: direct}
}

// Read fills dest, which is the kernel library's own buffer, or a bounce buffer where that is not aligned.
func (f *file) Read(_ context.Context, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	if errno := f.gate.Pass(Request{Op: OpRead, Via: f.via, File: f.name, Offset: off, Length: int64(len(dest))}); errno != fs.OK {
		return nil, errno
	}
	if f.direct >= 0 && blocks(off, len(dest)) {
		n, err := f.readDirect(dest, off)
		if !errors.Is(err, unix.EINVAL) {
			return fuse.ReadResultData(dest[:n]), fs.ToErrno(err)
		}
	}
	n, err := retry(func() (int, error) { return unix.Pread(f.plain, dest, off) })
	return fuse.ReadResultData(dest[:n]), fs.ToErrno(err)
}

func (f *file) readDirect(dest []byte, off int64) (int, error) {
	if aligned(dest) {
		return retry(func() (int, error) { return unix.Pread(f.direct, dest, off) })
	}
	buf := f.buffer.get(len(dest))
	defer f.buffer.put(buf)
	n, err := retry(func() (int, error) { return unix.Pread(f.direct, buf, off) })
	return copy(dest, buf[:n]), err
}

// Write writes data in one call; a short write is passed on as such.
func (f *file) Write(_ context.Context, data []byte, off int64) (uint32, syscall.Errno) {
	if errno := f.gate.Pass(Request{Op: OpWrite, Via: f.via, File: f.name, Offset: off, Length: int64(len(data))}); errno != fs.OK {
		return 0, errno
	}
	if f.direct >= 0 && blocks(off, len(data)) {
		n, err := f.writeDirect(data, off)
		if !errors.Is(err, unix.EINVAL) {
			return uint32(n), fs.ToErrno(err)
		}
	}
	n, err := retry(func() (int, error) { return unix.Pwrite(f.plain, data, off) })
	return uint32(n), fs.ToErrno(err)
}

func (f *file) writeDirect(data []byte, off int64) (int, error) {
	if !aligned(data) {
		buf := f.buffer.get(len(data))
		defer f.buffer.put(buf)
		copy(buf, data)
		data = buf
	}
	return retry(func() (int, error) { return unix.Pwrite(f.direct, data, off) })
}

// Fsync passes on fsync, or fdatasync where the victim asked for that.
func (f *file) Fsync(_ context.Context, flags uint32) syscall.Errno {
	if errno := f.gate.Pass(Request{Op: OpFsync, Via: f.via, File: f.name}); errno != fs.OK {
		return errno
	}
	const dataOnly = 1
	_, err := retry(func() (int, error) {
		if flags&dataOnly != 0 {
			return 0, unix.Fdatasync(f.plain)
		}
		return 0, unix.Fsync(f.plain)
	})
	return fs.ToErrno(err)
}

// Flush is sent at each close of a descriptor. There is nothing to do: no data is kept here.
func (f *file) Flush(context.Context) syscall.Errno { return fs.OK }

// Allocate passes on fallocate in all its modes.
func (f *file) Allocate(_ context.Context, off, size uint64, mode uint32) syscall.Errno {
	if errno := f.gate.Pass(Request{Op: OpAllocate, Via: f.via, File: f.name, Offset: int64(off), Length: int64(size)}); errno != fs.OK {
		return errno
	}
	_, err := retry(func() (int, error) { return 0, unix.Fallocate(f.plain, mode, int64(off), int64(size)) })
	return fs.ToErrno(err)
}

// Lseek answers SEEK_DATA and SEEK_HOLE, so that sparse files stay sparse when they are copied.
func (f *file) Lseek(_ context.Context, off uint64, whence uint32) (uint64, syscall.Errno) {
	n, err := unix.Seek(f.plain, int64(off), int(whence))
	return uint64(n), fs.ToErrno(err)
}

// Getattr also works for a file that was removed while it is open.
func (f *file) Getattr(_ context.Context, out *fuse.AttrOut) syscall.Errno {
	var st syscall.Stat_t
	if err := syscall.Fstat(f.plain, &st); err != nil {
		return fs.ToErrno(err)
	}
	out.FromStat(&st)
	return fs.OK
}

// truncate changes the size of the open file.
func (f *file) truncate(size int64) error {
	_, err := retry(func() (int, error) { return 0, unix.Ftruncate(f.plain, size) })
	return err
}

// Release closes the backing file. The kernel sends it after every other request of this file.
func (f *file) Release(context.Context) syscall.Errno { return fs.ToErrno(f.close()) }

func (f *file) close() error {
	if f.direct >= 0 {
		_ = unix.Close(f.direct)
	}
	return unix.Close(f.plain)
}

// retry repeats a system call that a signal interrupted, and never returns a negative count.
func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if errors.Is(err, unix.EINTR) {
			continue
		}
		return max(n, 0), err
	}
}
