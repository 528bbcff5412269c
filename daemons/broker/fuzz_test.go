package broker

import (
	"bytes"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
)

// FuzzPut feeds put_stats whatever a caller may send. Nothing panics, what is accepted is ASCII of the right size for
// one of the two own segments, and it comes back unchanged.
func FuzzPut(f *testing.F) {
	f.Add(0, on())
	f.Add(3, record(f, 3, 100))
	f.Add(3, record(f, 4, 100))
	f.Add(-1, []byte{})
	f.Add(2001, make([]byte, 8192))
	f.Add(3, []byte("1|1|99999999999999999999|3|"))
	f.Fuzz(func(t *testing.T, id int, data []byte) {
		now := clock.Mono(time.Hour)
		c, err := NewCore(testSettings(), now)
		if err != nil {
			t.Fatal(err)
		}
		for _, effect := range c.Step(now, Put{Token: 1, Segment: id, Data: data}) {
			reply, ok := effect.(Reply)
			if !ok || !reply.OK {
				continue
			}
			if id != 0 && id != 3 {
				t.Fatalf("accepted segment %d", id)
			}
			if len(data) > whiteboard.SegmentSize || len(data)%whiteboard.MachineSize != 0 || bytes.ContainsFunc(data, func(r rune) bool { return r >= 0x80 }) {
				t.Fatalf("accepted %d bytes", len(data))
			}
			got, there := c.Snapshot(now).Segment(id)
			if !there || !bytes.Equal(got.Data[:len(data)], data) || !whiteboard.IsAbsent(got.Data[len(data):]) {
				t.Fatalf("segment %d came back changed", id)
			}
		}
	})
}

// FuzzPass feeds the core a segment with any contents: each is judged alone, nothing panics (S12, S13).
func FuzzPass(f *testing.F) {
	f.Add(0, on())
	f.Add(7, record(f, 7, 1))
	f.Add(300, []byte{0xff, 0xfe})
	f.Add(5, []byte("2|1|"))
	f.Fuzz(func(t *testing.T, id int, data []byte) {
		now := clock.Mono(time.Hour)
		c, err := NewCore(testSettings(), now)
		if err != nil {
			t.Fatal(err)
		}
		connect(&c, now)
		good := segment(record(t, 9, 1))
		id = max(id%9, 0)
		c.Step(now, ReadDone{Pass: Pass{Started: now, Ended: now, Segments: []Seen{{Segment: id, Data: segment(data)}, {Segment: 9, Data: good}}}})
		if got, there := c.Snapshot(now).Segment(9); !there || *got.Data != *good {
			t.Fatal("a neighbour was hurt")
		}
	})
}
