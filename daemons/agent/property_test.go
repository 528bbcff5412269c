package agent

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
)

// observer knows, independently of the core, what the core may know: when the whiteboard was last read, and since when it
// was watched without a gap.
type observer struct {
	last, since clock.Mono
}

func (o *observer) saw(at clock.Mono) {
	switch {
	case at <= o.last:
		return
	case o.last == 0 || at.Sub(o.last) > testTiming().ViewLimit:
		o.since = at
	}
	o.last = at
}

// segments draws anything between a healthy cluster and noise.
func segments(t *rapid.T) []Segment {
	var all []Segment
	for range rapid.IntRange(0, 4).Draw(t, "segments") {
		id := rapid.SampledFrom([]int{0, 1, 2, 3, 4, 2000, 2001, -1}).Draw(t, "id")
		s := Segment{HostID: id, DurableAge: time.Duration(rapid.Int64Range(-1, int64(time.Minute)).Draw(t, "durable age"))}
		switch rapid.IntRange(0, 3).Draw(t, "kind of segment") {
		case 0:
			s.Data = rapid.SliceOfN(rapid.Byte(), 0, 600).Draw(t, "noise")
		case 1:
			block := whiteboard.EncodeGlobal(whiteboard.Global{Maintenance: rapid.Bool().Draw(t, "maintenance")})
			s.Data = block[:]
		default:
			s.Data = rapidSegment(t, max(min(id, 2000), 1))
		}
		all = append(all, s)
	}
	return all
}

func rapidSegment(t *rapid.T, id int) []byte {
	r := whiteboard.Record{
		HostID: id, HostName: "peer", Timestamp: rapid.Int64Range(0, 50).Draw(t, "timestamp"), Score: rapid.SampledFrom([]int{0, 3400}).Draw(t, "score"),
		EngineStatus: rapid.SampledFrom([]string{upGood, isDown, "null", `{"vm": 1}`}).Draw(t, "engine"),
	}
	segment, err := whiteboard.Encode(r, r.HumanPart(time.Unix(0, 0), time.Unix(0, 0)))
	require.NoError(t, err)
	return segment[:]
}

// event draws what could happen at now and tells the observer what could be seen.
func event(t *rapid.T, now clock.Mono, o *observer) Event {
	switch rapid.IntRange(0, 9).Draw(t, "event") {
	case 0, 1, 2:
		sent := now.Add(-time.Duration(rapid.Int64Range(0, int64(10*time.Second)).Draw(t, "sent")))
		if rapid.IntRange(0, 9).Draw(t, "failed") == 0 {
			return ViewAnswer{Sent: sent, Failure: "down"}
		}
		age := time.Duration(rapid.Int64Range(-1, int64(45*time.Second)).Draw(t, "read age"))
		if age >= 0 {
			o.saw(sent.Add(-age))
		}
		lease := Lease{State: rapid.SampledFrom([]string{"held", "held", "held", "lost", ""}).Draw(t, "lease"), HostID: 1}
		return ViewAnswer{Sent: sent, View: View{ReadAge: age, Lease: lease, Segments: segments(t)}}
	case 3, 4:
		return MonitorAnswer{Monitor: EngineHealth, Sent: now, Text: rapid.SampledFrom([]string{isDown, isDown, upGood, "None", "{", "\xff"}).Draw(t, "health")}
	case 5, 6:
		return MonitorAnswer{Monitor: StorageDomain, Sent: now, Text: rapid.SampledFrom([]string{"True", "True", "False", "None"}).Draw(t, "domain")}
	case 7:
		return ActionDone{ID: rapid.Uint64Range(0, 5).Draw(t, "action"), Failure: rapid.SampledFrom([]string{"", "no"}).Draw(t, "failure")}
	case 8:
		return MaintenanceAnswer{Local: rapid.IntRange(0, 9).Draw(t, "local maintenance") == 0}
	default:
		return Published{Serial: rapid.Uint64Range(0, 50).Draw(t, "serial"), Refused: rapid.Bool().Draw(t, "refused")}
	}
}

// Whatever arrives in whatever order: the core never panics, has a turn in each period and publishes a readable record in
// it, and never starts the engine while it is blind or before it has watched the cluster for host_alive_timeout.
func TestCoreHoldsItsPromisesWhateverHappens(t *testing.T) {
	started := 0
	rapid.Check(t, func(t *rapid.T) {
		c, err := New(testSettings())
		require.NoError(t, err)
		timing := testTiming()
		now, lastTurn := worldStart, worldStart
		var o observer
		// At first all is well, for so long that a start may be near; then anything goes.
		calm := rapid.IntRange(0, 90).Draw(t, "calm seconds")
		for step := range calm + rapid.IntRange(1, 60).Draw(t, "steps") {
			effects := c.Step(now, tickAt(now))
			if (step < calm || step%2 == 0) && len(only[Collect](effects)) > 0 {
				o.saw(now)
				c.Step(now, ViewAnswer{Sent: now, View: View{Lease: Lease{State: "held", HostID: 1}, Segments: []Segment{{HostID: 1}}}})
				c.Step(now, MonitorAnswer{Monitor: EngineHealth, Sent: now, Text: isDown})
				c.Step(now, MonitorAnswer{Monitor: StorageDomain, Sent: now, Text: "True"})
			} else if step >= calm && rapid.IntRange(0, 2).Draw(t, "something happens") == 0 {
				effects = append(effects, c.Step(now, event(t, now, &o))...)
			}
			for _, effect := range effects {
				switch e := effect.(type) {
				case StartEngine:
					started++
					require.LessOrEqual(t, now.Sub(o.last), timing.ViewLimit, "started while blind (S37)")
					require.NotZero(t, o.last)
					require.Greater(t, o.last.Sub(o.since), timing.HostAliveTimeout, "started with too short a history")
				case Publish:
					lastTurn = now
					_, err := whiteboard.Decode(1, e.Segment[:])
					require.NoError(t, err)
				case Report:
					require.Equal(t, c.State(), e.State)
					require.NotEmpty(t, e.Reason)
					if now.Sub(o.last) > timing.ViewLimit {
						require.Zero(t, e.Score, "score of a blind host in %s", e.State)
					}
				}
			}
			require.LessOrEqual(t, now.Sub(lastTurn), timing.LoopDelay+timing.RPCTimeout+2*time.Second, "no turn")
			later := time.Second
			if step >= calm {
				later = time.Duration(rapid.Int64Range(0, int64(2*time.Second)).Draw(t, "later"))
			}
			now = now.Add(later)
		}
	})
	require.NotZero(t, started, "the property never saw a start: it tests nothing")
	t.Logf("%d starts seen", started)
}

// The chain of states that one turn passes through ends, in whatever state and situation it begins.
func TestEveryTurnEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, err := New(testSettings())
		require.NoError(t, err)
		now := worldStart
		c.state = rapid.SampledFrom(States()).Draw(t, "state")
		c.timer = rapid.SampledFrom([]clock.Mono{0, 1, worldStart}).Draw(t, "timer")
		for range 10 {
			c.Step(now, event(t, now, &observer{}))
		}
		steps := 0
		for waits := false; !waits; steps++ {
			s := c.situation(now)
			d := Decide(c.state, s)
			c.apply(now, s, d)
			waits = d.Wait
			require.Less(t, steps, longestChain)
		}
	})
}
