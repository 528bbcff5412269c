package broker

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// However operations end, in whatever order and after whatever time: once storage works again, the newest record that
// was accepted for each segment is on it, and the snapshot says so.
func TestTheNewestRecordIsFinallyDurable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		t.Repeat(map[string]func(*rapid.T){
			"put own": func(t *rapid.T) {
				w.stamp++
				w.step(Put{Token: w.token(), Segment: 3, Data: record(t, 3, w.stamp)})
			},
			"put global": func(t *rapid.T) {
				data := on()
				if rapid.Bool().Draw(t, "off") {
					data = off()
				}
				w.step(Put{Token: w.token(), Segment: 0, Data: data})
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
			"lock": func(*rapid.T) { w.step(LockWanted{Token: w.token(), HostID: 3}) },
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
		w.step(LockWanted{Token: w.token(), HostID: 3})
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

// Whatever is asked for, in whatever order, and however operations end: each RPC is answered once and by its deadline (the
// world looks at every step), no lane touches storage that is not connected, and once everything works again the newest
// records are on storage, the lease is held and the domain valid.
func TestEveryCallIsAnsweredOnceAndByItsDeadline(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		until := func(t *rapid.T) clock.Mono {
			return w.now.Add(time.Duration(rapid.IntRange(0, 40_000).Draw(t, "wait ms")) * time.Millisecond)
		}
		outcome := func(t *rapid.T) error {
			if rapid.IntRange(0, 2).Draw(t, "well") == 0 {
				return errIO
			}
			return nil
		}
		t.Repeat(map[string]func(*rapid.T){
			"put own": func(t *rapid.T) {
				w.stamp++
				at := until(t)
				w.step(Put{Token: w.tokenUntil(at), Segment: 3, Data: record(t, 3, w.stamp), Wait: true, Until: at})
			},
			"put global": func(t *rapid.T) {
				data, at := on(), until(t)
				if rapid.Bool().Draw(t, "off") {
					data = off()
				}
				w.step(Put{Token: w.tokenUntil(at), Segment: 0, Data: data, Wait: true, Until: at})
			},
			"put foreign": func(t *rapid.T) {
				w.step(Put{Token: w.token(), Segment: 9, Data: on(), Wait: true, Until: until(t)})
			},
			"lock":       func(t *rapid.T) { at := until(t); w.step(LockWanted{Token: w.tokenUntil(at), HostID: 3, Until: at}) },
			"release":    func(t *rapid.T) { at := until(t); w.step(ReleaseWanted{Token: w.tokenUntil(at), Until: at}) },
			"reset":      func(t *rapid.T) { at := until(t); w.step(ResetWanted{Token: w.tokenUntil(at), Until: at}) },
			"connect":    func(t *rapid.T) { at := until(t); w.step(ConnectWanted{Token: w.tokenUntil(at), Until: at}) },
			"disconnect": func(t *rapid.T) { at := until(t); w.step(DisconnectWanted{Token: w.tokenUntil(at), Until: at}) },
			"domain": func(t *rapid.T) {
				at := until(t)
				w.step(DomainWanted{Token: w.tokenUntil(at), On: rapid.Bool().Draw(t, "on"), HostID: 3, Until: at})
			},
			"time": func(t *rapid.T) {
				w.pass(time.Duration(rapid.IntRange(1, 20_000).Draw(t, "ms")) * time.Millisecond)
			},
			"a lane ends": func(t *rapid.T) {
				switch rapid.IntRange(0, 4).Draw(t, "lane") {
				case 0:
					if w.writing != nil {
						err := outcome(t)
						w.finishWrite(err, err == nil || rapid.Bool().Draw(t, "landed"))
					}
				case 1:
					if w.reading != nil {
						w.finishRead(outcome(t))
					}
				case 2:
					if w.leasing != 0 {
						w.finishLease(outcome(t))
					}
				case 3:
					if w.mounting != 0 {
						w.finishMount(outcome(t))
					}
				case 4:
					if w.domain != 0 {
						w.finishDomain(good, outcome(t))
					}
				}
			},
			"sanlock goes on": func(t *rapid.T) {
				switch w.sanlock {
				case SeenAdding:
					w.sanlock = SeenHeld
				case SeenRemoving:
					w.sanlock = SeenAbsent
				default:
					t.Skip()
				}
			},
		})
		w.step(ConnectWanted{})
		w.heal()
		w.step(LockWanted{HostID: 3})
		w.step(DomainWanted{On: true, HostID: 3})
		w.heal()
		require.Equal(t, "connected", w.core.mount.state, "%v", &w.core)
		require.Equal(t, Held, w.core.lease.state, "%v", &w.core)
		require.True(t, w.core.domainShown.Valid && w.core.domainShown.Acquired, "%+v", w.core.domainShown)
		for id, want := range w.accepted {
			got := w.disk[id]
			require.True(t, got == want, "segment %d: storage has %.40q, want the newest accepted %.40q\n%v", id, got[:], want[:], &w.core)
		}
		w.step(Stop{})
		w.heal()
		require.True(t, w.stopped)
		require.Empty(t, w.waiting, "the end answers everybody")
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
				w.step(Put{Token: w.token(), Segment: 3, Data: record(t, 3, w.stamp)})
			} else {
				w.step(Put{Token: w.token(), Segment: 0, Data: on()})
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
