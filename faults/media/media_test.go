package media

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/faults/faultfs"
	"github.com/holdfast-ha/holdfast/faults/lifecycle"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	_ lifecycle.Fault = (*Fault)(nil)
	_ FileSystem      = faultfs.Client{}
)

// gate is a FileSystem with a real gate and no files.
type gate struct {
	*faultfs.Gate
	deaf bool // takes rules and does nothing with them
	down error
}

func (g gate) Add(_ context.Context, r faultfs.Rule) (string, error) {
	if g.deaf || g.down != nil {
		return r.ID, g.down
	}
	return g.Gate.Add(r)
}

func (g gate) Clear(_ context.Context, id string) (faultfs.RuleStatus, error) {
	if g.down != nil {
		return faultfs.RuleStatus{}, g.down
	}
	return g.Gate.Clear(id)
}

func (g gate) Status(context.Context) (faultfs.Status, error) {
	return faultfs.Status{Rules: g.Rules()}, g.down
}

func (g gate) Probe(ctx context.Context, p faultfs.Probe) (faultfs.ProbeResult, error) {
	if g.down != nil {
		return faultfs.ProbeResult{}, g.down
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(p.TimeoutMS*float64(time.Millisecond)))
	defer cancel()
	start := time.Now()
	heldBy, failed, err := g.Test(ctx, faultfs.Request{Op: p.Op, Via: p.Via, File: p.File, Offset: p.Offset, Length: SegmentSize})
	return faultfs.ProbeResult{Passed: err == nil && failed == "", Errno: failed, HeldBy: heldBy, WaitedMS: float64(time.Since(start)) / float64(time.Millisecond)}, nil
}

func segment(n int) *int { return &n }

func TestOptionsPrintTheScenariosWords(t *testing.T) {
	fs := gate{Gate: faultfs.NewGate()}
	for want, o := range map[string]Options{
		"hang media":          {},
		"hang media op=write": {Ops: []faultfs.Op{faultfs.OpWrite}},
		"hang media op=write file=whiteboard.img segment=2":  {Ops: []faultfs.Op{faultfs.OpWrite}, File: "whiteboard.img", Segment: segment(2)},
		"hang media file=whiteboard.img segment=0 for=host2": {File: "whiteboard.img", Segment: segment(0), Host: "host2"},
		"hang media file=whiteboard.img segment=0":           {File: "whiteboard.img", Segment: segment(0)},
		"slow media by=200ms op=write":                       {By: 200 * time.Millisecond, Ops: []faultfs.Op{faultfs.OpWrite}},
		"fail media error=EIO op=write file=whiteboard.img segment=2 first=1": {
			Error: "EIO", Ops: []faultfs.Op{faultfs.OpWrite}, File: "whiteboard.img", Segment: segment(2), First: 1,
		},
		"fail media error=EROFS":                          {Error: "EROFS"},
		"slow media by=1.5s op=write,fsync first=3 p=0.1": {By: 1500 * time.Millisecond, Ops: []faultfs.Op{faultfs.OpWrite, faultfs.OpFsync}, First: 3, Probability: 0.1},
	} {
		o.FileSystem = fs
		f, err := New(o)
		require.NoError(t, err)
		require.Equal(t, want, f.String())
	}
}

func TestBadOptionsAreRefused(t *testing.T) {
	fs := gate{Gate: faultfs.NewGate()}
	for want, o := range map[string]Options{
		"no fault file system":         {},
		"segment=2 without file=":      {FileSystem: fs, Segment: segment(2)},
		"segment=2001, want 0":         {FileSystem: fs, File: "w", Segment: segment(2001)},
		"segment=-1, want 0":           {FileSystem: fs, File: "w", Segment: segment(-1)},
		`unknown operation "wirte"`:    {FileSystem: fs, Ops: []faultfs.Op{"wirte"}},
		"by=-1s, want a positive":      {FileSystem: fs, By: -time.Second},
		"error is \"EIEIO\", want one": {FileSystem: fs, Error: "EIEIO"},
		"a read never fails with":      {FileSystem: fs, Error: "EROFS", Ops: []faultfs.Op{faultfs.OpRead}},
		"either fails or takes":        {FileSystem: fs, Error: "EIO", By: time.Second},
		"delay_ms is 3.6e+06":          {FileSystem: fs, By: time.Hour},
		"a range of bytes never":       {FileSystem: fs, File: "w", Segment: segment(1), Ops: []faultfs.Op{faultfs.OpFsync}},
		"want a base name":             {FileSystem: fs, File: "/volumes/w"},
		"probability is 2":             {FileSystem: fs, Probability: 2},
		"media fault: rule: first i":   {FileSystem: fs, First: -1},
	} {
		_, err := New(o)
		require.ErrorContains(t, err, want)
	}
}

