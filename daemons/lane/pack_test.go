package lane

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

func TestPackedStateRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		op := Op(rapid.IntRange(1, 255).Draw(t, "op"))
		segment := rapid.IntRange(-1, 4094).Draw(t, "segment")
		start := clock.Mono(rapid.Int64Range(0, 1<<tickBits*int64(tick)-1).Draw(t, "start"))

		word := pack(op, segment, start)
		require.NotZero(t, word, "a busy lane must not look idle")
		gotOp, gotSegment, gotStart := unpack(word)
		require.Equal(t, op, gotOp)
		require.Equal(t, segment, gotSegment)
		require.Equal(t, start-start%clock.Mono(tick), gotStart, "rounded down to a tick")
	})
}

func TestPackedStateAtItsLimits(t *testing.T) {
	for _, segment := range []int{-1, -5, 4095, 4096, 1 << 20} {
		_, got, _ := unpack(pack(OpRead, segment, 0))
		require.Equal(t, NoSegment, got, "segment %d", segment)
	}
	_, _, start := unpack(pack(OpRead, 0, -1))
	require.Zero(t, start, "a negative start")

	// 55.7 years after boot the start wraps, and nothing of it reaches the other fields.
	limit := clock.Mono(1<<tickBits) * clock.Mono(tick)
	require.InDelta(t, 55.7, time.Duration(limit).Hours()/24/365.25, 0.1)
	op, segment, start := unpack(pack(OpWrite, 5, limit.Add(3*time.Second)))
	require.Equal(t, OpWrite, op)
	require.Equal(t, 5, segment)
	require.Equal(t, 3*time.Second, start.Sub(0))
}
