package broker

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/health"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
)

func TestPutAcceptsAndRefuses(t *testing.T) {
	long := make([]byte, whiteboard.SegmentSize+whiteboard.MachineSize)
	foreign := record(t, 4, 100)
	for _, tc := range []struct {
		name    string
		segment int
		data    []byte
		reason  string // "" = accepted
	}{
		{"own record", 3, record(t, 3, 100), ""},
		{"machine part only", 3, record(t, 3, 100)[:512], ""},
		{"cleaned", 3, nil, ""},
		{"global maintenance", 0, on(), ""},
		{"text that no reader can decode is the agent's affair", 3, text("hello"), ""},
		{"foreign segment, S15", 4, foreign, "neither 0 nor this host's own 3"},
		{"negative segment", -1, text("x"), "neither 0 nor this host's own 3"},
		{"segment beyond the volume", 2001, text("x"), "neither 0 nor this host's own 3"},
		{"another host's record in the own segment, S15", 3, foreign, "host id 4"},
		{"no multiple of a sector, S15", 3, []byte("short"), "5 bytes; a record is a multiple of 512"},
		{"longer than a segment, S15", 3, long, "at most 4096"},
		{"a byte outside ASCII, S12", 0, text("maintenance=1\xff"), "byte 13 is 0xff; only ASCII"},
		{"UTF-8 is not ASCII, S12", 3, text("h\u00f6st"), "only ASCII"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, testSettings())
			before := r.core.mail.String()
			got := r.put(tc.segment, tc.data)
			require.Equal(t, tc.reason == "", got.OK, "reason: %s", got.Reason)
			require.Contains(t, got.Reason, tc.reason)
			if tc.reason != "" {
				require.Equal(t, before, r.core.mail.String(), "what is refused changes nothing")
			}
		})
	}
}

// TestPutOfTheSameRecordAgainIsNothingNew: it is accepted, and changes neither what is written nor how old it is.
func TestPutOfTheSameRecordAgainIsNothingNew(t *testing.T) {
	r := newRig(t, testSettings())
	r.mustPut(3, record(t, 3, 200))
	before := r.core
	r.mustPut(3, record(t, 3, 200))
	require.Equal(t, before.number, r.core.number, "no new version")
	require.Equal(t, before.mail.String(), r.core.mail.String())
	r.mustPut(3, record(t, 3, 201))
	require.NotEqual(t, before.number, r.core.number)
}

func TestPutRefusesThePast(t *testing.T) {
	r := newRig(t, testSettings())
	r.mustPut(3, record(t, 3, 200))
	got := r.put(3, record(t, 3, 199))
	require.False(t, got.OK, "a late caller must not put the past back")
	require.Contains(t, got.Reason, "timestamp 199 is older than 200")
	require.Equal(t, record(t, 3, 200), r.state(3).Data[:])
	r.mustPut(3, nil)
	r.mustPut(3, record(t, 3, 5)) // after a cleaned segment there is no past
}

func TestPutIsVisibleAtOnceAndSaysThatItIsNotDurable(t *testing.T) {
	r := newRig(t, testSettings())
	r.hold()
	r.mustPut(3, record(t, 3, 100))
	got := r.state(3)
	require.Equal(t, SegmentState{Segment: 3, Data: got.Data, Source: FromMemory, At: r.now, Pending: true}, got)
	require.Equal(t, record(t, 3, 100), got.Data[:])

	r.wait(time.Second)
	r.finishWrite(nil)
	got = r.state(3)
	require.False(t, got.Pending)
	require.True(t, got.Durable)
	require.Equal(t, r.now, got.DurableAt)
	require.Equal(t, FromMemory, got.Source, "not seen on storage yet")
}

func TestGlobalMaintenanceNeedsNoLease_S3(t *testing.T) {
	r := newRig(t, testSettings())
	r.mustPut(0, on())
	require.NotNil(t, r.writing, "segment 0 must be written at once")
	require.Equal(t, 0, r.writing.Segment)
	require.Equal(t, on(), r.writing.Data[:512])
	r.finishWrite(nil)
	require.True(t, r.state(0).Durable)
}

func TestOwnRecordWaitsForTheLease_S9(t *testing.T) {
	r := newRig(t, testSettings())
	r.mustPut(3, record(t, 3, 100))
	r.mustPut(3, record(t, 3, 110))
	r.wait(20 * time.Second)
	require.Nil(t, r.writing, "no lease, no write")
	require.True(t, r.state(3).Pending)
	r.mustPut(0, on())
	require.Equal(t, 0, r.writing.Segment, "the waiting own record must not hold up segment 0")
	r.finishWrite(nil)

	require.False(t, r.lock().OK)
	r.poll(SeenAdding)
	require.Nil(t, r.writing, "joining is not held")
	r.poll(SeenHeld)
	require.NotNil(t, r.writing, "with the lease the waiting record is written")
	require.Equal(t, record(t, 3, 110), r.writing.Data[:])
}

