package lease

import (
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// record makes a delta lease as sanlock writes it.
func record(d DeltaLease, align Flags) []byte {
	b := make([]byte, d.Sector)
	le := binary.LittleEndian
	le.PutUint32(b, 0x12212010)
	le.PutUint32(b[4:], 0x00030004)
	le.PutUint32(b[8:], uint32(align))
	le.PutUint32(b[12:], uint32(d.Sector))
	le.PutUint64(b[24:], 1)
	le.PutUint64(b[32:], d.OwnerID)
	le.PutUint64(b[40:], d.Generation)
	copy(b[56:104], d.Lockspace)
	copy(b[104:152], d.OwnerName)
	le.PutUint64(b[152:], d.Timestamp)
	le.PutUint32(b[168:], ^crc32.Update(1, crc32.MakeTable(crc32.Castagnoli), b[:168]))
	le.PutUint16(b[174:], uint16(d.IOTimeout/time.Second))
	return b
}

// lockspaceFile makes a lockspace whose records from host id 1 on are given.
func lockspaceFile(t *testing.T, size int, records ...[]byte) string {
	t.Helper()
	area := make([]byte, size)
	for i, r := range records {
		copy(area[i*len(r):], r)
	}
	path := filepath.Join(t.TempDir(), "lockspace")
	require.NoError(t, os.WriteFile(path, area, 0o600))
	needDirect(t, path)
	return path
}

func needDirect(t *testing.T, path string) {
	t.Helper()
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECT|unix.O_CLOEXEC, 0)
	if err == nil {
		require.NoError(t, unix.Close(fd))
		return
	}
	const reason = "THE FILE SYSTEM OF THE TEMPORARY DIRECTORY REFUSES O_DIRECT: set TMPDIR to a directory on ext4 or xfs"
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s (%v)", reason, err)
	}
	t.Skipf("%s (%v)", reason, err)
}

func TestReadDeltaLease(t *testing.T) {
	t.Parallel()
	for _, geometry := range []struct {
		sector, align, last int
		flag                Flags
	}{{512, 1, 2000, Align1M}, {512, 1, 2000, 0}, {4096, 1, 250, Align1M}, {4096, 8, 2000, Align8M}} {
		free := DeltaLease{Lockspace: "hosted-engine", IOTimeout: 10 * time.Second, Sector: geometry.sector, AlignMiB: geometry.align}
		held := free
		held.OwnerName, held.OwnerID, held.Generation, held.Timestamp = "host2.example.com", 2, 7, 4711
		path := lockspaceFile(t, geometry.align<<20, record(free, geometry.flag), record(held, geometry.flag))

		got, err := ReadDeltaLease(path, 1)
		require.NoError(t, err)
		require.Equal(t, free, got)
		require.True(t, got.Free())
		got, err = ReadDeltaLease(path, 2)
		require.NoError(t, err, "sector %d", geometry.sector)
		require.Equal(t, held, got)
		require.False(t, got.Free())

		_, err = ReadDeltaLease(path, 3)
		require.ErrorIs(t, err, ErrNoRecord, "zeros")
		for _, id := range []int{0, -1, geometry.last + 1} {
			_, err = ReadDeltaLease(path, id)
			require.ErrorIs(t, err, ErrNoHostID)
		}
		limit, err := MaxHosts(geometry.sector, geometry.align)
		require.NoError(t, err)
		require.Equal(t, geometry.last, limit)
	}
}

// A lockspace with 4096-byte sectors and the area that upstream makes has no room for host ids from 251 on, and says so.
func TestHostIDsBeyondALargeSectorsLockspaceAreRefused_S29(t *testing.T) {
	t.Parallel()
	path := lockspaceFile(t, 1<<20, record(DeltaLease{Lockspace: "hosted-engine", Sector: 4096}, Align1M))
	_, err := ReadDeltaLease(path, 251)
	require.ErrorIs(t, err, ErrNoHostID)
	require.ErrorContains(t, err, "sectors of 4096 bytes, 1 MiB) has 1 to 250")
	_, err = MaxHosts(520, 1)
	require.ErrorContains(t, err, "sector size 520")
}

