package lifecycle_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/faults/lifecycle"
)

// fakeFault notes its calls and fails where it is told to.
type fakeFault struct {
	calls []lifecycle.Step
	fail  map[lifecycle.Step]error
	block chan struct{} // Prove waits for it if not nil
}

func (f *fakeFault) call(s lifecycle.Step) error {
	f.calls = append(f.calls, s)
	return f.fail[s]
}

func (f *fakeFault) Setup(context.Context) error   { return f.call(lifecycle.Setup) }
func (f *fakeFault) Inject(context.Context) error  { return f.call(lifecycle.Inject) }
func (f *fakeFault) Heal(context.Context) error    { return f.call(lifecycle.Heal) }
func (f *fakeFault) Cleanup(context.Context) error { return f.call(lifecycle.Cleanup) }
func (f *fakeFault) String() string                { return "hang fake" }

func (f *fakeFault) Prove(context.Context) (string, error) {
	if f.block != nil {
		<-f.block
	}
	return "it hangs", f.call(lifecycle.Prove)
}

func (f *fakeFault) ProveGone(context.Context) (string, error) {
	return "it is gone", f.call(lifecycle.ProveGone)
}

// step makes a step of a guarded fault by its name.
func step(ctx context.Context, g *lifecycle.Guarded, s lifecycle.Step) error {
	return map[lifecycle.Step]func(context.Context) error{
		lifecycle.Setup: g.Setup, lifecycle.Inject: g.Inject, lifecycle.Prove: g.Prove,
		lifecycle.Heal: g.Heal, lifecycle.ProveGone: g.ProveGone, lifecycle.Cleanup: g.Cleanup,
	}[s](ctx)
}

var inOrder = []lifecycle.Step{lifecycle.Setup, lifecycle.Inject, lifecycle.Prove, lifecycle.Heal, lifecycle.ProveGone, lifecycle.Cleanup}

func TestGuardRecordsTheWholeLife(t *testing.T) {
	f := &fakeFault{}
	c := clock.NewFake(clock.Mono(7*time.Second), time.Unix(1000, 0))
	g := lifecycle.GuardAt(f, c)
	for _, s := range inOrder {
		require.NoError(t, step(t.Context(), g, s))
		c.Advance(time.Second)
	}
	require.Equal(t, inOrder, f.calls)
	require.Equal(t, lifecycle.Clean, g.State())
	require.True(t, g.Proven())
	require.True(t, g.ProvenGone())
	records := g.Records()
	require.Len(t, records, 6)
	require.Equal(t, "it hangs", records[2].Proof)
	require.Equal(t, clock.Mono(9*time.Second), records[2].Started)
	require.Equal(t, time.Unix(1002, 0).UTC(), records[2].Wall.UTC())
	gone, ok := g.Last(lifecycle.ProveGone)
	require.True(t, ok)
	require.Equal(t, "it is gone", gone.Proof)
	require.Equal(t, "hang fake", g.String())
}

func TestGuardRefusesWhatIsOutOfOrder(t *testing.T) {
	for at, reached := range inOrder {
		for _, s := range inOrder {
			f := &fakeFault{}
			g := lifecycle.Guard(f)
			for _, before := range inOrder[:at+1] {
				require.NoError(t, step(t.Context(), g, before))
			}
			state, made := g.State(), len(f.calls)
			err := step(t.Context(), g, s)
			if errors.Is(err, lifecycle.ErrOrder) {
				require.Len(t, f.calls, made, "%s after %s was refused and yet called", s, reached)
				require.Equal(t, state, g.State())
			} else {
				require.NoError(t, err)
			}
		}
	}
	g := lifecycle.Guard(&fakeFault{})
	require.ErrorIs(t, g.Inject(t.Context()), lifecycle.ErrOrder)
	require.NoError(t, g.Setup(t.Context()))
	require.NoError(t, g.Inject(t.Context()))
	require.ErrorIs(t, g.Cleanup(t.Context()), lifecycle.ErrOrder, "cleaning up a fault that is in effect")
	require.ErrorIs(t, g.ProveGone(t.Context()), lifecycle.ErrOrder, "not healed yet")
}

