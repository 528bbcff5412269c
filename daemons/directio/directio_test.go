package directio

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// volume makes a file with these bytes on a file system that takes O_DIRECT.
func volume(t testing.TB, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "volume")
	require.NoError(t, os.WriteFile(path, data, 0o600))
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_DIRECT|unix.O_CLOEXEC, 0)
	if err != nil {
		const reason = "THE FILE SYSTEM OF THE TEMPORARY DIRECTORY REFUSES O_DIRECT: set TMPDIR to a directory on ext4 or xfs"
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s (%v)", reason, err)
		}
		t.Skipf("%s (%v)", reason, err)
	}
	require.NoError(t, unix.Close(fd))
	return path
}

func pattern(size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(1 + i%251)
	}
	return b
}

func TestReadBringsAnyPiece(t *testing.T) {
	data := pattern(20480 + 700) // ends in the middle of a sector
	path := volume(t, data)
	rapid.Check(t, func(t *rapid.T) {
		offset := rapid.IntRange(0, len(data)+5000).Draw(t, "offset")
		length := rapid.IntRange(0, len(data)+5000).Draw(t, "length")
		got, err := Read(path, int64(offset), length)
		if err != nil {
			t.Fatal(err)
		}
		start := min(offset, len(data))
		want := data[start:min(start+length, len(data))]
		if !bytes.Equal(want, got) {
			t.Fatalf("offset %d, length %d: got %d bytes, want %d of the same", offset, length, len(got), len(want))
		}
	})
}

func TestReadEndsWithTheVolume(t *testing.T) {
	path := volume(t, pattern(100))
	got, err := Read(path, 0, 4096)
	require.NoError(t, err)
	require.Equal(t, pattern(100), got)
	got, err = Read(path, 100, 4096)
	require.NoError(t, err)
	require.Empty(t, got)
	require.Empty(t, must(t, path, 1<<40, 10))
	require.Empty(t, must(t, volume(t, nil), 0, 4096))
}

func must(t *testing.T, path string, offset int64, length int) []byte {
	t.Helper()
	got, err := Read(path, offset, length)
	require.NoError(t, err)
	return got
}

func TestWriteTouchesItsPieceOnly(t *testing.T) {
	before := bytes.Repeat([]byte{0xaa}, 32<<10)
	path := volume(t, before)
	for _, piece := range []struct {
		offset int64
		size   int
	}{{0, 512}, {4096, 20480}, {32 << 10, 4096}, {1024, 0}} {
		data := pattern(piece.size)
		require.NoError(t, Write(path, piece.offset, data))
		require.Equal(t, data, must(t, path, piece.offset, piece.size)[:piece.size:piece.size], "%+v", piece)
	}
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Len(t, got, 36<<10, "a file grows")
	require.Equal(t, before[512:4096], got[512:4096])
	require.Equal(t, before[4096+20480:], got[4096+20480:32<<10])
}

func TestWhatCannotBeAskedFor(t *testing.T) {
	path := volume(t, pattern(4096))
	for _, err := range []error{
		Write(path, 1, pattern(512)), Write(path, 0, pattern(513)), Write(path, -512, pattern(512)),
		Write(path, 0, make([]byte, MaxLength+Sector)),
	} {
		require.ErrorIs(t, err, unix.EINVAL)
		require.ErrorContains(t, err, "multiples of 512")
	}
	for _, read := range []func() ([]byte, error){
		func() ([]byte, error) { return Read(path, -1, 10) },
		func() ([]byte, error) { return Read(path, 0, -1) },
		func() ([]byte, error) { return Read(path, 0, MaxLength+1) },
	} {
		_, err := read()
		require.ErrorIs(t, err, unix.EINVAL)
	}
	_, err := Read(filepath.Join(t.TempDir(), "nothing"), 0, 1)
	require.ErrorIs(t, err, unix.ENOENT)
	require.ErrorContains(t, err, "check that storage is connected")
	var e *Error
	require.ErrorAs(t, Write(t.TempDir(), 0, pattern(512)), &e)
	require.Equal(t, "open", e.Op)
	require.ErrorIs(t, e, unix.EISDIR)
}

// fake is a volume of bytes behind system calls, of which each can be made to fail or to fall short.
type fake struct {
	calls
	data   []byte
	flags  []int
	closed int
}

func newFake(data []byte) *fake {
	f := &fake{data: data}
	f.open = func(_ string, flags int) (int, error) { f.flags = append(f.flags, flags); return 7, nil }
	f.pread = func(_ int, p []byte, offset int64) (int, error) {
		return copy(p, f.data[min(int(offset), len(f.data)):]), nil
	}
	f.pwrite = func(_ int, p []byte, offset int64) (int, error) { return copy(f.data[offset:], p), nil }
	f.close = func(int) error { f.closed++; return nil }
	return f
}

