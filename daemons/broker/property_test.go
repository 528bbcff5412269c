package broker

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
)

// world is storage and sanlock as a property test needs them: every operation takes as long as the test likes, fails
// if it likes, and a failed write may have landed nevertheless.
type world struct {
	t    *rapid.T
	core Core
	now  clock.Mono

	disk     map[int]whiteboard.Segment
	writing  *StartWrite
	reading  *Pass
	leasing  LeaseOp
	mounting MountOp
	sanlock  LeaseSeen
	accepted map[int]whiteboard.Segment // newest record answered with ok, by segment
	stamp    int64
	stopped  bool
}

func newWorld(t *rapid.T) *world {
	w := &world{
		t: t, now: clock.Mono(time.Hour), disk: map[int]whiteboard.Segment{}, accepted: map[int]whiteboard.Segment{},
	}
	core, err := NewCore(testSettings(), w.now)
	require.NoError(t, err)
	w.core = core
	w.step(Tick{})
	w.finishMount(nil)
	return w
}

func (w *world) step(ev Event) {
	published, replied := false, false
	effects := w.core.Step(w.now, ev)
	if put, ok := ev.(Put); ok && slices.Contains(effects, Effect(Reply{Token: put.Token, OK: true, Accepted: true})) {
		w.accepted[put.Segment] = *segment(put.Data)
	}
	for _, effect := range effects {
		switch e := effect.(type) {
		case StartMount:
			w.mounting = e.Op
		case StartWrite:
			require.Nil(w.t, w.writing, "two writes in flight")
			require.Contains(w.t, []int{0, 3}, e.Segment)
			if e.Segment == 3 {
				require.Equal(w.t, SeenHeld, w.sanlock, "wrote the own segment without the lease")
			}
			require.True(w.t, w.accepted[e.Segment] == *e.Data, "segment %d: what is written is not the newest record at that moment", e.Segment)
			w.writing = &e
		case StartRead:
			require.Nil(w.t, w.reading, "two passes in flight")
			w.reading = &Pass{Started: w.now, Full: e.Full}
		case StartLease:
			require.Zero(w.t, w.leasing, "two lease operations in flight")
			w.leasing = e.Op
		case Reply:
			replied = true
		case Publish:
			require.False(w.t, replied, "published after a reply")
			published = true
			for i, s := range e.Snapshot.Segments {
				require.False(w.t, s.Pending && s.Durable, "segment %d is both pending and durable", s.Segment)
				require.True(w.t, i == 0 || e.Snapshot.Segments[i-1].Segment < s.Segment, "segments out of order")
			}
		case Stopped:
			w.stopped = true
		}
	}
	if _, ok := ev.(Put); ok {
		require.True(w.t, published && replied, "a put is published and answered in its own step")
	}
}

func (w *world) finishMount(err error) {
	done := MountDone{Op: w.mounting, Ready: ready(), Err: err, Started: w.now, Ended: w.now}
	w.mounting = 0
	w.step(done)
}

func (w *world) finishWrite(err error, landed bool) {
	s := *w.writing
	w.writing = nil
	if landed {
		w.disk[s.Segment] = *s.Data
	}
	w.step(WriteDone{Segment: s.Segment, Err: err, Started: w.now, Ended: w.now})
}

func (w *world) finishRead(err error) {
	pass := *w.reading
	w.reading = nil
	pass.Ended = w.now
	if err == nil {
		for _, id := range []int{0, 3, 9} {
			if data, ok := w.disk[id]; ok {
				pass.Segments = append(pass.Segments, Seen{Segment: id, Data: &data})
			}
		}
	}
	w.step(ReadDone{Pass: pass, Err: err})
}

// finishLease completes the operation as sanlock would, unless it fails.
func (w *world) finishLease(err error) {
	done := LeaseObserved{Op: w.leasing, Err: err, Started: w.now, Ended: w.now}
	w.leasing = 0
	if err == nil {
		switch done.Op {
		case LeasePoll:
			done.Seen = w.sanlock
		case LeaseJoin:
			if w.sanlock == SeenAbsent {
				w.sanlock = SeenAdding
			}
		case LeaseLeave:
			w.sanlock = SeenRemoving
		case LeaseReset:
		}
	}
	w.step(done)
}

func (w *world) pass(d time.Duration) {
	w.now = w.now.Add(d)
	w.step(Tick{})
}