func TestInjectThatFailedMustBeHealed(t *testing.T) {
	f := &fakeFault{fail: map[lifecycle.Step]error{lifecycle.Inject: errors.New("half done")}}
	g := lifecycle.Guard(f)
	require.NoError(t, g.Setup(t.Context()))
	require.ErrorContains(t, g.Inject(t.Context()), `fault "hang fake": inject: half done`)
	require.Equal(t, lifecycle.Injected, g.State())
	require.ErrorIs(t, g.Cleanup(t.Context()), lifecycle.ErrOrder)
	require.NoError(t, g.Finish(t.Context()))
	require.Equal(t, []lifecycle.Step{lifecycle.Setup, lifecycle.Inject, lifecycle.Heal, lifecycle.ProveGone, lifecycle.Cleanup}, f.calls)
}

func TestUnprovenFaultIsNotProven(t *testing.T) {
	f := &fakeFault{fail: map[lifecycle.Step]error{lifecycle.Prove: errors.New("nothing is held")}}
	g := lifecycle.Guard(f)
	require.NoError(t, g.Setup(t.Context()))
	require.NoError(t, g.Inject(t.Context()))
	require.Error(t, g.Prove(t.Context()))
	require.Equal(t, lifecycle.Injected, g.State())
	require.False(t, g.Proven())
	f.fail = nil // a second look may find it
	require.NoError(t, g.Prove(t.Context()))
	require.True(t, g.Proven())
}

func TestFinishGoesOnAfterAFailure(t *testing.T) {
	f := &fakeFault{fail: map[lifecycle.Step]error{lifecycle.ProveGone: errors.New("still held")}}
	g := lifecycle.Guard(f)
	require.NoError(t, g.Setup(t.Context()))
	require.NoError(t, g.Inject(t.Context()))
	err := g.Finish(t.Context())
	require.ErrorContains(t, err, "still held")
	require.Equal(t, lifecycle.Clean, g.State())
	require.False(t, g.ProvenGone())
	require.NoError(t, g.Finish(t.Context()), "nothing is left to do")
}

func TestFinishKeepsTryingToHeal(t *testing.T) {
	f := &fakeFault{fail: map[lifecycle.Step]error{lifecycle.Heal: errors.New("unreachable")}}
	g := lifecycle.Guard(f)
	require.NoError(t, g.Setup(t.Context()))
	require.NoError(t, g.Inject(t.Context()))
	err := g.Finish(t.Context())
	require.ErrorContains(t, err, "unreachable")
	require.Equal(t, lifecycle.Injected, g.State(), "a fault that could not be healed must not look cleaned up")
	f.fail = nil
	require.NoError(t, g.Finish(t.Context()))
	require.True(t, g.ProvenGone())
}

func TestStepsDoNotOverlap(t *testing.T) {
	f := &fakeFault{block: make(chan struct{})}
	g := lifecycle.Guard(f)
	require.NoError(t, g.Setup(t.Context()))
	require.NoError(t, g.Inject(t.Context()))
	proved := make(chan struct{})
	go func() {
		defer close(proved)
		_ = g.Prove(context.Background()) // refused if Heal comes first
	}()
	require.Eventually(t, func() bool {
		return errors.Is(g.Heal(t.Context()), lifecycle.ErrOrder) || g.State() == lifecycle.Healed
	}, time.Second, time.Millisecond)
	close(f.block)
	<-proved
}

// Whatever steps are asked for and whichever fail: what is called stays in order, and a fault that was injected is never
// cleaned up without having been healed since.
func TestGuardOrderHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := &fakeFault{fail: map[lifecycle.Step]error{}}
		g := lifecycle.Guard(f)
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			s := rapid.SampledFrom(inOrder).Draw(t, "step")
			delete(f.fail, s)
			if rapid.Bool().Draw(t, "fails") {
				f.fail[s] = errors.New("told to fail")
			}
			_ = step(context.Background(), g, s)
		}
		injected := false
		healedSince := false
		for _, c := range f.calls {
			switch c {
			case lifecycle.Inject:
				require.True(t, slices.Contains(f.calls, lifecycle.Setup))
				injected, healedSince = true, false
			case lifecycle.Heal:
				require.True(t, injected)
				healedSince = true
			case lifecycle.Cleanup:
				require.True(t, !injected || healedSince)
			}
		}
	})
}
