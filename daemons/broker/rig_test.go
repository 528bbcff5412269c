package broker

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/health"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
)

var errIO = errors.New("write segment: input/output error")

// testSettings are round numbers for host 3.
func testSettings() Settings {
	return Settings{
		HostID: 3, MustConnect: true,
		StorageDelay: 10 * time.Second, FullScan: 600 * time.Second, StallAfter: 5 * time.Second, ViewLimit: 30 * time.Second, AliveLimit: 60 * time.Second,
		RetryMin: time.Second, RetryMax: 30 * time.Second,
		LeasePoll: 2 * time.Second, LeaseRetry: 5 * time.Second, LeaseLife: 80 * time.Second,
		DrainLimit: 5 * time.Second, StopLimit: 10 * time.Second,
		ReconnectAfter: 3, ReconnectMin: 5 * time.Second, ReconnectMax: 60 * time.Second,
		DomainInterval: 10 * time.Second, DomainDelayLimit: 10 * time.Second,
	}
}

// rig drives a core in virtual time. Lanes are operated by hand: what the core starts stays in flight until the test
// completes it.
type rig struct {
	t    *testing.T
	core Core
	now  clock.Mono

	writing   *StartWrite // in flight
	reading   bool
	full      bool
	readSince clock.Mono
	leasing   LeaseOp
	mounting  MountOp
	domain    DomainOp
	last      []Effect // of the last step
	snapshot  *Snapshot
	replies   map[Token]Reply
	log       []string // warnings, stalls, lease changes
	stopped   *Stopped
	token     Token
}

// newRig makes a core whose storage is connected, if any is configured.
func newRig(t *testing.T, set Settings) *rig {
	t.Helper()
	r := newBareRig(t, set)
	if set.StorageMissing == "" {
		r.step(Tick{})
		r.finishMount(nil)
	}
	return r
}

// ready is what a connect of the rig finds.
func ready() Ready {
	return Ready{Whiteboard: "/run/wb", Lockspace: "/run/ls", Configuration: "/run/conf", Domain: "/run/md", DomainIDs: "/run/ids", Sector: 512}
}

// newBareRig makes a core that has not been stepped.
func newBareRig(t *testing.T, set Settings) *rig {
	t.Helper()
	r := &rig{t: t, now: clock.Mono(1000 * time.Second), replies: map[Token]Reply{}}
	core, err := NewCore(set, r.now)
	require.NoError(t, err)
	r.core = core
	return r
}

// step feeds one event and books the effects.
func (r *rig) step(ev Event) {
	r.t.Helper()
	r.last = r.core.Step(r.now, ev)
	replied := false
	for _, effect := range r.last {
		switch e := effect.(type) {
		case StartMount:
			require.Zero(r.t, r.mounting, "two mount operations in flight")
			r.mounting = e.Op
		case StartDomain:
			require.Zero(r.t, r.domain, "two domain operations in flight")
			require.Equal(r.t, r.core.set.HostID, e.HostID)
			r.domain = e.Op
		case StorageChanged:
			r.log = append(r.log, "storage "+e.State)
		case DomainChanged:
			r.log = append(r.log, "domain "+e.State)
		case StartWrite:
			require.Nil(r.t, r.writing, "two writes in flight")
			require.Contains(r.t, []int{0, r.core.set.HostID}, e.Segment, "wrote a foreign segment")
			r.writing = &e
		case StartRead:
			require.False(r.t, r.reading, "two passes in flight")
			r.reading, r.readSince, r.full = true, r.now, e.Full
		case StartLease:
			require.Zero(r.t, r.leasing, "two lease operations in flight")
			r.leasing = e.Op
		case Publish:
			require.False(r.t, replied, "published after a reply: the caller would not find its change")
			r.snapshot = e.Snapshot
		case Reply:
			replied = true
			require.NotContains(r.t, r.replies, e.Token, "answered twice")
			r.replies[e.Token] = e
		case RaiseWarning:
			r.log = append(r.log, "+"+string(e.Warning.Code))
		case ClearWarning:
			r.log = append(r.log, "-"+string(e.Warning.Code))
		case LaneStalled:
			r.log = append(r.log, "stalled "+e.Lane)
		case LaneRecovered:
			r.log = append(r.log, "recovered "+e.Lane)
		case LeaseChanged:
			r.log = append(r.log, "lease "+e.State.String())
		case Stopped:
			require.Nil(r.t, r.stopped, "stopped twice")
			r.stopped = &e
		}
	}
}

