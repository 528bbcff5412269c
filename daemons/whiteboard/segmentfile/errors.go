package segmentfile

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// Error tells which operation on which segment of which volume failed, and what to do.
type Error struct {
	Op      string // open, read, write, close after read, close after write
	Path    string
	Segment int   // the first segment concerned
	Err     error // an errno (unix.EIO, ...) or io.ErrShortWrite; errors.Is finds it
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s whiteboard %s segment %d: %v (%s)", e.Op, e.Path, e.Segment, e.Err, e.Remedy())
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Remedy says what a person can do about it.
func (e *Error) Remedy() string {
	for _, r := range []struct {
		cause  error
		remedy string
	}{
		{unix.ENOENT, "the volume is not there: check that storage is connected and prepared, then whiteboard_path"},
		{unix.ENOTDIR, "the volume is not there: check that storage is connected and prepared, then whiteboard_path"},
		{unix.ENODEV, "the device is gone: reconnect the storage"},
		{unix.ENXIO, "the device is gone: reconnect the storage"},
		{unix.ESTALE, "the server no longer knows the file: reconnect the storage and prepare the volume again"},
		{unix.EACCES, "check the volume's owner and mode; the daemon's user needs to read and write it"},
		{unix.EPERM, "check the volume's owner and mode; the daemon's user needs to read and write it"},
		{unix.EROFS, "storage is read-only: look for an earlier I/O error on the server, then remount"},
		{unix.ENOSPC, "storage is full: free space on the server; the volume should have been allocated in full"},
		{unix.EDQUOT, "the quota on the server is used up"},
		{unix.ETIMEDOUT, "storage did not answer in time: check server, network and paths"},
		{unix.EIO, "storage refused the operation: check server, network and paths; it is tried again"},
		{unix.ENOTCONN, "the userspace attachment has died: reconnect the storage"},
		{unix.EINVAL, "the volume refuses direct I/O of 4096 bytes, or the segment does not exist: check that whiteboard_path is the metadata volume"},
		{io.ErrShortWrite, "the volume takes only part of a segment: it is too small, or storage is full"},
	} {
		if errors.Is(e.Err, r.cause) {
			return r.remedy
		}
	}
	return "check the storage behind the volume; it is tried again"
}
