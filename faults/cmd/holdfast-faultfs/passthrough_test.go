package main

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/faults/faultfs"
)

// No rule is in effect in these tests, so the test process itself can be the user of the mount.

// Whole blocks, odd lengths and odd offsets: what is written through the mount is what the backing file holds, and the other way
// round.
func TestDataPassesUnchanged(t *testing.T) {
	l := newLab(t)
	random := rand.New(rand.NewPCG(1, 2))
	model := make([]byte, 3<<20)
	through, err := os.OpenFile(filepath.Join(l.mount, "data.img"), os.O_RDWR|os.O_CREATE, 0o644)
	require.NoError(t, err)
	defer through.Close()
	require.NoError(t, through.Truncate(int64(len(model))))
	for i := range 200 {
		n, off := 1+random.IntN(9000), random.IntN(2<<20)
		switch i % 4 {
		case 0: // whole blocks: O_DIRECT to the backing file
			n, off = 4096*(1+random.IntN(4)), off&^4095
		case 1: // larger than a request
			n = 300_000 + random.IntN(700_000)
		}
		for j := off; j < off+n; j++ {
			model[j] = byte(random.Uint32())
		}
		_, err := through.WriteAt(model[off:off+n], int64(off))
		require.NoError(t, err)
		got := make([]byte, n)
		_, err = through.ReadAt(got, int64(off))
		require.NoError(t, err)
		require.True(t, bytes.Equal(model[off:off+n], got), "write %d: %d bytes at %d", i, n, off)
	}
	require.NoError(t, through.Sync())
	backing, err := os.ReadFile(filepath.Join(l.backing, "data.img"))
	require.NoError(t, err)
	require.True(t, bytes.Equal(model, backing))
	require.NoError(t, os.WriteFile(filepath.Join(l.backing, "data.img"), []byte("short"), 0o644))
	time.Sleep(1100 * time.Millisecond) // the kernel believes the old size for a second
	got, err := os.ReadFile(filepath.Join(l.mount, "data.img"))
	require.NoError(t, err)
	require.Equal(t, "short", string(got))
}

func TestSizesHolesAndSpace(t *testing.T) {
	l := newLab(t)
	path := filepath.Join(l.mount, "sparse.img")
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL, 0o640)
	require.NoError(t, err)
	defer unix.Close(fd)
	require.NoError(t, unix.Ftruncate(fd, 64<<20))
	_, err = unix.Pwrite(fd, []byte("island"), 32<<20)
	require.NoError(t, err)
	var st unix.Stat_t
	require.NoError(t, unix.Stat(path, &st))
	require.EqualValues(t, 64<<20, st.Size)
	require.Less(t, st.Blocks*512, int64(1<<20), "the file stays sparse")
	require.EqualValues(t, 0o640, st.Mode&0o777)
	data, err := unix.Seek(fd, 0, unix.SEEK_DATA)
	require.NoError(t, err)
	require.InDelta(t, 32<<20, data, 1<<16)

	require.NoError(t, unix.Fallocate(fd, 0, 0, 8<<20))
	require.NoError(t, unix.Stat(path, &st))
	require.GreaterOrEqual(t, st.Blocks*512, int64(8<<20))
	require.NoError(t, unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, 8<<20))
	time.Sleep(1100 * time.Millisecond)
	require.NoError(t, unix.Fstat(fd, &st))
	require.Less(t, st.Blocks*512, int64(1<<20))

	var through, below unix.Statfs_t
	require.NoError(t, unix.Statfs(l.mount, &through))
	require.NoError(t, unix.Statfs(l.backing, &below))
	require.Equal(t, below.Blocks, through.Blocks)
	require.EqualValues(t, unix.FUSE_SUPER_MAGIC, through.Type)

	_, err = unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL, 0o640)
	require.ErrorIs(t, err, unix.EEXIST)
	require.NoError(t, os.Rename(path, path+".new"))
	require.NoError(t, os.Remove(path+".new"))
	require.NoError(t, unix.Ftruncate(fd, 4096), "a file that was removed while open")
	require.NoError(t, unix.Fstat(fd, &st))
	require.EqualValues(t, 4096, st.Size)
}

// NFS servers keep file handles, not open files: a handle must open the same file after the kernel has forgotten the inode, after a rename,
// and after the file system was killed and mounted anew.
func TestFileHandlesLast(t *testing.T) {
	l := newLab(t)
	handle, _, err := unix.NameToHandleAt(unix.AT_FDCWD, filepath.Join(l.mount, "w.img"), 0)
	require.NoError(t, err)
	open := func() (byte, error) {
		mount, err := unix.Open(l.mount, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		require.NoError(t, err)
		defer unix.Close(mount)
		fd, err := unix.OpenByHandleAt(mount, handle, unix.O_RDWR|unix.O_CLOEXEC)
		if err != nil {
			return 0, err
		}
		defer unix.Close(fd)
		b := []byte{0}
		if _, err := unix.Pread(fd, b, 4096); err != nil {
			return 0, err
		}
		_, err = unix.Pwrite(fd, b, 4096)
		return b[0], err
	}
	requireFile := func(when string) {
		t.Helper()
		b, err := open()
		require.NoError(t, err, when)
		require.Equal(t, byte('w'), b, when)
	}
	requireFile("at once")
	dropCaches(t)
	requireFile("after the kernel has forgotten the inode")
	require.NoError(t, os.Rename(filepath.Join(l.mount, "w.img"), filepath.Join(l.mount, "renamed.img")))
	dropCaches(t)
	requireFile("after a rename")
	require.NoError(t, os.Rename(filepath.Join(l.mount, "renamed.img"), filepath.Join(l.mount, "w.img")))

	l.stop(unix.SIGKILL)
	l.start()
	requireFile("after the file system was killed and mounted anew")
	id := l.add(faultfs.Rule{Kind: faultfs.Latency, DelayMS: 1, File: "w.img"})
	requireFile("and rules know the file's name")
	require.EqualValues(t, 2, l.clear(id).DelayedTotal)

	require.NoError(t, os.Remove(filepath.Join(l.mount, "w.img")))
	require.NoError(t, os.WriteFile(filepath.Join(l.mount, "w.img"), []byte("another file of the same name"), 0o644))
	for range 5 { // with the inode known to the kernel, and forgotten
		_, err = open()
		require.ErrorIs(t, err, unix.ESTALE, "the handle of a removed file")
		dropCaches(t)
	}
}

// dropCaches makes the kernel forget inodes and names that nobody has open.
func dropCaches(t *testing.T) {
	t.Helper()
	if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("2"), 0); err != nil {
		t.Logf("cannot drop caches: %v", err)
	}
}