// wait lets time pass in ticks of 100 ms.
func (r *rig) wait(d time.Duration) {
	r.t.Helper()
	for end := r.now.Add(d); r.now < end; {
		r.now = r.now.Add(min(100*time.Millisecond, end.Sub(r.now)))
		r.step(Tick{})
	}
}

// waitUntil lets time pass until something is so, at most 1000 s.
func (r *rig) waitUntil(so func() bool) {
	r.t.Helper()
	for range 10_000 {
		if so() {
			return
		}
		r.wait(100 * time.Millisecond)
	}
	r.t.Fatalf("has not come about: %v", &r.core)
}

// waitForRead and waitForWrite let time pass until the lane is busy.
func (r *rig) waitForRead() {
	r.t.Helper()
	r.waitUntil(func() bool { return r.reading })
}

func (r *rig) waitForWrite() {
	r.t.Helper()
	r.waitUntil(func() bool { return r.writing != nil })
}

func (r *rig) ask(make func(Token) Event) Reply {
	r.t.Helper()
	r.token++
	token := r.token
	r.step(make(token))
	reply, ok := r.replies[token]
	require.True(r.t, ok, "no reply")
	return reply
}

func (r *rig) put(segment int, data []byte) Reply {
	r.t.Helper()
	return r.ask(func(token Token) Event { return Put{Token: token, Segment: segment, Data: data} })
}

func (r *rig) mustPut(segment int, data []byte) {
	r.t.Helper()
	reply := r.put(segment, data)
	require.True(r.t, reply.OK, "put refused: %s", reply.Reason)
}

func (r *rig) lock() Reply {
	r.t.Helper()
	return r.ask(func(token Token) Event { return LockWanted{Token: token, HostID: r.core.set.HostID} })
}

// release asks for a release that may take its time, and returns the token under which it will be answered.
func (r *rig) release() Token {
	r.t.Helper()
	return r.call(25*time.Second, func(token Token, until clock.Mono) Event { return ReleaseWanted{Token: token, Until: until} })
}

// call asks for something that may take as long as limit, and returns the token under which it will be answered.
func (r *rig) call(limit time.Duration, make func(Token, clock.Mono) Event) Token {
	r.t.Helper()
	r.token++
	token := r.token
	r.step(make(token, r.now.Add(limit)))
	return token
}

// mustAnswer checks that the call was answered, and how: ok, or why not.
func (r *rig) mustAnswer(token Token, ok bool, reason string) {
	r.t.Helper()
	reply, there := r.replies[token]
	require.True(r.t, there, "no reply yet")
	require.Equal(r.t, ok, reply.OK, "reason: %s", reply.Reason)
	require.Contains(r.t, reply.Reason, reason)
}

// mustWait checks that the call has not been answered.
func (r *rig) mustWait(token Token) {
	r.t.Helper()
	require.NotContains(r.t, r.replies, token, "answered too early")
}

func (r *rig) finishMount(err error) {
	r.t.Helper()
	require.NotZero(r.t, r.mounting, "no mount operation in flight")
	done := MountDone{Op: r.mounting, Err: err, Started: r.now, Ended: r.now}
	if err == nil && r.mounting != MountDisconnect {
		done.Ready = ready()
	}
	r.mounting = 0
	r.step(done)
}

func (r *rig) finishDomain(facts DomainFacts, err error) {
	r.t.Helper()
	require.NotZero(r.t, r.domain, "no domain operation in flight")
	done := DomainDone{Op: r.domain, Facts: facts, Err: err, Started: r.now, Ended: r.now}
	r.domain = 0
	r.step(done)
}

