package directio

import "golang.org/x/sys/unix"

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
