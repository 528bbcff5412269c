package broker

import (
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
	domain   DomainOp
	there    bool // storage is connected: other lanes may touch it
	tokens   Token
	waiting  map[Token]clock.Mono // until when each RPC must have been answered
	sanlock  LeaseSeen
	accepted map[int]whiteboard.Segment // newest record answered with ok, by segment
	stamp    int64
	stopped  bool
}

func newWorld(t *rapid.T) *world {
	w := &world{
		t: t, now: clock.Mono(time.Hour), disk: map[int]whiteboard.Segment{}, accepted: map[int]whiteboard.Segment{},
		waiting: map[Token]clock.Mono{},
	}
	core, err := NewCore(testSettings(), w.now)
	require.NoError(t, err)
	w.core = core
	w.step(Tick{})
	w.finishMount(nil)
	return w
}

// token returns a fresh token of an RPC that must be answered at once.
func (w *world) token() Token { return w.tokenUntil(w.now) }

// tokenUntil returns a fresh token of an RPC that must be answered by then.
func (w *world) tokenUntil(until clock.Mono) Token {
	w.tokens++
	w.waiting[w.tokens] = until
	return w.tokens
}

// step feeds one event and holds what follows against what must always be so.
func (w *world) step(ev Event) {
	published, replied := false, false
	effects := w.core.Step(w.now, ev)
	if put, ok := ev.(Put); ok && w.core.claimOf(put.Segment) != nil {
		w.accepted[put.Segment] = *segment(put.Data)
	}
	for _, effect := range effects {
		switch e := effect.(type) {
		case StartMount:
			require.Zero(w.t, w.mounting, "two mount operations in flight")
			w.mounting = e.Op
			if e.Op == MountDisconnect {
				require.NotEqual(w.t, SeenHeld, w.sanlock, "storage was taken from under the lease")
				w.there = false
			}
		case StartDomain:
			require.Zero(w.t, w.domain, "two domain operations in flight")
			require.True(w.t, w.there || e.Op == DomainStop, "%v before storage was connected", e.Op)
			w.domain = e.Op
		case StartWrite:
			require.True(w.t, w.there, "a write before storage was connected")
			require.Nil(w.t, w.writing, "two writes in flight")
			require.Contains(w.t, []int{0, 3}, e.Segment)
			if e.Segment == 3 {
				require.Equal(w.t, SeenHeld, w.sanlock, "wrote the own segment without the lease")
			}
			require.True(w.t, w.accepted[e.Segment] == *e.Data, "segment %d: what is written is not the newest record at that moment", e.Segment)
			w.writing = &e
		case StartRead:
			require.True(w.t, w.there, "a pass before storage was connected")
			require.Nil(w.t, w.reading, "two passes in flight")
			w.reading = &Pass{Started: w.now, Full: e.Full}
		case StartLease:
			require.True(w.t, w.there, "a lease operation before storage was connected")
			require.Zero(w.t, w.leasing, "two lease operations in flight")
			w.leasing = e.Op
		case Reply:
			replied = true
			require.Contains(w.t, w.waiting, e.Token, "answered twice, or nobody")
			delete(w.waiting, e.Token)
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
	if put, ok := ev.(Put); ok && !put.Wait {
		require.True(w.t, published && replied, "a put is published and answered in its own step")
	}
	for token, until := range w.waiting {
		require.Greater(w.t, until, w.now, "RPC %d of step %v is out of time and has no answer\n%v", token, ev, &w.core)
	}
}

func (w *world) finishMount(err error) {
	done := MountDone{Op: w.mounting, Ready: ready(), Err: err, Started: w.now, Ended: w.now}
	if done.Op == MountConnect && err == nil {
		w.there = true
	}
	w.mounting = 0
	w.step(done)
}

func (w *world) finishDomain(facts DomainFacts, err error) {
	done := DomainDone{Op: w.domain, Facts: facts, Err: err, Started: w.now, Ended: w.now}
	w.domain = 0
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
		case LeaseReset, LeaseExamine:
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
		case w.domain != 0:
			w.finishDomain(good, nil)
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
