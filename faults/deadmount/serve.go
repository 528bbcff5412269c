package deadmount

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// The little of the FUSE protocol that a dead file system speaks: the answer to its first request. Numbers are of
// include/uapi/linux/fuse.h.
const (
	opInit       = 26
	inHeader     = 40 // bytes: length, opcode, unique, ...
	outHeader    = 16 // bytes: length, error, unique
	initOut      = 64 // bytes of the answer to INIT since protocol 7.23
	major, minor = 7, 31
	maxWrite     = 128 << 10
	maxRequest   = maxWrite + 4096 // the kernel wants room for a header beside the data
)

// Serve makes the directory, mounts a file system on it that answers no request, and keeps it until ctx ends; then it takes the
// mount away, and whoever waited gets an error. Killing the process frees the waiting too. It needs CAP_SYS_ADMIN and /dev/fuse, and
// never touches the mount itself. ready is called once it is mounted.
func Serve(ctx context.Context, dir string, ready func()) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("dead mount: %w", err)
	}
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("dead mount: /dev/fuse: %w", err)
	}
	device := os.NewFile(uintptr(fd), "/dev/fuse") // without blocking, so that Close ends Read
	defer device.Close()
	options := fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", fd)
	if err := unix.Mount("dead", dir, "fuse", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		return fmt.Errorf("dead mount: mount on %s: %w (it needs CAP_SYS_ADMIN)", dir, err)
	}
	ready()
	ended := make(chan struct{})
	go func() { defer close(ended); err = swallow(device) }()
	select {
	case <-ctx.Done():
	case <-ended: // the mount was taken away from outside, or is broken
	}
	// Detaching asks the file system nothing; closing the device ends every request that waits.
	detached := unix.Unmount(dir, unix.MNT_DETACH)
	device.Close()
	<-ended
	if errors.Is(detached, unix.EINVAL) { // it is gone already
		detached = nil
	}
	if err == nil && detached != nil {
		return fmt.Errorf("dead mount: detach %s: %w", dir, detached)
	}
	return err
}

// swallow reads requests and answers the first kind only.
func swallow(device *os.File) error {
	buffer := make([]byte, maxRequest)
	for {
		n, err := device.Read(buffer)
		switch {
		case errors.Is(err, os.ErrClosed), errors.Is(err, unix.ENODEV): // closed here, or unmounted
			return nil
		case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN): // the request went away meanwhile
			continue
		case err != nil:
			return fmt.Errorf("dead mount: read a request: %w", err)
		case n < inHeader || binary.NativeEndian.Uint32(buffer[4:]) != opInit:
			continue // never answered
		}
		if _, err := device.Write(answerInit(buffer[8:16])); err != nil {
			return fmt.Errorf("dead mount: answer the first request: %w", err)
		}
	}
}

// answerInit is the answer to INIT: no features at all.
func answerInit(unique []byte) []byte {
	out := make([]byte, outHeader+initOut)
	order := binary.NativeEndian
	order.PutUint32(out[0:], uint32(len(out)))
	copy(out[8:16], unique)
	body := out[outHeader:]
	order.PutUint32(body[0:], major)
	order.PutUint32(body[4:], minor)
	order.PutUint16(body[16:], 64) // requests in the background
	order.PutUint16(body[18:], 48)
	order.PutUint32(body[20:], maxWrite)
	order.PutUint32(body[24:], 1) // granularity of times, ns
	return out
}
