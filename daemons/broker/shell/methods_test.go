package shell

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

func rpcPage(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../../docs/rpc.md")
	require.NoError(t, err)
	return string(text)
}

// docs/rpc.md describes every method of the server, and no other; those that wait stand among those that wait.
func TestEveryMethodIsDocumented(t *testing.T) {
	page := rpcPage(t)
	var documented []string
	for _, m := range regexp.MustCompile("(?m)^### `([a-z_]+)\\(([^`]*)\\)`$").FindAllStringSubmatch(page, -1) {
		documented = append(documented, m[1])
		waits := strings.Index(page, m[0]) > strings.Index(page, "## Methods that wait")
		require.Equal(t, waits, strings.Contains(m[2], "wait_s"), "%s: is it in the right chapter?", m[1])
	}
	slices.Sort(documented)
	require.Equal(t, slices.Sorted(maps.Keys((&shell{}).methods())), documented)
}

func TestWaits(t *testing.T) {
	for _, tc := range []struct {
		args []any
		want time.Duration
		ok   bool
	}{
		{[]any{}, time.Minute, true},
		{[]any{int64(3)}, 3 * time.Second, true},
		{[]any{0.25}, 250 * time.Millisecond, true},
		{[]any{int64(0)}, 0, true},
		{[]any{int64(600)}, 10 * time.Minute, true},
		{[]any{600.1}, 0, false},
		{[]any{int64(-1)}, 0, false},
		{[]any{nan()}, 0, false},
		{[]any{"3"}, 0, false},
		{[]any{true}, 0, false},
		{[]any{int64(1), int64(2)}, 0, false},
	} {
		got, err := waits(tc.args, 0, time.Minute)
		require.Equal(t, tc.ok, err == nil, "%v: %v", tc.args, err)
		require.Equal(t, tc.want, got, "%v", tc.args)
	}
}

func nan() float64 { zero := 0.0; return zero / zero }

func TestClockJumpsAreSaid(t *testing.T) {
	const s, ms = int64(time.Second), int64(time.Millisecond)
	c := clocks{}
	require.Empty(t, c.judge(clock.Mono(1*s), 1000*s, 5*s), "the first look")
	require.Empty(t, c.judge(clock.Mono(2*s), 1000*s+300*ms, 5*s), "slewed")
	require.Equal(t, "the wall clock was set forward by 1h0m0s", c.judge(clock.Mono(3*s), 4600*s, 5*s))
	require.NotEmpty(t, c.judge(clock.Mono(4*s), 4600*s, 5*s), "shown for a while")
	require.Equal(t, "the wall clock was set back by 10s", c.judge(clock.Mono(5*s), 4590*s, 5*s))
	require.Equal(t, "the machine was suspended for 30s", c.judge(clock.Mono(6*s), 4620*s, 35*s), "its wall clock went on")
	require.Empty(t, c.judge(clock.Mono(6*s).Add(2*jumpShown), 4620*s, 35*s))
}