func TestFaultForOneHostIsProvenThroughItsMount(t *testing.T) {
	fs := gate{Gate: faultfs.NewGate()}
	f, err := New(Options{FileSystem: fs, By: time.Millisecond, Host: "host2"})
	require.NoError(t, err)
	require.NoError(t, f.Inject(t.Context()))
	_ = fs.Pass(faultfs.Request{Op: faultfs.OpRead, Via: "host1"})
	proof, err := f.Prove(t.Context())
	require.NoError(t, err)
	require.Contains(t, proof, "requests of others delayed: 0")
}

func TestSegmentSelectsItsBytes(t *testing.T) {
	r := Options{File: "w", Segment: segment(2)}.rule()
	require.EqualValues(t, 2*4096, r.OffsetFrom)
	require.EqualValues(t, 3*4096, r.OffsetTo)
}

func TestHangIsProvenAndProvenGone(t *testing.T) {
	fs := gate{Gate: faultfs.NewGate()}
	f, err := New(Options{FileSystem: fs, File: "w", Ops: []faultfs.Op{faultfs.OpWrite}})
	require.NoError(t, err)
	g := lifecycle.Guard(f)
	require.NoError(t, g.Setup(t.Context()))
	require.NoError(t, g.Inject(t.Context()))
	victim := make(chan struct{})
	go func() {
		defer close(victim)
		_ = fs.Pass(faultfs.Request{Op: faultfs.OpWrite, File: "w", Length: 4096})
	}()
	require.Eventually(t, func() bool { return fs.Rules()[0].Held == 1 }, 10*time.Second, time.Millisecond)
	require.NoError(t, g.Prove(t.Context()))
	proof, _ := g.Last(lifecycle.Prove)
	require.Contains(t, proof.Proof, "an own write request was held for all of its 25")
	require.Contains(t, proof.Proof, "requests of others held: 1 at that moment, 1 in total")
	require.NoError(t, g.Heal(t.Context()))
	<-victim
	require.NoError(t, g.Heal(t.Context()), "healing is idempotent")
	require.NoError(t, g.ProveGone(t.Context()))
	gone, _ := g.Last(lifecycle.ProveGone)
	require.Contains(t, gone.Proof, "an own write request passed")
	require.Contains(t, gone.Proof, "1 in total")
	effect, ok := f.Effect()
	require.True(t, ok)
	require.EqualValues(t, 1, effect.HeldTotal)
	require.NoError(t, g.Cleanup(t.Context()))
	t.Log(proof.Proof)
	t.Log(gone.Proof)
}

func TestLatencyIsProvenByItsMeasure(t *testing.T) {
	fs := gate{Gate: faultfs.NewGate()}
	f, err := New(Options{FileSystem: fs, By: 30 * time.Millisecond})
	require.NoError(t, err)
	require.NoError(t, f.Inject(t.Context()))
	_ = fs.Pass(faultfs.Request{Op: faultfs.OpRead})
	proof, err := f.Prove(t.Context())
	require.NoError(t, err)
	require.Regexp(t, `delayed by \d+ms, asked for 30ms; requests of others delayed: 1 \(shortest \d+\.\d ms`, proof)
	require.NoError(t, f.Heal(t.Context()))
	_, err = f.ProveGone(t.Context())
	require.NoError(t, err)
}

func TestErrorIsProvenByItsNameAndCounted(t *testing.T) {
	for _, name := range faultfs.Errors() {
		fs := gate{Gate: faultfs.NewGate()}
		f, err := New(Options{FileSystem: fs, Error: name, File: "w", Segment: segment(2), First: 1, AwaitOthers: true})
		require.NoError(t, err)
		require.NoError(t, f.Setup(t.Context()))
		require.NoError(t, f.Inject(t.Context()))
		at := func(segment int64) string {
			return unix.ErrnoName(fs.Pass(faultfs.Request{Op: faultfs.OpWrite, File: "w", Offset: segment * SegmentSize, Length: SegmentSize}))
		}
		require.Empty(t, at(1), "another segment")
		require.Equal(t, name, at(2))
		require.Empty(t, at(2), "first=1")
		proof, err := f.Prove(t.Context())
		require.NoError(t, err)
		require.Contains(t, proof, "an own "+string(f.probeOp())+" request failed with "+name)
		require.Contains(t, proof, "requests of others failed with "+name+": 1 of the 2 that matched")
		second, err := New(Options{FileSystem: fs, File: "w", Segment: segment(2)})
		require.NoError(t, err)
		require.ErrorContains(t, second.Setup(t.Context()), "fails already")
		require.NoError(t, f.Heal(t.Context()))
		gone, err := f.ProveGone(t.Context())
		require.NoError(t, err)
		require.Contains(t, gone, "1 of the 2 that matched")
	}
}