// heal lets everything work from now on and waits until nothing is left to do.
func (w *world) heal() {
	for range 2000 {
		switch {
		case w.mounting != 0:
			w.finishMount(nil)
		case w.writing != nil:
			w.finishWrite(nil, true)
		case w.reading != nil:
			w.finishRead(nil)
		case w.leasing != 0:
			w.finishLease(nil)
			switch w.sanlock {
			case SeenAdding:
				w.sanlock = SeenHeld
			case SeenRemoving:
				w.sanlock = SeenAbsent
			case SeenAbsent, SeenHeld, SeenOther:
			}
		}
		w.pass(100 * time.Millisecond)
	}
}

// However operations end, in whatever order and after whatever time: once storage works again, the newest record that
// was accepted for each segment is on it, and the snapshot says so.
func TestTheNewestRecordIsFinallyDurable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		t.Repeat(map[string]func(*rapid.T){
			"put own": func(t *rapid.T) {
				w.stamp++
				w.step(Put{Token: 1, Segment: 3, Data: record(t, 3, w.stamp)})
			},
			"put global": func(t *rapid.T) {
				data := on()
				if rapid.Bool().Draw(t, "off") {
					data = off()
				}
				w.step(Put{Token: 1, Segment: 0, Data: data})
			},
			"time": func(t *rapid.T) {
				w.pass(time.Duration(rapid.IntRange(1, 20_000).Draw(t, "ms")) * time.Millisecond)
			},
			"write ends": func(t *rapid.T) {
				if w.writing == nil {
					t.Skip()
				}
				if rapid.Bool().Draw(t, "well") {
					w.finishWrite(nil, true)
				} else {
					w.finishWrite(errIO, rapid.Bool().Draw(t, "landed"))
				}
			},
			"pass ends": func(t *rapid.T) {
				if w.reading == nil {
					t.Skip()
				}
				if rapid.Bool().Draw(t, "well") {
					w.finishRead(nil)
				} else {
					w.finishRead(errIO)
				}
			},
			"lease operation ends": func(t *rapid.T) {
				if w.leasing == 0 {
					t.Skip()
				}
				if rapid.IntRange(0, 3).Draw(t, "well") > 0 {
					w.finishLease(nil)
				} else {
					w.finishLease(errIO)
				}
			},
			"lock": func(*rapid.T) { w.step(LockWanted{Token: 2, HostID: 3}) },
			"sanlock joins": func(t *rapid.T) {
				if w.sanlock != SeenAdding {
					t.Skip()
				}
				w.sanlock = SeenHeld
			},
			"somebody overwrites the own segment": func(t *rapid.T) {
				w.disk[3] = *segment(record(t, 3, 0))
			},
			"noise": func(*rapid.T) { w.disk[9] = *segment([]byte{0xff, 0xfe}) },
		})
		w.step(LockWanted{Token: 2, HostID: 3})
		w.heal()
		for id, want := range w.accepted {
			if got := w.disk[id]; got != want {
				t.Fatalf("segment %d: storage has %.40q, want the newest accepted %.40q\n%v", id, got[:], want[:], &w.core)
			}
			got, ok := w.core.Snapshot(w.now).Segment(id)
			require.True(t, ok)
			require.True(t, got.Durable && !got.Pending, "segment %d: %+v", id, got)
		}
		w.step(Stop{})
		w.heal()
		require.True(t, w.stopped)
	})
}

// With a lane that works, no segment waits while the other is written more than once.
func TestNoSegmentWaitsForTwoWritesOfTheOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.step(LockWanted{HostID: 3})
		w.heal()
		others := map[int]int{}
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			id := rapid.SampledFrom([]int{0, 3}).Draw(t, "segment")
			before := w.writing
			if id == 3 {
				w.stamp++
				w.step(Put{Token: 1, Segment: 3, Data: record(t, 3, w.stamp)})
			} else {
				w.step(Put{Token: 1, Segment: 0, Data: on()})
			}
			if before != nil && rapid.Bool().Draw(t, "write ends") {
				w.finishWrite(nil, true)
				if w.writing != nil {
					others[w.writing.Segment] = 0
					if other := 3 - w.writing.Segment; w.core.mail.waits(other) {
						others[other]++
						require.LessOrEqual(t, others[other], 1, "segment %d starves", other)
					}
				}
			}
		}
	})
}