func TestDamagedDeltaLeases(t *testing.T) {
	t.Parallel()
	good := record(DeltaLease{Lockspace: "hosted-engine", OwnerName: "host1", OwnerID: 1, Timestamp: 5, Sector: 512}, Align1M)
	torn := append([]byte(nil), good...)
	torn[160]++
	_, err := ReadDeltaLease(lockspaceFile(t, 1<<20, torn), 1)
	require.ErrorIs(t, err, ErrBadRecord)
	require.ErrorContains(t, err, "checksum")

	other := append([]byte(nil), good...)
	other[6] = 4
	_, err = ReadDeltaLease(lockspaceFile(t, 1<<20, other), 1)
	require.ErrorIs(t, err, ErrBadRecord)
	require.ErrorContains(t, err, "version")

	got, err := ReadDeltaLease(lockspaceFile(t, 1<<20, torn, good), 2)
	require.NoError(t, err, "a first record that is being written hides nobody else's")
	require.Equal(t, "host1", got.OwnerName)

	impossible := append([]byte(nil), good...)
	impossible[13] = 0xff
	_, err = ReadDeltaLease(lockspaceFile(t, 1<<20, impossible), 2)
	require.ErrorIs(t, err, ErrBadRecord)

	_, err = ReadDeltaLease(lockspaceFile(t, 100), 1)
	require.ErrorIs(t, err, ErrNoRecord)
	_, err = ReadDeltaLease(filepath.Join(t.TempDir(), "nothing"), 1)
	require.ErrorIs(t, err, unix.ENOENT)
}

// What the real daemon writes is what is read, while it is held and after it was given up.
func TestReadDeltaLeaseOfARealDaemon(t *testing.T) {
	t.Parallel()
	d := startDaemon(t, "host7")
	flags, _, err := Geometry(4096, 2)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "lockspace")
	require.NoError(t, os.WriteFile(path, make([]byte, 2<<20), 0o600))
	needDirect(t, path)
	l := Lockspace{Name: "hosted-engine", HostID: 7, Path: path, Flags: flags}
	require.NoError(t, d.WriteLockspace(t.Context(), l, testIOTimeout))
	got, err := ReadDeltaLease(path, 7)
	require.NoError(t, err)
	require.Equal(t, DeltaLease{Lockspace: "hosted-engine", IOTimeout: testIOTimeout, Sector: 4096, AlignMiB: 2}, got)

	l.Flags = 0
	require.NoError(t, d.AddLockspace(t.Context(), l, false, testIOTimeout))
	got, err = ReadDeltaLease(path, 7)
	require.NoError(t, err)
	require.Equal(t, "host7", got.OwnerName)
	require.Equal(t, uint64(7), got.OwnerID)
	require.Equal(t, uint64(1), got.Generation)
	require.False(t, got.Free())

	require.NoError(t, d.RemLockspace(t.Context(), l, false))
	got, err = ReadDeltaLease(path, 7)
	require.NoError(t, err)
	require.True(t, got.Free())
	require.Equal(t, "host7", got.OwnerName, "who held it last")
}

func FuzzParseDeltaLease(f *testing.F) {
	f.Add(record(DeltaLease{Lockspace: "hosted-engine", OwnerName: "host1", OwnerID: 1, Generation: 3, Timestamp: 99, Sector: 512}, Align1M))
	f.Add(record(DeltaLease{Lockspace: "hosted-engine", Sector: 4096}, Align8M))
	f.Add(make([]byte, 512))
	f.Add([]byte{0x10, 0x20, 0x21, 0x12})
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := parseDeltaLease(b)
		if err == nil && (len(d.Lockspace) > MaxName || len(d.OwnerName) > MaxName) {
			t.Errorf("names of %d and %d bytes, at most %d", len(d.Lockspace), len(d.OwnerName), MaxName)
		}
	})
}
