package agent

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfast-ha/holdfast/daemons/config"
)

func TestScore(t *testing.T) {
	known := func(v float64) Reading { return Reading{Known: true, Value: v} }
	for _, test := range []struct {
		name   string
		m      Measured
		failed int
		memory bool
		want   int
	}{
		{"nothing measured costs nothing", Measured{}, 0, true, 3400},
		// int((1 - 0.8) * 1600) is 319 in Python: 0.8 is a little more than 0.8. Hosts must agree to the point.
		{"network 0.8", Measured{Network: known(0.8)}, 0, true, 3081},
		{"network 0.9", Measured{Network: known(0.9)}, 0, true, 3241},
		{"network 1", Measured{Network: known(1)}, 0, true, 3400},
		{"network 0", Measured{Network: known(0)}, 0, true, 1800},
		{"bridge", Measured{BridgeDown: true}, 0, true, 2800},
		{"load 0.8", Measured{CPULoad: known(0.8)}, 0, true, 2600},
		{"load below the limit", Measured{CPULoad: known(0.1)}, 0, true, 3400},
		{"load above the limit", Measured{CPULoad: known(1)}, 0, true, 2400},
		{"old configuration", Measured{OldConfiguration: true}, 0, true, 2400},
		{"memory", Measured{MemoryShort: true}, 0, true, 3000},
		{"memory does not count", Measured{MemoryShort: true}, 0, false, 3400},
		{"one failed start", Measured{}, 1, true, 3350},
		{"three failed starts", Measured{}, 3, true, 3250},
		{"four failed starts", Measured{}, 4, true, 0},
		{"all together", Measured{true, known(0), true, known(1), true}, 3, true, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.want, Score(config.Default().Score, test.m, test.failed, 3, test.memory))
		})
	}
}

func TestScoreWithEqualLoadLimits(t *testing.T) {
	w := config.Default().Score
	w.CPULoadPenaltyMin, w.CPULoadPenaltyMax = 0.5, 0.5
	require.Equal(t, 3400, Score(w, Measured{CPULoad: Reading{true, 0.49}}, 0, 3, true))
	require.Equal(t, 2400, Score(w, Measured{CPULoad: Reading{true, 0.5}}, 0, 3, true))
}

func TestScoreIsNeverOutOfRange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(rapid.Float64(), rapid.Just(math.NaN()), rapid.Just(math.Inf(1)), rapid.Just(math.Inf(-1)))
		m := Measured{
			rapid.Bool().Draw(t, "old"),
			Reading{rapid.Bool().Draw(t, "known"), value.Draw(t, "network")},
			rapid.Bool().Draw(t, "bridge"),
			Reading{rapid.Bool().Draw(t, "known"), value.Draw(t, "load")},
			rapid.Bool().Draw(t, "memory"),
		}
		score := Score(config.Default().Score, m, rapid.IntRange(0, 5).Draw(t, "failed"), 3, rapid.Bool().Draw(t, "with memory"))
		require.True(t, score >= 0 && score <= 3400, "score %d of %+v", score, m)
	})
}
