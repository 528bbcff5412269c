package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// result is what a victim says about its one operation.
type result struct {
	Took  time.Duration
	Errno string // "" or the error's name
	Data  byte   // first byte read
}

// victim is a process that makes one operation on one file.
type victim struct {
	t   testing.TB
	cmd *exec.Cmd
	out chan result // gets the result, or is closed
}

// victim starts an operation: "read", "write", "fsync", "truncate", "idle" (keeps the file open) of a file at an offset.
func (l *lab) victim(op, name string, offset int64) *victim {
	l.t.Helper()
	return l.victimAt(l.mount, op, name, offset)
}

// victimAt is victim with a choice of the mount.
func (l *lab) victimAt(mount, op, name string, offset int64) *victim {
	l.t.Helper()
	cmd := self(roleVictim, op, filepath.Join(mount, name), fmt.Sprint(offset))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe() // an idle victim ends when it is closed
	require.NoError(l.t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(l.t, err)
	require.NoError(l.t, cmd.Start())
	v := &victim{t: l.t, cmd: cmd, out: make(chan result, 1)}
	opened, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		defer close(v.out)
		lines := bufio.NewScanner(stdout)
		if lines.Scan() {
			close(opened)
		}
		if lines.Scan() {
			var r result
			if json.Unmarshal(lines.Bytes(), &r) == nil {
				v.out <- r
			}
		}
		_ = cmd.Wait()
	}()
	l.t.Cleanup(func() { // runs before the lab's tearDown, so a victim may still hang in the mount
		stdin.Close()
		_ = cmd.Process.Kill()
		if l.t.Failed() {
			_, _ = l.client.ClearAll(context.Background())
		}
		select {
		case <-ended:
		case <-time.After(patience):
			l.t.Errorf("victim %d does not end", cmd.Process.Pid)
		}
	})
	select {
	case <-opened:
	case <-time.After(patience):
		require.FailNow(l.t, "the victim cannot open its file")
	}
	return v
}

// done waits for the operation to end.
func (v *victim) done() result {
	v.t.Helper()
	select {
	case r, ok := <-v.out:
		require.True(v.t, ok, "the victim ended without a result")
		return r
	case <-time.After(patience):
		require.FailNow(v.t, "the victim is still blocked")
	}
	return result{}
}

// blocked reports that the operation has not ended.
func (v *victim) blocked() bool { return len(v.out) == 0 }

// victimMain is the victim's process.
func victimMain(op string, args []string) int {
	var offset int64
	if _, err := fmt.Sscan(args[1], &offset); err != nil {
		return 2
	}
	fd, err := unix.Open(args[0], unix.O_RDWR|unix.O_CREAT|unix.O_DIRECT|unix.O_CLOEXEC, 0o644)
	if err != nil {
		fmt.Fprintln(os.Stderr, "victim: open:", err)
		return 1
	}
	fmt.Println("open")
	block, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return 1
	}
	start := time.Now()
	switch op {
	case "read":
		_, err = unix.Pread(fd, block, offset)
	case "write":
		for i := range block {
			block[i] = 'V'
		}
		_, err = unix.Pwrite(fd, block, offset)
	case "fsync":
		err = unix.Fsync(fd)
	case "truncate":
		err = unix.Ftruncate(fd, offset)
	case "idle":
		_, _ = io.Copy(io.Discard, os.Stdin)
	}
	r := result{Took: time.Since(start), Data: block[0]}
	var errno unix.Errno
	if errors.As(err, &errno) {
		r.Errno = unix.ErrnoName(errno)
	}
	line, _ := json.Marshal(r)
	fmt.Println(string(line))
	return 0
}
