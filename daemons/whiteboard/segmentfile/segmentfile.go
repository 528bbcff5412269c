// Package segmentfile reads and writes the whiteboard's volume: whole segments, straight to and from storage.
//
// Each operation opens the volume with O_DIRECT and O_SYNC, does its I/O and closes it. Direct I/O is what makes other hosts' updates
// visible (upstream's bugs 1014241 and 1277079); closing each time gives NFS its close-to-open consistency and never holds on to a
// volume that was unmounted meanwhile.
//
// Any call here may block for as long as storage does, that is for ever, and cannot be interrupted. Call it in a lane
// (package lane), and nowhere else. Only raw system calls are used: an os.File would bring the poller, a finalizer and
// syscall.ForkLock, and a call that hangs with that lock stops every exec of the process.
package segmentfile

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
)

// Volume is a whiteboard volume: a file or a block device.
type Volume struct {
	// Path of the volume.
	Path string
	// AllowBuffered permits I/O without O_DIRECT where the file system refuses it, as older tmpfs does. Without direct I/O another
	// host's updates may stay invisible, so this is for tests only. Reader.Pass reports when it was used.
	AllowBuffered bool
}

// Write writes segment 0 to 2000 of the volume at path, with O_DIRECT. See Volume.Write.
func Write(path string, segment int, s *whiteboard.Segment) error {
	return Volume{Path: path}.Write(segment, s)
}

// Read reads count segments from segment from on into buf, with O_DIRECT. See Volume.Read.
func Read(path string, buf *Buffer, from, count int) (read int, err error) {
	return Volume{Path: path}.Read(buf, from, count)
}

// Write writes one segment, 0 to 2000, and returns after storage has confirmed it and the volume is closed. After an error the
// segment may be old, new or torn; writing it again puts that right. Neighbours are never touched. The error is an *Error.
func (v Volume) Write(segment int, s *whiteboard.Segment) error {
	return v.write(system(), segment, s)
}

// Read reads count segments from segment from on into buf, which must have room for them. It returns the number of whole segments
// that the volume holds there; the rest of buf, also after an error, is zeros, which decode as absent. Bytes of a last, incomplete
// segment do not count and are zeroed. The error is an *Error.
func (v Volume) Read(buf *Buffer, from, count int) (read int, err error) {
	read, _, err = v.read(system(), buf, from, count)
	return read, err
}

// Bounds of the loops: an interrupted or short call is repeated this often at most.
const (
	maxInterrupts = 1000
	maxShort      = 8
)

func (v Volume) write(sys calls, segment int, s *whiteboard.Segment) (err error) {
	if segment < 0 || segment >= whiteboard.Segments {
		return v.fail("write", segment, fmt.Errorf("%w: segments are 0 to %d", unix.EINVAL, whiteboard.Segments-1))
	}
	fd, _, err := v.open(sys, unix.O_WRONLY, segment)
	if err != nil {
		return err
	}
	defer func() {
		// On NFS it is close that reports what became of the data.
		if closeErr := sys.close(fd); closeErr != nil && err == nil {
			err = v.fail("close after write", segment, closeErr)
		}
	}()
	block := NewBuffer(1)
	copy(block.bytes, s[:])
	for range maxShort {
		n, err := again(func() (int, error) { return sys.pwrite(fd, block.bytes, offset(segment)) })
		if err != nil {
			return v.fail("write", segment, err)
		}
		if n == whiteboard.SegmentSize {
			return nil
		}
		// A short write is repeated as a whole: the same bytes again do no harm, and the rest alone may not be aligned.
	}
	return v.fail("write", segment, io.ErrShortWrite)
}

func (v Volume) read(sys calls, buf *Buffer, from, count int) (read int, buffered bool, err error) {
	clear(buf.bytes)
	if from < 0 || count < 1 || from+count > whiteboard.Segments || count > buf.Segments() {
		return 0, false, v.fail("read", from, fmt.Errorf("%w: %d segments from %d on into a buffer of %d; segments are 0 to %d",
			unix.EINVAL, count, from, buf.Segments(), whiteboard.Segments-1))
	}
	fd, buffered, err := v.open(sys, unix.O_RDONLY, from)
	if err != nil {
		return 0, false, err
	}
	read, err = v.fill(sys, fd, buf, from, count)
	if closeErr := sys.close(fd); closeErr != nil && err == nil {
		err = v.fail("close after read", from, closeErr)
	}
	if err != nil {
		read = 0
	}
	clear(buf.bytes[read*whiteboard.SegmentSize:])
	return read, buffered, err
}

// fill reads until count segments are there or the volume ends. A short read goes on from the last whole segment, so that offset
// and memory stay aligned; one that brings no further whole segment twice in a row is the end of the volume.
func (v Volume) fill(sys calls, fd int, buf *Buffer, from, count int) (read int, err error) {
	stuck := 0
	for read < count && stuck < 2 {
		want := buf.bytes[read*whiteboard.SegmentSize : count*whiteboard.SegmentSize]
		n, err := again(func() (int, error) { return sys.pread(fd, want, offset(from+read)) })
		if err != nil {
			return 0, v.fail("read", from+read, err)
		}
		if n == 0 {
			break
		}
		whole := n / whiteboard.SegmentSize
		read += whole
		stuck++
		if whole > 0 {
			stuck = 0
		}
	}
	return read, nil
}

// open opens the volume for one operation.
func (v Volume) open(sys calls, mode, segment int) (fd int, buffered bool, err error) {
	flags := mode | unix.O_SYNC | unix.O_CLOEXEC
	fd, err = again(func() (int, error) { return sys.open(v.Path, flags|unix.O_DIRECT) })
	if errors.Is(err, unix.EINVAL) && v.AllowBuffered {
		buffered = true
		fd, err = again(func() (int, error) { return sys.open(v.Path, flags) })
	}
	if err != nil {
		return -1, false, v.fail("open", segment, err)
	}
	return fd, buffered, nil
}

func (v Volume) fail(op string, segment int, err error) error {
	return &Error{Op: op, Path: v.Path, Segment: segment, Err: err}
}

func offset(segment int) int64 { return int64(segment) * whiteboard.SegmentSize }

// again repeats a call that a signal interrupted. FUSE mounts report such interruptions, and Go sends its threads signals.
func again(call func() (int, error)) (n int, err error) {
	for range maxInterrupts {
		n, err = call()
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	return n, err
}

// calls are the system calls used, each replaceable in tests so that exactly one can be made to fail.
type calls struct {
	open   func(path string, flags int) (int, error)
	pread  func(fd int, p []byte, offset int64) (int, error)
	pwrite func(fd int, p []byte, offset int64) (int, error)
	close  func(fd int) error
}

func system() calls {
	return calls{
		open:   func(path string, flags int) (int, error) { return unix.Open(path, flags, 0) },
		pread:  unix.Pread,
		pwrite: unix.Pwrite,
		close:  unix.Close,
	}
}