func TestShortAndInterruptedReadsAreContinued(t *testing.T) {
	for _, most := range []int{512, 700, 4096, 5000} {
		f := newFake(pattern(20000))
		whole, turn := f.pread, 0
		f.pread = func(fd int, p []byte, offset int64) (int, error) {
			require.Zero(t, offset%Sector, "offset")
			require.Zero(t, int(uintptr(unsafe.Pointer(&p[0])))%Sector, "memory")
			if turn++; turn%2 == 0 {
				return -1, unix.EINTR
			}
			return whole(fd, p[:min(most, len(p))], offset)
		}
		got, err := Volume{Path: "v"}.read(f.calls, 100, 19000)
		require.NoError(t, err)
		require.Equal(t, f.data[100:19100], got, "at most %d bytes a call", most)
		require.Equal(t, 1, f.closed)
		require.Equal(t, unix.O_DIRECT, f.flags[0]&unix.O_DIRECT)
	}
}

// On storage with larger sectors the kernel refuses to go on from where a short read at the end of a file stopped.
func TestAShortReadAtTheEndOnLargeSectors(t *testing.T) {
	f := newFake(pattern(4096 + 1024))
	whole := f.pread
	f.pread = func(fd int, p []byte, offset int64) (int, error) {
		if offset%4096 != 0 {
			return -1, unix.EINVAL
		}
		return whole(fd, p, offset)
	}
	got, err := Volume{}.read(f.calls, 0, 8192)
	require.NoError(t, err)
	require.Equal(t, f.data, got)
}

func TestShortWritesAreContinuedOrReported(t *testing.T) {
	f := newFake(make([]byte, 20480))
	whole := f.pwrite
	f.pwrite = func(fd int, p []byte, offset int64) (int, error) {
		require.Zero(t, offset%block)
		return whole(fd, p[:min(5000, len(p))], offset)
	}
	require.NoError(t, Volume{}.write(f.calls, 0, pattern(20480)))
	require.Equal(t, pattern(20480), f.data)

	f.pwrite = func(int, []byte, int64) (int, error) { return 0, nil }
	err := Volume{Path: "v"}.write(f.calls, 0, pattern(4096))
	require.ErrorIs(t, err, io.ErrShortWrite)
	require.Equal(t, 2, f.closed)
}

func TestErrorsSayWhatFailed(t *testing.T) {
	for _, test := range []struct {
		breaks func(f *fake)
		op     string
		want   error
	}{
		{func(f *fake) { f.open = func(string, int) (int, error) { return -1, unix.ESTALE } }, "open", unix.ESTALE},
		{func(f *fake) { f.pread = func(int, []byte, int64) (int, error) { return -1, unix.EIO } }, "read", unix.EIO},
		{func(f *fake) { f.close = func(int) error { return unix.EIO } }, "close after read", unix.EIO},
	} {
		f := newFake(pattern(4096))
		test.breaks(f)
		_, err := Volume{Path: "/v"}.read(f.calls, 0, 4096)
		var e *Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, test.op, e.Op)
		require.ErrorIs(t, err, test.want)
		require.Contains(t, err.Error(), "/v, 4096 bytes at 0: ")
	}
	f := newFake(pattern(4096))
	f.close = func(int) error { return unix.EDQUOT }
	err := Volume{}.write(f.calls, 0, pattern(4096))
	require.ErrorIs(t, err, unix.EDQUOT, "NFS tells at close")
	require.ErrorContains(t, err, "close after write")
	require.Equal(t, "check the storage behind it", (&Error{Err: errors.New("odd")}).Remedy())
}

func TestBufferedOnlyWhereItIsAllowed(t *testing.T) {
	f := newFake(pattern(4096))
	f.open = func(_ string, flags int) (int, error) {
		f.flags = append(f.flags, flags)
		if flags&unix.O_DIRECT != 0 {
			return -1, unix.EINVAL
		}
		return 7, nil
	}
	_, err := Volume{}.read(f.calls, 0, 10)
	require.ErrorIs(t, err, unix.EINVAL)
	require.Equal(t, 1, len(f.flags))
	got, err := Volume{AllowBuffered: true}.read(f.calls, 0, 10)
	require.NoError(t, err)
	require.Equal(t, pattern(10), got)
	require.Equal(t, unix.O_SYNC, f.flags[2]&unix.O_SYNC)
}

// What is read belongs to the caller alone, and what is written is copied: a call that hangs holds nothing of anybody's.
func TestMemoryIsNotShared(t *testing.T) {
	f := newFake(make([]byte, 4096))
	data := pattern(4096)
	f.pwrite = func(_ int, p []byte, _ int64) (int, error) {
		require.NotEqual(t, unsafe.Pointer(&data[0]), unsafe.Pointer(&p[0]))
		return len(p), nil
	}
	require.NoError(t, Volume{}.write(f.calls, 0, data))
	a, err := Volume{}.read(f.calls, 0, 4096)
	require.NoError(t, err)
	require.Equal(t, 4096, cap(a))
}
