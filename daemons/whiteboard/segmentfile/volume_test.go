package segmentfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
)

const segmentSize = whiteboard.SegmentSize

// volume makes a file of the given size on a file system that takes O_DIRECT.
func volume(t testing.TB, size int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hosted-engine.metadata")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, os.Truncate(path, size))
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

// pattern is a segment that is recognisably the n-th.
func pattern(n int) *whiteboard.Segment {
	var s whiteboard.Segment
	for i := range s {
		s[i] = byte(1 + (n+i)%250)
	}
	return &s
}

func TestWriteTouchesItsOwnSegmentOnly(t *testing.T) {
	path := volume(t, 16*segmentSize)
	before := bytes.Repeat([]byte{0xaa}, 16*segmentSize)
	require.NoError(t, os.WriteFile(path, before, 0o600))
	for _, segment := range []int{0, 7, 15} {
		require.NoError(t, Write(path, segment, pattern(segment)))
		copy(before[segment*segmentSize:], pattern(segment)[:])
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		require.True(t, bytes.Equal(before, got), "after writing segment %d, the volume differs at byte %d", segment, firstDifference(before, got))
	}
}

func firstDifference(a, b []byte) int {
	for i := range a {
		if i >= len(b) || a[i] != b[i] {
			return i
		}
	}
	return len(a)
}

func TestReadBringsWholeSegmentsAndZerosForTheRest(t *testing.T) {
	// Three whole segments and a part of a fourth, as a volume that was cut.
	path := volume(t, 3*segmentSize+1904)
	for n := range 3 {
		require.NoError(t, Write(path, n, pattern(n)))
	}
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = file.WriteAt(bytes.Repeat([]byte{'x'}, 1904), 3*segmentSize)
	require.NoError(t, err)
	require.NoError(t, file.Close())

	buf := NewBuffer(6)
	fill(buf)
	read, err := Read(path, buf, 0, 6)
	require.NoError(t, err)
	require.Equal(t, 3, read)
	for n := range 3 {
		require.Equal(t, pattern(n)[:], buf.Segment(n), "segment %d", n)
	}
	for n := 3; n < 6; n++ {
		require.True(t, whiteboard.Cleaned(buf.Segment(n)), "segment %d must be zeros, as nothing whole is there", n)
	}

	fill(buf)
	read, err = Read(path, buf, 1, 2)
	require.NoError(t, err)
	require.Equal(t, 2, read)
	require.Equal(t, pattern(1)[:], buf.Segment(0), "from segment 1 on")
	require.True(t, whiteboard.Cleaned(buf.Segment(2)), "what was not asked for is zeros too")

	fill(buf)
	read, err = Read(path, buf, 5, 1)
	require.NoError(t, err)
	require.Zero(t, read, "behind the end")
	require.True(t, whiteboard.Cleaned(buf.Segment(0)))
}

func fill(buf *Buffer) {
	for i := range buf.bytes {
		buf.bytes[i] = 0xff
	}
}

func TestSegmentsAreBounded_S15(t *testing.T) {
	path := volume(t, 2*segmentSize)
	for _, segment := range []int{-1, whiteboard.Segments} {
		err := Write(path, segment, pattern(0))
		require.ErrorIs(t, err, unix.EINVAL)
		require.ErrorContains(t, err, "segments are 0 to 2000")
	}
	buf := NewBuffer(4)
	for _, wrong := range []struct{ from, count int }{{-1, 1}, {0, 0}, {0, -1}, {0, 5}, {2000, 2}, {2001, 1}} {
		read, err := Read(path, buf, wrong.from, wrong.count)
		require.ErrorIs(t, err, unix.EINVAL, "%+v", wrong)
		require.Zero(t, read)
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, int64(2*segmentSize), info.Size())
}

func TestErrorsTellOperationPathSegmentAndCure(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "no", "volume")
	err := Write(missing, 3, pattern(3))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.EqualError(t, err, "open whiteboard "+missing+" segment 3: no such file or directory "+
		"(the volume is not there: check that storage is connected and prepared, then whiteboard_path)")

	_, err = Read(t.TempDir(), NewBuffer(1), 0, 1)
	var failed *Error
	require.ErrorAs(t, err, &failed)
	require.NotEmpty(t, failed.Remedy())

	for _, errno := range []unix.Errno{unix.EIO, unix.ESTALE, unix.ENOSPC, unix.EROFS, unix.EACCES, unix.ENODEV, unix.ETIMEDOUT, unix.ENOTCONN} {
		err := &Error{Op: "write", Path: "/v", Segment: 1, Err: errno}
		require.ErrorIs(t, err, errno)
		require.NotContains(t, err.Error(), "check the storage behind", "%v has a remedy of its own", errno)
	}
	require.ErrorContains(t, &Error{Op: "read", Path: "/v", Err: unix.EXDEV}, "check the storage behind the volume")
}

