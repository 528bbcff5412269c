package directio

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// Error tells which operation on which piece of which volume failed, and what to do.
type Error struct {
	Op     string // open, read, write, close after read, close after write
	Path   string
	Offset int64 // bytes
	Length int   // bytes
	Err    error // an errno (unix.EIO, ...) or io.ErrShortWrite; errors.Is finds it
}

// Error returns operation, path, piece, cause and remedy in one line.
func (e *Error) Error() string {
	return fmt.Sprintf("%s %s, %d bytes at %d: %v (%s)", e.Op, e.Path, e.Length, e.Offset, e.Err, e.Remedy())
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Remedy says what a person can do about it.
func (e *Error) Remedy() string {
	for _, r := range []struct {
		cause  error
		remedy string
	}{
		{unix.ENOENT, "it is not there: check that storage is connected and prepared, then the path"},
		{unix.ENOTDIR, "it is not there: check that storage is connected and prepared, then the path"},
		{unix.EISDIR, "that is a directory: check the path"},
		{unix.ENODEV, "the device is gone: reconnect the storage"},
		{unix.ENXIO, "the device is gone: reconnect the storage"},
		{unix.ENOTCONN, "the userspace attachment has died: reconnect the storage"},
		{unix.EFAULT, "the userspace attachment has lost its server: reconnect the storage"},
		{unix.ESTALE, "the server no longer knows the file: reconnect the storage and prepare the volume again"},
		{unix.EACCES, "check owner and mode; the daemon's user needs to read and write it"},
		{unix.EPERM, "check owner and mode; the daemon's user needs to read and write it"},
		{unix.EROFS, "storage is read-only: look for an earlier I/O error on the server, then remount"},
		{unix.ENOSPC, "storage is full: free space on the server"},
		{unix.EDQUOT, "the quota on the server is used up"},
		{unix.ETIMEDOUT, "storage did not answer in time: check server, network and paths"},
		{unix.EIO, "storage refused the operation: check server, network and paths"},
		{unix.EINVAL, "offset, length or the file system do not allow direct I/O here: check the path and the sector size"},
		{io.ErrShortWrite, "the volume takes only a part: it is too small, or storage is full"},
	} {
		if errors.Is(e.Err, r.cause) {
			return r.remedy
		}
	}
	return "check the storage behind it"
}
