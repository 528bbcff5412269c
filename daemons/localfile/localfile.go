// Package localfile reads small files of this host: configuration, templates, vm.conf. Whatever lies at the path, a read ends and takes
// a known amount of memory.
package localfile

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Read returns a file's content. What is no regular file (a pipe would be waited for, a device may have no end), or has more than limit
// bytes, is an error. The path must be on a local file system: another one may hang.
func Read(path string, limit int) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("read %s: not a regular file; check the path", path)
	}
	content, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err != nil {
		return nil, err
	}
	if len(content) > limit {
		return nil, fmt.Errorf("read %s: larger than %d bytes; check that it is the right file", path, limit)
	}
	return content, nil
}
