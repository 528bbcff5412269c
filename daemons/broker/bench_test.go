package broker

import (
	"fmt"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
)

// BenchmarkStepPut is the core's share of one put_stats, the write included, for clusters of several sizes.
func BenchmarkStepPut(b *testing.B) {
	for _, hosts := range []int{3, 250, 2000} {
		b.Run(fmt.Sprintf("hosts=%d", hosts), func(b *testing.B) {
			c, now := coreWithHosts(b, hosts)
			data := on()
			b.ReportAllocs()
			for b.Loop() {
				now = now.Add(time.Millisecond)
				c.Step(now, Put{Token: 1, Segment: 0, Data: data})
				c.Step(now, WriteDone{Segment: 0, Started: now, Ended: now})
			}
		})
	}
}

// BenchmarkStepTick is what an idle broker does ten times a second.
func BenchmarkStepTick(b *testing.B) {
	c, now := coreWithHosts(b, 250)
	b.ReportAllocs()
	for b.Loop() {
		now++
		connect(&c, now)
	}
}

// BenchmarkStepPass is a complete pass over a large cluster in which one host has published. The reader has handed out the
// same pointers again, or not.
func BenchmarkStepPass(b *testing.B) {
	for _, same := range []bool{true, false} {
		b.Run(fmt.Sprintf("hosts=2000/same=%t", same), func(b *testing.B) {
			c, now := coreWithHosts(b, 2000)
			pass := Pass{}
			for _, s := range c.reader.seen {
				if !same {
					s.data = segment(s.data[:])
				}
				pass.Segments = append(pass.Segments, Seen{Segment: s.segment, Data: s.data})
			}
			changed := [2]*whiteboard.Segment{segment(record(b, 7, 2)), segment(record(b, 7, 3))}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				now = now.Add(10 * time.Second)
				pass.Started, pass.Ended = now, now
				pass.Segments[6].Data = changed[i%2]
				c.Step(now, Tick{})
				c.Step(now, ReadDone{Pass: pass})
			}
		})
	}
}

// connect lets the core find its storage.
func connect(c *Core, now clock.Mono) {
	c.Step(now, Tick{})
	c.Step(now, MountDone{Op: MountConnect, Ready: ready()})
}

func coreWithHosts(b *testing.B, hosts int) (Core, clock.Mono) {
	b.Helper()
	now := clock.Mono(time.Hour)
	c, err := NewCore(testSettings(), now)
	if err != nil {
		b.Fatal(err)
	}
	connect(&c, now)
	pass := Pass{Started: now, Ended: now}
	for id := 1; id <= hosts; id++ {
		pass.Segments = append(pass.Segments, Seen{Segment: id, Data: segment(record(b, id, 1))})
	}
	c.Step(now, ReadDone{Pass: pass})
	return c, now
}
