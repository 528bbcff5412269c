package verdict

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWithoutLeavesTheRest(t *testing.T) {
	whole := Span{2, 20}
	require.Equal(t, []Span{whole}, whole.Without(nil))
	require.Equal(t, []Span{{2, 5}, {7, 9}, {11, 20}}, whole.Without([]Span{{9, 11}, {5, 7}, {6, 6.5}}))
	require.Equal(t, []Span{{3, 10}}, whole.Without([]Span{{0, 3}, {10, math.Inf(1)}}))
	require.Empty(t, whole.Without([]Span{{1, 30}}))
}

// TestAStoppedAgentHasNoGap: the time in which the scenario kept it away is not the agent's fault; the time before and after is.
func TestAStoppedAgentHasNoGap(t *testing.T) {
	ticks := map[string][]float64{"host2": {1, 2, 3, 10.5, 11, 14}}
	away := map[string][]Span{"host2": {{3.2, 10.4}}}
	ok, detail := JudgeGap(4, []string{"host2"}, ticks, Span{0, 15}, away)
	require.True(t, ok, detail)
	require.Contains(t, detail, "3.00 s from 11.0 s on")
	ok, _ = JudgeGap(4, []string{"host2"}, ticks, Span{0, 15}, nil)
	require.False(t, ok)
	require.Equal(t, AgentTicks{Ticks: 6, MaxGapS: 3}, SummariseTicks(ticks["host2"], Span{0, 15}, away["host2"]))
}

func TestCallsOfATimeWithoutABrokerDoNotCount(t *testing.T) {
	calls := []Call{{T: 1, MS: 1}, {T: 4.9, MS: 200}, {T: 6, MS: 1, Error: "refused"}, {T: 9, MS: 1}}
	require.Equal(t, []Call{calls[0], calls[3]}, CallsBut(calls, []Span{{5, 8}}))
	require.Equal(t, calls, CallsBut(calls, nil))
	require.True(t, Covered([]Span{{5, 6}}, []Span{{5, 8}}))
	require.False(t, Covered([]Span{{5, 9}}, []Span{{5, 8}}))
	away := AwayOf([]Away{{"host2", "broker", Span{5, 8}}, {"host2", "agent", Span{1, 2}}}, "broker")
	require.Equal(t, map[string][]Span{"host2": {{5, 8}}}, away)
}

// TestABrokerFrozenAllTheTimeIsJudgedByItsHealthyCalls: there is no call left in the time of faults.
func TestABrokerFrozenAllTheTimeIsJudgedByItsHealthyCalls(t *testing.T) {
	l := Latencies{
		RPC:     map[string]map[string]Phases{"host2": {"get_view": {Healthy: Latency{N: 100, P50MS: 1, P99MS: 2, MaxMS: 3}}}},
		Methods: []string{"get_view"}, WithFaults: true,
	}
	bound := LatencyBound{P99MS: 10, MaxMS: 250}
	ok, _ := l.Judge(bound, []string{"host2"})
	require.False(t, ok)
	l.Away = map[string]bool{"host2": true}
	ok, detail := l.Judge(bound, []string{"host2"})
	require.True(t, ok, detail)
}
