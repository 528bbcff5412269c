package broker

import (
	"fmt"
	"io/fs"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/health"
)

func TestReaderPassesEveryStorageDelay(t *testing.T) {
	r := newRig(t, testSettings())
	r.step(Tick{})
	require.True(t, r.reading, "the first pass starts at once")
	r.wait(2 * time.Second)
	r.finishRead(nil, nil)
	r.wait(7900 * time.Millisecond)
	require.False(t, r.reading, "10 s from start to start")
	r.wait(100 * time.Millisecond)
	require.True(t, r.reading)
	r.wait(25 * time.Second)
	r.finishRead(nil, nil)
	require.False(t, r.reading, "a slow pass must not be followed without a breath")
	r.wait(time.Second)
	require.True(t, r.reading)
}

func TestTheWholeVolumeIsReadRarely(t *testing.T) {
	r := newRig(t, testSettings())
	r.step(Tick{})
	full := 0
	for range 121 {
		if r.full {
			full++
		}
		r.finishRead(nil, nil)
		r.wait(10 * time.Second)
	}
	require.Equal(t, 3, full, "at the start and every 600 s in 1210 s")
}

func TestAPassReplacesTheViewAndForgetsWhatIsGone_S8(t *testing.T) {
	r := newRig(t, testSettings())
	r.step(Tick{})
	r.wait(300 * time.Millisecond)
	r.finishRead(map[int][]byte{0: on(), 1: record(t, 1, 5), 7: record(t, 7, 9)}, nil)
	require.Len(t, r.snapshot.Segments, 3)
	got := r.state(7)
	require.Equal(t, SegmentState{Segment: 7, Data: got.Data, Source: FromStorage, At: r.readSince, Durable: true, DurableAt: r.readSince}, got,
		"data of a pass are as old as its start")
	r.wait(10 * time.Second)
	r.finishRead(map[int][]byte{0: on(), 1: record(t, 1, 6), 7: make([]byte, 4096)}, nil)
	require.Len(t, r.snapshot.Segments, 2, "a cleaned segment is no host")
	_, ok := r.snapshot.Segment(7)
	require.False(t, ok)
}

func TestAFailedPassKeepsTheOldViewWhole(t *testing.T) {
	r := newRig(t, testSettings())
	r.step(Tick{})
	r.finishRead(map[int][]byte{1: record(t, 1, 5)}, nil)
	at := r.snapshot.Reader.LastAt
	r.wait(10 * time.Second)
	r.finishRead(nil, errIO)
	require.Equal(t, at, r.snapshot.Reader.LastAt, "the view keeps its age")
	require.Len(t, r.snapshot.Segments, 1)
	require.True(t, r.warns(health.StorageErrors))
	r.wait(time.Second)
	require.True(t, r.reading, "tried again soon")
	r.finishRead(map[int][]byte{1: record(t, 1, 6)}, nil)
	require.False(t, r.warns(health.StorageErrors))
}

func TestABlockedReaderIsStalledAndBlind(t *testing.T) {
	r := newRig(t, testSettings())
	r.step(Tick{})
	r.finishRead(map[int][]byte{1: record(t, 1, 5)}, nil)
	r.wait(10 * time.Second)
	require.True(t, r.reading)
	r.wait(5100 * time.Millisecond)
	require.True(t, r.warns(health.StorageStalled))
	require.False(t, r.warns(health.ReaderBlind))
	r.wait(15 * time.Second)
	require.True(t, r.warns(health.ReaderBlind), "the view is older than 30 s")

	// The pass that hung ends: what it found may be as old as its start, so the reader is still blind.
	r.finishRead(map[int][]byte{1: record(t, 1, 7)}, nil)
	require.False(t, r.warns(health.StorageStalled))
	r.wait(14 * time.Second)
	require.True(t, r.warns(health.ReaderBlind) || r.reading)
	r.finishRead(map[int][]byte{1: record(t, 1, 8)}, nil)
	require.False(t, r.warns(health.ReaderBlind))
}

func TestAReaderThatNeverReadIsBlind(t *testing.T) {
	r := newRig(t, testSettings())
	r.wait(30 * time.Second)
	require.False(t, r.warns(health.ReaderBlind))
	r.wait(200 * time.Millisecond)
	require.True(t, r.warns(health.ReaderBlind))
}

