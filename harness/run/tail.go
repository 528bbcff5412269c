package run

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"time"
)

// tailEvery is how often a followed file is looked at. It bounds how late the runner learns of a line.
const tailEvery = 25 * time.Millisecond

// maxTailLine bounds one line of a followed file; what is longer is dropped up to its newline.
const maxTailLine = 4 << 20

// follow hands each complete line of the file at path to take, from the first one on, until ctx ends; then it reads what is
// left once more. The file may not exist yet, or ever; one that exists and cannot be read at the end is an error. Lines come without their newline and are valid only during the call.
func follow(ctx context.Context, path string, take func(line []byte)) error {
	f := follower{path: path, take: take}
	defer f.close()
	tick := time.NewTicker(tailEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return f.read()
		case <-tick.C:
			_ = f.read() // tried again; the last error counts
		}
	}
}

type follower struct {
	path string
	take func([]byte)
	file *os.File
	rest []byte
	buf  [64 << 10]byte
}

func (f *follower) read() error {
	if f.file == nil {
		file, err := os.Open(f.path)
		if errors.Is(err, os.ErrNotExist) {
			return nil // it comes into being when its writer starts
		}
		if err != nil {
			return err
		}
		f.file = file
	}
	for {
		n, err := f.file.Read(f.buf[:])
		f.feed(f.buf[:n])
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil || n == 0:
			return err
		}
	}
}

func (f *follower) feed(part []byte) {
	for {
		i := bytes.IndexByte(part, '\n')
		if i < 0 {
			if len(f.rest)+len(part) <= maxTailLine {
				f.rest = append(f.rest, part...)
			}
			return
		}
		if line := append(f.rest, part[:i]...); len(line) > 0 {
			f.take(line)
		}
		f.rest = f.rest[:0]
		part = part[i+1:]
	}
}

func (f *follower) close() {
	if f.file != nil {
		f.file.Close()
	}
}
