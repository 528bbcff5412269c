// Package directio reads and writes a piece of a volume on shared storage, straight to and from the storage: O_DIRECT and O_SYNC, the
// volume opened for the one operation and closed behind it.
//
// Direct I/O is what makes other hosts' changes visible; closing each time gives NFS its close-to-open consistency and never holds on to
// a volume that was unmounted meanwhile.
//
// Any call here may block for as long as storage does, that is for ever, and cannot be interrupted. Call it in a lane (package lane),
// and nowhere else. Only raw system calls are used: an os.File would bring the poller, a finalizer and syscall.ForkLock, and a call that
// hangs with that lock stops every exec of the process.
//
// Memory that a call reads into or writes from belongs to that call: a call that never returns keeps its own copy for ever and touches
// nothing of its caller's.
package directio

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

const (
	// MaxLength is the longest piece of one operation, in bytes: 64 MiB.
	MaxLength = 64 << 20
	// Sector is the smallest unit of a write, in bytes. On storage with sectors of 4096 bytes the unit is 4096.
	Sector = 512
	// block is the unit of a read; every sector size divides it.
	block = 4096
)

// Bounds of the loops: an interrupted call, or one that brings nothing whole, is repeated this often at most.
const (
	maxInterrupts = 1000
	maxShort      = 8
)

// Volume is a file or a block device.
type Volume struct {
	// Path of the volume; links are followed.
	Path string
	// AllowBuffered permits I/O without O_DIRECT where the file system refuses it, as older tmpfs does. Without direct I/O another
	// host's changes may stay invisible, so this is for tests and for local files only.
	AllowBuffered bool
}

// Read reads length bytes, 0 to MaxLength, from offset on. Fewer bytes, or none, mean that the volume ends there; that is no error.
// Neither offset nor length needs to be aligned. The error is an *Error.
func Read(path string, offset int64, length int) ([]byte, error) {
	return Volume{Path: path}.Read(offset, length)
}

// Write writes data, at most MaxLength bytes, at offset and returns after storage has confirmed it and the volume is closed. Offset and
// length must be multiples of the storage's sector (512 or 4096 bytes). A file grows as needed, a block device does not. After an error
// any part of the piece may be old, new or torn. The error is an *Error.
func Write(path string, offset int64, data []byte) error {
	return Volume{Path: path}.Write(offset, data)
}

// Read is the function Read for this volume.
func (v Volume) Read(offset int64, length int) ([]byte, error) {
	return v.read(system(), offset, length)
}

// Write is the function Write for this volume.
func (v Volume) Write(offset int64, data []byte) error { return v.write(system(), offset, data) }

func (v Volume) read(sys calls, offset int64, length int) (data []byte, err error) {
	if offset < 0 || length < 0 || length > MaxLength {
		return nil, v.fail("read", offset, length, fmt.Errorf("%w: offset from 0, length 0 to %d bytes", unix.EINVAL, MaxLength))
	}
	// The blocks around the piece: what is asked for need not be aligned, what the kernel is asked for must be.
	skip := int(offset % block)
	buffer := Aligned((skip + length + block - 1) / block * block)
	fd, err := v.open(sys, unix.O_RDONLY, offset, length)
	if err != nil {
		return nil, err
	}
	n, err := v.fill(sys, fd, buffer, offset-int64(skip), skip+length)
	if closeErr := sys.close(fd); closeErr != nil && err == nil {
		err = v.fail("close after read", offset, length, closeErr)
	}
	if err != nil {
		return nil, err
	}
	if n <= skip {
		return nil, nil
	}
	end := min(n, skip+length)
	return buffer[skip:end:end], nil
}

// fill reads until want bytes of the buffer are there or the volume ends. After a short read it goes on from the last whole sector, so
// that offset and memory stay aligned; when that brings nothing new twice in a row the volume ends there.
func (v Volume) fill(sys calls, fd int, buffer []byte, offset int64, want int) (int, error) {
	have := 0
	for stuck := 0; have < want && stuck < 2; {
		whole := have / Sector * Sector
		n, err := again(func() (int, error) { return sys.pread(fd, buffer[whole:], offset+int64(whole)) })
		if errors.Is(err, unix.EINVAL) && whole%block != 0 {
			break // storage with larger sectors: what follows a short read cannot be asked for, and is the end of the file
		}
		if err != nil {
			return 0, v.fail("read", offset+int64(whole), want-whole, err)
		}
		if n == 0 {
			break
		}
		stuck++
		if whole+n > have {
			have, stuck = whole+n, 0
		}
	}
	return have, nil
}

func (v Volume) write(sys calls, offset int64, data []byte) (err error) {
	if offset < 0 || offset%Sector != 0 || len(data)%Sector != 0 || len(data) > MaxLength {
		return v.fail("write", offset, len(data),
			fmt.Errorf("%w: offset and length are multiples of %d, length at most %d bytes", unix.EINVAL, Sector, MaxLength))
	}
	buffer := Aligned(len(data))
	copy(buffer, data)
	fd, err := v.open(sys, unix.O_WRONLY, offset, len(data))
	if err != nil {
		return err
	}
	defer func() {
		// On NFS it is close that reports what became of the data.
		if closeErr := sys.close(fd); closeErr != nil && err == nil {
			err = v.fail("close after write", offset, len(data), closeErr)
		}
	}()
	for short := 0; len(buffer) > 0; short++ {
		if short > maxShort {
			return v.fail("write", offset, len(buffer), io.ErrShortWrite)
		}
		n, err := again(func() (int, error) { return sys.pwrite(fd, buffer, offset) })
		if err != nil {
			return v.fail("write", offset, len(buffer), err)
		}
		if n < len(buffer) {
			n = n / block * block // a block that was written in part is written again as a whole, so that the rest stays aligned
		}
		if n > 0 {
			short = 0
		}
		buffer, offset = buffer[n:], offset+int64(n)
	}
	return nil
}

func (v Volume) open(sys calls, mode int, offset int64, length int) (int, error) {
	flags := mode | unix.O_SYNC | unix.O_CLOEXEC
	fd, err := again(func() (int, error) { return sys.open(v.Path, flags|unix.O_DIRECT) })
	if errors.Is(err, unix.EINVAL) && v.AllowBuffered {
		fd, err = again(func() (int, error) { return sys.open(v.Path, flags) })
	}
	if err != nil {
		return -1, v.fail("open", offset, length, err)
	}
	return fd, nil
}

func (v Volume) fail(op string, offset int64, length int, err error) error {
	return &Error{Op: op, Path: v.Path, Offset: offset, Length: length, Err: err}
}

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