func TestPoisonedSegmentsHurtOnlyThemselves_S12_S13(t *testing.T) {
	r := newRig(t, testSettings())
	r.step(Tick{})
	torn := record(t, 5, 9)
	torn[30] ^= 1
	r.finishRead(map[int][]byte{
		0: text("garbage"), 1: record(t, 1, 5), 5: torn, 9: record(t, 8, 1), 300: {0xff, 0xfe}, 301: text("1|1|notanumber|301|x|y|z"),
	}, nil)
	require.Len(t, r.snapshot.Segments, 6, "what is there is shown as it is")
	require.Equal(t, record(t, 1, 5), r.state(1).Data[:])
	require.True(t, r.warns(health.SegmentUnreadable))
	detail := r.core.board.Visible(r.now)[0].Detail
	for _, id := range []int{0, 5, 9, 300, 301} {
		require.Contains(t, detail, fmt.Sprintf("segment %d:", id))
	}
	require.NotContains(t, detail, "segment 1:")
}

func TestAVolumeOfNoiseMakesAShortWarning(t *testing.T) {
	r := newRig(t, testSettings())
	r.step(Tick{})
	noise := map[int][]byte{}
	for id := range 2000 {
		noise[id] = []byte{0xff, byte(id)}
	}
	r.finishRead(noise, nil)
	detail := r.core.board.Visible(r.now)[0].Detail
	require.Contains(t, detail, "and 1992 more")
	require.Less(t, len(detail), 4096)
}

func TestGlobalMaintenanceFollowsStorageOnceWritten(t *testing.T) {
	r := newRig(t, testSettings())
	r.step(Tick{})
	r.mustPut(0, on())
	r.finishRead(map[int][]byte{0: off()}, nil) // began before the write ended
	require.Equal(t, on(), r.state(0).Data[:512], "an older pass must not hide what was put")
	r.finishWrite(nil)
	require.Equal(t, on(), r.state(0).Data[:512])
	r.wait(10 * time.Second)
	r.finishRead(map[int][]byte{0: off()}, nil) // another host has switched it off since
	require.Equal(t, off(), r.state(0).Data[:512])
	require.Equal(t, FromStorage, r.state(0).Source)
	require.Nil(t, r.writing, "and it is not fought over")
}

// A writer that hung in D state when its broker was killed may write long after the successor did.
func TestALateWriteOfAnEarlierProcessIsFoundAndOverwritten(t *testing.T) {
	r := newRig(t, testSettings())
	r.hold()
	if r.reading {
		r.finishRead(nil, nil)
	}
	r.mustPut(3, record(t, 3, 100))
	r.finishWrite(nil)
	r.wait(10 * time.Second)
	r.finishRead(map[int][]byte{3: record(t, 3, 100)}, nil)
	require.Equal(t, FromStorage, r.state(3).Source, "seen on storage")
	require.Equal(t, r.readSince, r.state(3).At)

	r.wait(10 * time.Second)
	r.finishRead(map[int][]byte{3: record(t, 3, 50)}, nil)
	require.NotNil(t, r.writing, "published again at once")
	require.Equal(t, record(t, 3, 100), r.writing.Data[:])
	require.True(t, r.warns(health.SegmentOverwritten))
	require.True(t, r.state(3).Pending)
	r.finishWrite(nil)
	r.wait(10 * time.Second)
	r.finishRead(map[int][]byte{3: record(t, 3, 100)}, nil)
	require.False(t, r.warns(health.SegmentOverwritten))
	require.Nil(t, r.writing)
}

func TestWithoutTheLeaseTheOwnSegmentIsNotFoughtOver(t *testing.T) {
	r := newRig(t, testSettings())
	r.hold()
	r.finishRead(nil, nil)
	r.mustPut(3, record(t, 3, 100))
	r.finishWrite(nil)
	r.release()
	r.poll(SeenAbsent)
	require.Equal(t, None, r.core.lease.state)
	r.wait(10 * time.Second)
	r.finishRead(map[int][]byte{}, nil) // cleaned by an operator on another host
	require.Nil(t, r.writing)
	_, ok := r.snapshot.Segment(3)
	require.False(t, ok, "the record is gone, and it is shown so")
}