// stub makes system calls that fail as told and counts what is open.
type stub struct {
	calls
	opened, closed int
}

func newStub() *stub {
	s := &stub{}
	s.open = func(string, int) (int, error) { s.opened++; return 42, nil }
	s.close = func(int) error { s.closed++; return nil }
	s.pread = func(int, []byte, int64) (int, error) { return 0, nil }
	s.pwrite = func(_ int, p []byte, _ int64) (int, error) { return len(p), nil }
	return s
}

func TestEachCallThatFailsIsNamedAndTheVolumeIsClosed(t *testing.T) {
	v := Volume{Path: "/v"}
	t.Run("write", func(t *testing.T) {
		s := newStub()
		s.pwrite = func(int, []byte, int64) (int, error) { return -1, unix.EIO }
		err := v.write(s.calls, 5, pattern(5))
		require.ErrorIs(t, err, unix.EIO)
		require.ErrorContains(t, err, "write whiteboard /v segment 5: input/output error (storage refused the operation")
		require.Equal(t, 1, s.closed)
	})
	t.Run("close after write", func(t *testing.T) {
		s := newStub()
		s.close = func(int) error { return unix.EDQUOT }
		require.ErrorContains(t, v.write(s.calls, 5, pattern(5)), "close after write whiteboard /v segment 5: disk quota exceeded")
	})
	t.Run("read", func(t *testing.T) {
		s, buf := newStub(), NewBuffer(4)
		s.pread = func(_ int, p []byte, at int64) (int, error) {
			if at > 10*segmentSize {
				return -1, unix.ESTALE
			}
			p[0] = 'x'
			return segmentSize, nil
		}
		read, _, err := v.read(s.calls, buf, 10, 4)
		require.ErrorContains(t, err, "read whiteboard /v segment 11: stale file handle (the server no longer knows the file")
		require.Zero(t, read)
		require.True(t, whiteboard.Cleaned(buf.Segment(0)), "what was read before an error is not handed over")
		require.Equal(t, 1, s.closed)
	})
	t.Run("close after read", func(t *testing.T) {
		s := newStub()
		s.pread = func(_ int, p []byte, _ int64) (int, error) { return len(p), nil }
		s.close = func(int) error { return unix.EIO }
		read, _, err := v.read(s.calls, NewBuffer(1), 0, 1)
		require.ErrorContains(t, err, "close after read")
		require.Zero(t, read)
	})
	t.Run("open refuses direct I/O", func(t *testing.T) {
		s := newStub()
		var tried []int
		s.open = func(_ string, flags int) (int, error) {
			tried = append(tried, flags)
			if flags&unix.O_DIRECT != 0 {
				return -1, unix.EINVAL
			}
			return 42, nil
		}
		_, _, err := v.read(s.calls, NewBuffer(1), 0, 1)
		require.ErrorContains(t, err, "refuses direct I/O")
		require.Len(t, tried, 1, "no silent fall back")

		_, buffered, err := Volume{Path: "/v", AllowBuffered: true}.read(s.calls, NewBuffer(1), 0, 1)
		require.NoError(t, err)
		require.True(t, buffered, "the fall back is reported")
		for _, flags := range tried {
			require.NotZero(t, flags&unix.O_SYNC)
			require.NotZero(t, flags&unix.O_CLOEXEC)
			require.Zero(t, flags&unix.O_CREAT, "a volume is never created")
		}
	})
}

