package clock_test

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

func TestNowIsTimeSinceBootAndMovesForward(t *testing.T) {
	text, err := os.ReadFile("/proc/uptime")
	require.NoError(t, err)
	uptime, err := strconv.ParseFloat(strings.Fields(string(text))[0], 64)
	require.NoError(t, err)

	// /proc/uptime also counts suspended time, so it may be ahead; a wrong unit or epoch is off by orders of magnitude.
	first := clock.Now()
	require.LessOrEqual(t, first.Seconds(), uptime+60, "seconds since boot")
	require.Positive(t, int64(first))
	require.InDelta(t, first.Seconds(), float64(clock.BootSeconds()), 0.01*first.Seconds()+60, "raw and slewed clock")

	time.Sleep(2 * time.Millisecond)
	require.GreaterOrEqual(t, clock.Now().Sub(first), 2*time.Millisecond)
}

func TestMonoArithmetic(t *testing.T) {
	m := clock.Mono(1_500_000_000)
	require.Equal(t, 1.5, m.Seconds())
	require.Equal(t, clock.Mono(2_000_000_000), m.Add(500*time.Millisecond))
	require.Equal(t, -500*time.Millisecond, m.Sub(m.Add(500*time.Millisecond)))
}

func TestFakeMovesOnlyWhenTold(t *testing.T) {
	wall := time.Date(2023, 11, 14, 22, 13, 20, 0, time.UTC)
	fake := clock.NewFake(clock.Mono(86_400_900_000_000), wall)
	require.Equal(t, int64(86400), fake.BootSeconds())

	fake.Advance(100 * time.Millisecond)
	require.Equal(t, int64(86401), fake.BootSeconds())
	require.Equal(t, wall.Add(100*time.Millisecond), fake.Wall())

	fake.StepWall(-time.Hour)
	require.Equal(t, int64(86401), fake.BootSeconds(), "a stepped time of day must not move the monotonic clock")
	require.Equal(t, wall.Add(100*time.Millisecond-time.Hour), fake.Wall())

	require.Panics(t, func() { fake.Advance(-1) })
	require.Equal(t, time.Unix(0, 0).UTC(), new(clock.Fake).Wall())
}

func TestSystemIsTheMachinesClock(t *testing.T) {
	system := clock.System()
	before := clock.Now()
	now := system.Now()
	after := clock.Now()
	require.True(t, before <= now && now <= after, "before %d, system %d, after %d", before, now, after)
	require.WithinDuration(t, time.Now(), system.Wall(), time.Minute)
	require.InDelta(t, clock.BootSeconds(), system.BootSeconds(), 60)
}