func TestMissingStorageIsSaidAndHealsByItself(t *testing.T) {
	r := newRig(t, testSettings())
	r.step(Tick{})
	r.mustPut(0, on())
	missing := &fs.PathError{Op: "open", Path: "/rhev/x", Err: fs.ErrNotExist}
	r.finishRead(nil, missing)
	r.finishWrite(missing)
	require.True(t, r.warns(health.StorageMissing))
	require.False(t, r.warns(health.StorageErrors), "missing is the cause")
	require.Contains(t, r.snapshot.Storage, "/rhev/x")
	for range 20 {
		r.wait(10 * time.Second)
		if r.reading {
			r.finishRead(nil, missing)
		}
		if r.writing != nil {
			r.finishWrite(missing)
		}
	}
	require.True(t, r.warns(health.StorageMissing))

	// It appears. The reader is there within a storage_delay, and the writer follows without sitting out its 30 s.
	r.wait(10 * time.Second)
	r.finishRead(map[int][]byte{1: record(t, 1, 1)}, nil)
	require.NotNil(t, r.writing)
	r.finishWrite(nil)
	require.False(t, r.warns(health.StorageMissing))
	require.Empty(t, r.snapshot.Storage)
}

func TestWithoutAWhiteboardNothingIsStartedAndEverythingIsAnswered(t *testing.T) {
	set := testSettings()
	set.StorageMissing = "whiteboard_path is not set"
	r := newRig(t, set)
	r.mustPut(0, on())
	r.wait(time.Minute)
	require.Nil(t, r.writing)
	require.False(t, r.reading)
	require.Equal(t, "whiteboard_path is not set", r.snapshot.Storage)
	require.True(t, r.warns(health.StorageMissing))
	require.True(t, r.state(0).Pending)
	r.step(Stop{})
	require.NotNil(t, r.stopped)
	require.True(t, r.stopped.Clean)
}

// After a restart the own record is found on storage. It is what others see, but this process did not write it: its age
// begins when it was first seen, and reading it again and again does not make it younger.
func TestARecordThatWasFoundIsAsOldAsItsFirstSight_S8(t *testing.T) {
	r := newRig(t, testSettings())
	r.wait(300 * time.Millisecond)
	r.finishRead(map[int][]byte{3: record(t, 3, 50), 7: record(t, 7, 1)}, nil)
	first := r.readSince
	for range 5 {
		r.wait(10 * time.Second)
		r.finishRead(map[int][]byte{3: record(t, 3, 50), 7: record(t, 7, 1)}, nil)
		for _, id := range []int{3, 7} {
			require.Equal(t, first, r.state(id).DurableAt, "segment %d", id)
			require.Equal(t, r.readSince, r.state(id).At, "segment %d", id)
			require.True(t, r.state(id).Durable)
			require.False(t, r.state(id).Pending)
		}
	}
}

func TestARecordThatWasWrittenIsAsOldAsItsWrite(t *testing.T) {
	r := newRig(t, testSettings())
	r.hold()
	r.finishRead(nil, nil)
	r.mustPut(3, record(t, 3, 100))
	r.finishWrite(nil)
	written := r.now
	for range 3 {
		r.wait(10 * time.Second)
		r.finishRead(map[int][]byte{3: record(t, 3, 100)}, nil)
		require.Equal(t, written, r.state(3).DurableAt, "seeing it does not make it younger")
		require.Equal(t, r.readSince, r.state(3).At)
		if r.leasing != 0 {
			r.finishLease(SeenHeld, nil)
		}
	}
}

func TestAPassThatIsOlderThanTheViewChangesNothing(t *testing.T) {
	r := newRig(t, testSettings())
	r.finishRead(map[int][]byte{7: record(t, 7, 2)}, nil)
	r.wait(10 * time.Second)
	require.True(t, r.reading)
	r.reading = false
	r.step(ReadDone{Pass: Pass{Started: r.core.reader.lastAt - 1, Ended: r.now, Segments: []Seen{{Segment: 7, Data: segment(record(t, 7, 1))}}}})
	require.Equal(t, record(t, 7, 2), r.state(7).Data[:])
	require.True(t, r.reading, "read again")
}