func TestFaultThatIsNotThereIsNotProven(t *testing.T) {
	for _, by := range []time.Duration{0, 20 * time.Millisecond} {
		f, err := New(Options{FileSystem: gate{Gate: faultfs.NewGate(), deaf: true}, By: by})
		require.NoError(t, err)
		require.NoError(t, f.Inject(t.Context()))
		_, err = f.Prove(t.Context())
		require.ErrorContains(t, err, "not in effect")
	}
}

func TestHealAfterAnInjectThatWasNeverAnswered(t *testing.T) {
	fs := gate{Gate: faultfs.NewGate()}
	f, err := New(Options{FileSystem: fs})
	require.NoError(t, err)
	_, err = fs.Gate.Add(f.rule) // the rule arrived, the reply did not
	require.NoError(t, err)
	require.NoError(t, f.Heal(t.Context()))
	require.Empty(t, fs.Rules())
}

func TestHealFailsWhileTheFileSystemIsOutOfReach(t *testing.T) {
	f, err := New(Options{FileSystem: gate{Gate: faultfs.NewGate(), down: errors.New("no such socket")}})
	require.NoError(t, err)
	require.ErrorContains(t, f.Setup(t.Context()), "no such socket")
	require.ErrorContains(t, f.Heal(t.Context()), "no such socket")
	_, err = f.ProveGone(t.Context())
	require.ErrorContains(t, err, "no such socket")
}

func TestSecondFaultOnTheSameRequestsIsRefusedAtSetup(t *testing.T) {
	fs := gate{Gate: faultfs.NewGate()}
	first, err := New(Options{FileSystem: fs})
	require.NoError(t, err)
	require.NoError(t, first.Inject(t.Context()))
	second, err := New(Options{FileSystem: fs, By: time.Second})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorContains(t, second.Setup(ctx), "hangs already")
	_, err = second.ProveGone(ctx)
	require.ErrorContains(t, err, "did not pass")
}

func TestAwaitOthers(t *testing.T) {
	fs := gate{Gate: faultfs.NewGate()}
	f, err := New(Options{FileSystem: fs, By: time.Millisecond, AwaitOthers: true})
	require.NoError(t, err)
	require.NoError(t, f.Inject(t.Context()))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = f.Prove(ctx)
	require.ErrorContains(t, err, "no request of others met the fault")
	_ = fs.Pass(faultfs.Request{Op: faultfs.OpWrite})
	_, err = f.Prove(t.Context())
	require.NoError(t, err)
}

// A rule that vanishes by itself (the fault file system was started anew) was not in effect until it was healed.
func TestFaultThatEndedByItselfIsNotProvenGone(t *testing.T) {
	fs := gate{Gate: faultfs.NewGate()}
	f, err := New(Options{FileSystem: fs})
	require.NoError(t, err)
	require.NoError(t, f.Inject(t.Context()))
	_, err = f.Prove(t.Context())
	require.NoError(t, err)
	fs.ClearAll()
	require.NoError(t, f.Heal(t.Context()), "there is nothing left to heal")
	_, err = f.ProveGone(t.Context())
	require.ErrorContains(t, err, "gone before it was healed")
}

// A proof must not speak of delays of 0.0 ms when no delay has ended yet.
func TestDelaysUnderWayHaveNoLengthYet(t *testing.T) {
	s := faultfs.RuleStatus{Rule: faultfs.Rule{Kind: faultfs.Latency}, DelayedTotal: 2}
	require.Equal(t, "requests of others delayed: 2, none of them to its end so far", tell(s))
	s.LeastDelayMS, s.WorstDelayMS = 200, 201
	require.Equal(t, "requests of others delayed: 2 (shortest 200.0 ms, longest 201.0 ms)", tell(s))
}
