package run

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/harness/attendant"
	"github.com/holdfast-ha/holdfast/harness/verdict"
)

// TestWhatTheScenarioEndedBreaksNoClaim: and what ends besides still does.
func TestWhatTheScenarioEndedBreaksNoClaim(t *testing.T) {
	o, _, _ := sighted()
	r := &runner{seen: o, ready: 8}
	gone := attendant.Process{Name: "broker", ExitCode: 0, Started: 105, Ended: 120}
	again := attendant.Process{Name: "broker", Running: true, ExitCode: -1, Started: 131}
	ended := func(p attendant.Process) int {
		daemons, others := r.ended(map[string][]attendant.Process{"host2": {p}})
		return len(daemons) + len(others)
	}
	require.Equal(t, 1, ended(gone))
	require.Equal(t, 1, ended(again))

	r.away = []verdict.Away{{Host: "host2", Program: "broker", Span: verdict.Span{From: 19.9, To: math.Inf(1)}}}
	require.Zero(t, ended(gone), "it was stopped")
	agent := gone
	agent.Name = "agent"
	require.Equal(t, 1, ended(agent), "nobody stopped the agent")

	r.away[0].To = 32
	require.Zero(t, ended(again), "it was started again")
	again.Started = 140
	require.Equal(t, 1, ended(again), "it was started once more by nobody")
	gone.Started, gone.Ended = 131, 150
	require.Equal(t, 1, ended(gone), "it ended by itself after it was started again")

	sanlock := gone
	sanlock.Name = "sanlock"
	require.Equal(t, 1, ended(sanlock))
	r.away = append(r.away, verdict.Away{Host: "host2", Program: "sanlock", Span: verdict.Span{From: 49, To: math.Inf(1)}})
	require.Zero(t, ended(sanlock))
}

// TestFrozenDaemonsAreAwayToo: a frozen broker cannot answer, whatever it is worth.
func TestFrozenDaemonsAreAwayToo(t *testing.T) {
	at := func(v float64) *float64 { return &v }
	r := &runner{faults: []verdict.Fault{
		{Kind: "freeze broker", Target: "broker on host2", InjectedS: at(10), ProvenS: at(11), HealedS: at(12), GoneS: at(13)},
		{Kind: "hang media", Target: "whiteboard", InjectedS: at(10), ProvenS: at(11), HealedS: at(12), GoneS: at(13)},
	}}
	require.Equal(t, []verdict.Away{{Host: "host2", Program: "broker", Span: verdict.Span{From: 10, To: 13}}}, r.awayTimes(20))
}

func TestExitCodeOfAProcessThatNobodyCollected(t *testing.T) {
	stat := func(code int) string {
		return "42 (a b) (c) Z" + strings.Repeat(" 0", 48) + fmt.Sprintf(" %d\n", code)
	}
	code, known := exitCodeOf(stat(3 << 8))
	require.True(t, known)
	require.Equal(t, 3, code)
	code, known = exitCodeOf(stat(9))
	require.True(t, known)
	require.Equal(t, 137, code)
	_, known = exitCodeOf("42 (x) Z 0 0")
	require.False(t, known)
	_, known = exitCodeOf("")
	require.False(t, known)
}
