// Package exportcheck asks whether a fresh NFS export really works, with a client that has nothing to do with the rest of the lab.
package exportcheck

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/willscott/go-nfs-client/nfs"
	"github.com/willscott/go-nfs-client/nfs/rpc"
)

// Check mounts a fresh NFS v3 export with an independent client, writes a file of one block, reads it back and removes it.
//
// The client has no context support and never returns when a reply takes more than 5 s, so this is only for a server that is
// thought healthy, and only in a process of its own that somebody else bounds in time: the attendant's `run` does.
func Check(addr, export string) error {
	const file = "/.holdfast-export-check"
	mount, err := nfs.DialMount(addr, 3*time.Second)
	if err != nil {
		return fmt.Errorf("export check: mount service of %s: %w", addr, err)
	}
	defer mount.Close()
	target, err := mount.Mount(export, rpc.NewAuthUnix("holdfast", 0, 0).Auth())
	if err != nil {
		return fmt.Errorf("export check: mount %s:%s: %w", addr, export, err)
	}
	defer target.Close()
	want := make([]byte, 4096)
	_, _ = rand.Read(want) // never fails
	f, err := target.OpenFile(file, 0o600)
	if err != nil {
		return fmt.Errorf("export check: create %s%s: %w", export, file, err)
	}
	if n, err := f.Write(want); err != nil || n != len(want) {
		return fmt.Errorf("export check: write %s%s: %d of %d bytes: %w", export, file, n, len(want), err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("export check: commit %s%s: %w", export, file, err)
	}
	f, err = target.Open(file)
	if err != nil {
		return fmt.Errorf("export check: open %s%s: %w", export, file, err)
	}
	got, err := io.ReadAll(io.LimitReader(f, int64(len(want))+1))
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("export check: read %s%s: %w", export, file, err)
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("export check: read %s%s: %d bytes that differ from the %d written", export, file, len(got), len(want))
	}
	if err := target.Remove(file); err != nil {
		return fmt.Errorf("export check: remove %s%s: %w", export, file, err)
	}
	if err := mount.Unmount(); err != nil {
		return fmt.Errorf("export check: unmount %s: %w", export, err)
	}
	return nil
}