func TestLostLeaseKeepsTheRecord_S9(t *testing.T) {
	r := newRig(t, testSettings())
	r.hold()
	r.poll(SeenRemoving)
	require.Equal(t, Lost, r.core.lease.state)
	r.mustPut(3, record(t, 3, 100))
	require.Nil(t, r.writing)
	r.poll(SeenAbsent)
	r.wait(6 * time.Second)
	r.poll(SeenHeld)
	require.NotNil(t, r.writing)
	require.Equal(t, record(t, 3, 100), r.writing.Data[:])
}

func TestALateCompletionSaysNothingAboutTheNewerRecord(t *testing.T) {
	r := newRig(t, testSettings())
	r.hold()
	r.mustPut(3, record(t, 3, 100))
	r.mustPut(3, record(t, 3, 110))
	r.mustPut(3, record(t, 3, 120))
	require.Equal(t, record(t, 3, 100), r.writing.Data[:])
	r.finishWrite(nil)
	got := r.state(3)
	require.True(t, got.Pending, "120 has not been written")
	require.False(t, got.Durable)
	require.Equal(t, r.now, got.DurableAt, "but a record of this segment has")
	require.Equal(t, record(t, 3, 120), r.writing.Data[:], "the newest follows at once; 110 is never written")
	r.finishWrite(nil)
	require.True(t, r.state(3).Durable)
	require.Nil(t, r.writing)
}

func TestNeitherSegmentStarvesTheOther(t *testing.T) {
	r := newRig(t, testSettings())
	r.hold()
	r.mustPut(3, record(t, 3, 100))
	var order []int
	for i := range 6 {
		r.mustPut(3, record(t, 3, int64(101+i)))
		r.mustPut(0, on())
		r.finishWrite(nil)
		order = append(order, r.writing.Segment)
	}
	require.Equal(t, []int{3, 0, 3, 0, 3, 0}, order)
}

func TestWriteErrorsAreRetriedWithPauses_S4(t *testing.T) {
	r := newRig(t, testSettings())
	r.hold()
	r.mustPut(3, record(t, 3, 100))
	r.finishWrite(errIO)
	require.True(t, r.warns(health.StorageErrors))
	require.Contains(t, r.log, "+storage-errors")
	require.True(t, r.state(3).Pending)
	require.Nil(t, r.writing, "not at once")
	r.wait(900 * time.Millisecond)
	require.Nil(t, r.writing)
	for i := range 5 {
		r.mustPut(3, record(t, 3, int64(101+i)))
	}
	require.Nil(t, r.writing, "newer records must not cut the pause short")
	r.wait(100 * time.Millisecond)
	require.NotNil(t, r.writing, "retried after write_retry_min")
	require.Equal(t, record(t, 3, 105), r.writing.Data[:], "with the newest record")
	r.finishWrite(errIO)
	r.wait(1900 * time.Millisecond)
	require.Nil(t, r.writing)
	r.wait(100 * time.Millisecond)
	r.finishWrite(nil)
	require.False(t, r.warns(health.StorageErrors))
	require.Nil(t, r.stopped, "an error never ends the process")
}

func TestOneSegmentsErrorsDoNotHoldUpTheOther(t *testing.T) {
	r := newRig(t, testSettings())
	r.hold()
	r.mustPut(3, record(t, 3, 100))
	r.finishWrite(errIO)
	r.mustPut(0, on())
	require.NotNil(t, r.writing)
	require.Equal(t, 0, r.writing.Segment)
}

func TestAStalledWriterIsReportedAndEverythingElseGoesOn(t *testing.T) {
	r := newRig(t, testSettings())
	r.hold()
	r.idleReader()
	r.mustPut(3, record(t, 3, 100))
	r.wait(4900 * time.Millisecond)
	require.False(t, r.warns(health.StorageStalled))
	r.wait(200 * time.Millisecond)
	require.True(t, r.warns(health.StorageStalled))
	require.Contains(t, strings.Join(r.log, " "), "stalled ha-writer +storage-stalled")
	require.True(t, r.snapshot.Board.Holds(health.StorageStalled), "the snapshot must show it")

	r.mustPut(3, record(t, 3, 110))
	r.mustPut(0, on())
	require.Equal(t, on(), r.state(0).Data[:512])
	require.True(t, r.lock().OK)

	r.finishWrite(nil)
	require.False(t, r.warns(health.StorageStalled))
	require.Contains(t, r.log, "recovered ha-writer")
	require.Equal(t, record(t, 3, 110), r.writing.Data[:])
	r.finishWrite(nil)
	require.Equal(t, 0, r.writing.Segment)
}

func TestALateRecordIsAWarning(t *testing.T) {
	set := testSettings()
	r := newRig(t, set)
	r.hold()
	for i := range 4 {
		r.mustPut(3, record(t, 3, int64(100+i)))
		require.False(t, r.warns(health.RecordLate), "after %d0 s", i)
		r.wait(10 * time.Second)
	}
	require.True(t, r.warns(health.RecordLate), "others will take this host for dead, and it must know (S37)")
	r.finishWrite(nil)
	require.False(t, r.warns(health.RecordLate), "a record was just written")
}
