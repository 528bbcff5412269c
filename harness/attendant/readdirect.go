package attendant

import (
	"errors"
	"fmt"
	"io"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ReadDirect reads length bytes at an offset of a file past the page cache (O_DIRECT); where the file system refuses that
// (EINVAL), it drops the file's cached pages and reads normally. A file that ends earlier is an error.
func ReadDirect(path string, offset int64, length int) ([]byte, error) {
	const align = 4096
	direct := true
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_DIRECT, 0)
	if errors.Is(err, unix.EINVAL) {
		direct = false
		fd, err = unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	defer unix.Close(fd)
	if !direct {
		_ = unix.Fadvise(fd, 0, 0, unix.FADV_DONTNEED) // best effort: the kernel may keep dirty pages
	}
	first := offset / align * align
	last := (offset + int64(length) + align - 1) / align * align
	raw := make([]byte, last-first+align)
	shift := int(-uintptr(unsafe.Pointer(&raw[0])) & (align - 1))
	buf := raw[shift : shift+int(last-first)]
	got := 0
	for int64(got) < offset-first+int64(length) {
		n, err := unix.Pread(fd, buf[got:], first+int64(got))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read %s at %d: %w", path, first+int64(got), err)
		}
		if n == 0 {
			return nil, fmt.Errorf("read %s at %d: %w", path, first+int64(got), io.ErrUnexpectedEOF)
		}
		got += n
	}
	return append([]byte(nil), buf[offset-first:offset-first+int64(length)]...), nil
}
