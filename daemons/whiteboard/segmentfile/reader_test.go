package segmentfile

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
)

// wholeVolume is as large as deployment makes it: 128 MiB, sparse.
func wholeVolume(t testing.TB) string {
	t.Helper()
	return volume(t, 128<<20)
}

func ids(pass Pass) []int {
	var found []int
	for _, f := range pass.Found {
		found = append(found, f.ID)
	}
	return found
}

func TestReaderReadsTheUsedRangeAndRarelyEverything(t *testing.T) {
	path := wholeVolume(t)
	for _, n := range []int{0, 1, 2, 40} {
		require.NoError(t, Write(path, n, pattern(n)))
	}
	r := NewReader(Volume{Path: path}, 2)

	pass, err := r.Pass(false)
	require.NoError(t, err)
	require.True(t, pass.Full, "nothing is known yet, so the first pass reads everything")
	require.Equal(t, 2001, pass.Asked)
	require.Equal(t, 2001, pass.Read)
	require.Equal(t, int64(8_196_096), pass.Bytes)
	require.False(t, pass.Buffered)
	require.Equal(t, []int{0, 1, 2, 40}, ids(pass))
	for _, f := range pass.Found {
		require.Equal(t, pattern(f.ID), f.Data, "segment %d", f.ID)
	}

	kept := pass.Found[3].Data
	pass, err = r.Pass(false)
	require.NoError(t, err)
	require.False(t, pass.Full)
	require.Equal(t, 41+32, pass.Asked, "to the highest in use, and the slack")
	require.Equal(t, int64(73*4096), pass.Bytes)
	require.Equal(t, []int{0, 1, 2, 40}, ids(pass))
	require.Equal(t, pattern(40), kept, "what a pass has handed over does not change with the next")

	// A host within the slack is seen at once and carries the range with it.
	require.NoError(t, Write(path, 72, pattern(72)))
	pass, err = r.Pass(false)
	require.NoError(t, err)
	require.Equal(t, []int{0, 1, 2, 40, 72}, ids(pass))
	require.Equal(t, 73+32, r.Range(false))

	// One far above is seen by the next full scan.
	require.NoError(t, Write(path, 2000, pattern(2000)))
	pass, err = r.Pass(false)
	require.NoError(t, err)
	require.Equal(t, []int{0, 1, 2, 40, 72}, ids(pass))
	pass, err = r.Pass(true)
	require.NoError(t, err)
	require.Equal(t, []int{0, 1, 2, 40, 72, 2000}, ids(pass))
	require.Equal(t, whiteboard.Segments, r.Range(false), "bounded by the number of segments")

	// And forgotten by a full scan once it was cleaned.
	for _, n := range []int{0, 1, 40, 72, 2000} {
		require.NoError(t, Write(path, n, &whiteboard.Segment{}))
	}
	pass, err = r.Pass(false)
	require.NoError(t, err)
	require.Equal(t, []int{2}, ids(pass), "cleaned segments are gone at once (S8)")
	require.Equal(t, whiteboard.Segments, r.Range(false), "the range shrinks with a full scan only")
	_, err = r.Pass(true)
	require.NoError(t, err)
	require.Equal(t, 3+32, r.Range(false))
}

// Who compares passes compares pointers first: an idle cluster of 2,000 hosts must not cost 8 MB of memory for each pass.
func TestWhatDidNotChangeIsHandedOutAgain(t *testing.T) {
	path := wholeVolume(t)
	for _, n := range []int{1, 2, 3, 5} {
		require.NoError(t, Write(path, n, pattern(n)))
	}
	r := NewReader(Volume{Path: path}, 1)
	first, err := r.Pass(true)
	require.NoError(t, err)
	require.NoError(t, Write(path, 2, &whiteboard.Segment{}))
	require.NoError(t, Write(path, 3, pattern(30)))
	require.NoError(t, Write(path, 4, pattern(4)))
	second, err := r.Pass(false)
	require.NoError(t, err)
	require.Equal(t, []int{1, 3, 4, 5}, ids(second))
	require.Same(t, first.Found[0].Data, second.Found[0].Data)
	require.Same(t, first.Found[3].Data, second.Found[3].Data)
	require.Equal(t, pattern(30), second.Found[1].Data)
	require.Equal(t, pattern(3), first.Found[2].Data, "what was handed out before stays as it was")
	require.Equal(t, pattern(4), second.Found[2].Data)
	require.NoError(t, Write(path, 2, pattern(2)))
	third, err := r.Pass(false)
	require.NoError(t, err)
	require.Equal(t, []int{1, 2, 3, 4, 5}, ids(third))
	require.Equal(t, pattern(2), third.Found[1].Data)
	require.Same(t, second.Found[1].Data, third.Found[2].Data)
}

func TestReaderAlwaysCoversItsOwnSegment(t *testing.T) {
	path := wholeVolume(t)
	r := NewReader(Volume{Path: path}, 700)
	pass, err := r.Pass(true)
	require.NoError(t, err)
	require.Empty(t, pass.Found, "an empty volume")
	require.Equal(t, 701+32, r.Range(false))
	require.Equal(t, 33, func() int { r := NewReader(Volume{}, -3); r.known = true; return r.Range(false) }(), "without an id of its own")
}

func TestReaderIsAsBeforeAfterAnError(t *testing.T) {
	path := wholeVolume(t)
	require.NoError(t, Write(path, 5, pattern(5)))
	r := NewReader(Volume{Path: path}, 5)

	failing := system()
	failing.pread = func(int, []byte, int64) (int, error) { return -1, unix.EIO }
	pass, err := r.pass(failing, false)
	require.ErrorIs(t, err, unix.EIO)
	require.Zero(t, pass)
	require.Equal(t, whiteboard.Segments, r.Range(false), "still nothing is known")

	_, err = r.Pass(false)
	require.NoError(t, err)
	require.Equal(t, 38, r.Range(false))
	_, err = r.pass(failing, true)
	require.ErrorIs(t, err, unix.EIO)
	require.Equal(t, 38, r.Range(false))
	pass, err = r.Pass(false)
	require.NoError(t, err)
	require.Equal(t, []int{5}, ids(pass))
}

func TestReaderTellsThatTheVolumeWasCut(t *testing.T) {
	path := volume(t, 10*segmentSize)
	require.NoError(t, Write(path, 1, pattern(1)))
	pass, err := NewReader(Volume{Path: path}, 1).Pass(true)
	require.NoError(t, err)
	require.Equal(t, 2001, pass.Asked)
	require.Equal(t, 10, pass.Read)
	require.Equal(t, int64(10*segmentSize), pass.Bytes)

	require.NoError(t, os.Truncate(path, 0))
	pass, err = NewReader(Volume{Path: path}, 1).Pass(true)
	require.NoError(t, err)
	require.Zero(t, pass.Read)
}

func BenchmarkPassUsedRange(b *testing.B) { benchmarkPass(b, false) }
func BenchmarkPassFull(b *testing.B)      { benchmarkPass(b, true) }

func benchmarkPass(b *testing.B, full bool) {
	path := wholeVolume(b)
	for n := range 4 {
		require.NoError(b, Write(path, n, pattern(n)))
	}
	r := NewReader(Volume{Path: path}, 1)
	_, err := r.Pass(true)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		pass, err := r.Pass(full)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(pass.Bytes)
	}
}

func BenchmarkWrite(b *testing.B) {
	path := wholeVolume(b)
	s := pattern(1)
	b.SetBytes(segmentSize)
	for b.Loop() {
		if err := Write(path, 1, s); err != nil {
			b.Fatal(err)
		}
	}
}