func TestShortAndInterruptedCallsAreRepeated(t *testing.T) {
	v := Volume{Path: "/v"}
	t.Run("write", func(t *testing.T) {
		s := newStub()
		script := []any{unix.EINTR, 512, unix.EINTR, 1024, segmentSize}
		s.pwrite = func(_ int, p []byte, at int64) (int, error) {
			require.Len(t, p, segmentSize, "always the whole segment, so that it stays aligned")
			require.Equal(t, int64(9*segmentSize), at)
			return play(&script)
		}
		require.NoError(t, v.write(s.calls, 9, pattern(9)))
		require.Empty(t, script)
	})
	t.Run("write that stays short", func(t *testing.T) {
		s := newStub()
		s.pwrite = func(int, []byte, int64) (int, error) { return 512, nil }
		require.ErrorIs(t, v.write(s.calls, 9, pattern(9)), io.ErrShortWrite)
	})
	t.Run("interrupted for ever", func(t *testing.T) {
		s := newStub()
		s.pwrite = func(int, []byte, int64) (int, error) { return -1, unix.EINTR }
		require.ErrorIs(t, v.write(s.calls, 9, pattern(9)), unix.EINTR)
	})
	t.Run("read in pieces", func(t *testing.T) {
		s, buf := newStub(), NewBuffer(6)
		pieces := []int{2*segmentSize + 512, 100, segmentSize, 3 * segmentSize}
		s.pread = func(_ int, p []byte, at int64) (int, error) {
			require.Zero(t, at%segmentSize, "every read begins at a segment")
			require.Zero(t, uintptr(unsafe.Pointer(&p[0]))%segmentSize, "and in aligned memory")
			n := pieces[0]
			pieces = pieces[1:]
			for i := range n {
				p[i] = byte(at/segmentSize) + byte(i/segmentSize) + 1
			}
			return n, nil
		}
		read, _, err := v.read(s.calls, buf, 0, 6)
		require.NoError(t, err)
		require.Equal(t, 6, read)
		for n := range 6 {
			require.Equal(t, bytes.Repeat([]byte{byte(n + 1)}, segmentSize), buf.Segment(n), "segment %d", n)
		}
	})
	t.Run("read of a volume that ends within a segment", func(t *testing.T) {
		s, buf := newStub(), NewBuffer(2)
		s.pread = func(_ int, p []byte, _ int64) (int, error) { p[0] = 'x'; return 700, nil }
		read, _, err := v.read(s.calls, buf, 0, 2)
		require.NoError(t, err)
		require.Zero(t, read)
		require.True(t, whiteboard.Cleaned(buf.Segment(0)))
	})
}

func play(script *[]any) (int, error) {
	next := (*script)[0]
	*script = (*script)[1:]
	if errno, failed := next.(unix.Errno); failed {
		return -1, errno
	}
	return next.(int), nil
}

func TestBuffersAreAlignedAndBounded(t *testing.T) {
	for _, n := range []int{-1, 0, 1, 2, 3, 64, 2001, 1 << 40} {
		buf := NewBuffer(n)
		require.Equal(t, min(max(n, 1), 2001), buf.Segments())
		require.Zero(t, uintptr(unsafe.Pointer(&buf.bytes[0]))%4096)
		require.Nil(t, buf.Segment(-1))
		require.Nil(t, buf.Segment(buf.Segments()))
		last := buf.Segment(buf.Segments() - 1)
		require.Equal(t, segmentSize, cap(last), "no segment reaches into its neighbour")
	}
}

// On a file system that takes no O_DIRECT, only the option makes the volume usable. Where /dev/shm does take it, the test shows that
// the option changes nothing.
func TestBufferedFallBackOnTmpfs(t *testing.T) {
	dir, err := os.MkdirTemp("/dev/shm", "segmentfile")
	if err != nil {
		t.Skipf("NO /dev/shm TO WRITE TO: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "volume")
	require.NoError(t, os.WriteFile(path, make([]byte, 4*segmentSize), 0o600))

	strict := Write(path, 1, pattern(1))
	if strict != nil {
		require.ErrorIs(t, strict, unix.EINVAL)
	}
	v := Volume{Path: path, AllowBuffered: true}
	require.NoError(t, v.Write(1, pattern(1)))
	pass, err := NewReader(v, 1).Pass(true)
	require.NoError(t, err)
	require.Equal(t, strict != nil, pass.Buffered)
	require.Len(t, pass.Found, 1)
	require.Equal(t, pattern(1), pass.Found[0].Data)
}

func TestNoDescriptorIsLeft(t *testing.T) {
	path := volume(t, 4*segmentSize)
	open := func() []string {
		entries, err := os.ReadDir("/proc/self/fd")
		require.NoError(t, err)
		var found []string
		for _, e := range entries {
			if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.HasPrefix(target, path) {
				found = append(found, fmt.Sprint(e.Name(), " ", target))
			}
		}
		return found
	}
	for range 20 {
		require.NoError(t, Write(path, 1, pattern(1)))
		_, err := Read(path, NewBuffer(4), 0, 4)
		require.NoError(t, err)
	}
	require.Empty(t, open())
	require.True(t, errors.Is(Write(path+"x", 1, pattern(1)), unix.ENOENT))
}