func (r *rig) finishWrite(err error) {
	r.t.Helper()
	require.NotNil(r.t, r.writing, "no write in flight")
	done := WriteDone{Segment: r.writing.Segment, Err: err, Ended: r.now}
	r.writing = nil
	r.step(done)
}

func (r *rig) finishRead(segments map[int][]byte, err error) {
	r.t.Helper()
	require.True(r.t, r.reading, "no pass in flight")
	r.reading = false
	pass := Pass{Started: r.readSince, Ended: r.now, Full: r.full}
	for id := range whiteboard.Segments {
		if data, ok := segments[id]; ok {
			pass.Segments = append(pass.Segments, Seen{Segment: id, Data: segment(data)})
		}
	}
	if err != nil {
		pass = Pass{}
	}
	r.step(ReadDone{Pass: pass, Err: err})
}

func (r *rig) finishLease(seen LeaseSeen, err error) {
	r.t.Helper()
	require.NotZero(r.t, r.leasing, "no lease operation in flight")
	done := LeaseObserved{Op: r.leasing, Seen: seen, Err: err, Started: r.now, Ended: r.now}
	r.leasing = 0
	r.step(done)
}

// poll completes lease operations until sanlock has answered a poll with seen. Joins and leaves are accepted.
func (r *rig) poll(seen LeaseSeen) {
	r.t.Helper()
	for range 200 {
		switch r.leasing {
		case LeasePoll:
			r.finishLease(seen, nil)
			return
		case 0:
			r.wait(100 * time.Millisecond)
		default:
			r.finishLease(0, nil)
		}
	}
	r.t.Fatal("sanlock was not asked for 20 s")
}

// hold brings the lease to held.
func (r *rig) hold() {
	r.t.Helper()
	r.step(Tick{})
	r.poll(SeenAbsent)
	require.False(r.t, r.lock().OK)
	r.poll(SeenAdding)
	r.poll(SeenHeld)
	require.Equal(r.t, Held, r.core.lease.state)
}

// idleReader keeps the reader lane out of a test's way.
func (r *rig) idleReader() {
	r.t.Helper()
	r.step(Tick{})
	if r.reading {
		r.finishRead(nil, nil)
	}
	r.core.reader.nextAt = r.now.Add(1000 * time.Hour)
	r.core.reader.lastAt = r.now.Add(1000 * time.Hour)
}

func (r *rig) state(segment int) SegmentState {
	r.t.Helper()
	s, ok := r.snapshot.Segment(segment)
	require.True(r.t, ok, "segment %d is not in the snapshot", segment)
	return s
}

func (r *rig) warns(code health.Code) bool {
	for _, w := range r.core.board.Visible(r.now) {
		if w.Code == code {
			return true
		}
	}
	return false
}

// record returns a host's record as its agent would put it.
func record(t interface{ Fatalf(string, ...any) }, hostID int, timestamp int64) []byte {
	r := whiteboard.Record{
		ParseVersion: whiteboard.ParseVersion, FeatureVersion: whiteboard.FeatureVersion, Timestamp: timestamp, HostID: hostID, Score: 3400,
		EngineStatus: `{"vm": "down", "health": "bad", "detail": "unknown"}`, HostName: fmt.Sprintf("host%d", hostID),
		ConfOnSharedStorage: true,
	}
	wall := time.Unix(1_700_000_000+timestamp, 0).UTC()
	s, err := whiteboard.Encode(r, whiteboard.Human{Timestamp: timestamp, HostID: hostID, Score: 3400, ConfOnSharedStorage: true, TimestampWall: wall, ConfWall: wall})
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	return s[:]
}

// text pads a text to a multiple of 512 bytes.
func text(s string) []byte {
	size := (len(s) + whiteboard.MachineSize - 1) / whiteboard.MachineSize * whiteboard.MachineSize
	data := make([]byte, max(size, whiteboard.MachineSize))
	copy(data, s)
	return data
}

func segment(data []byte) *whiteboard.Segment {
	var s whiteboard.Segment
	copy(s[:], data)
	return &s
}

func on() []byte  { return text("maintenance=1") }
func off() []byte { return text("maintenance=0") }
