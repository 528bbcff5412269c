package bench_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/harness/bench"
	"github.com/holdfast-ha/holdfast/harness/verdict"
)

func TestRPCTable(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, outcome verdict.Outcome, phases map[string]verdict.Phases) string {
		run := filepath.Join(dir, name)
		require.NoError(t, os.Mkdir(run, 0o755))
		text, err := json.Marshal(verdict.Verdict{Verdict: outcome, Reason: "because", RPC: map[string]map[string]verdict.Phases{"host2": phases}})
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(run, "verdict.json"), text, 0o600))
		return run
	}
	quick, slow := verdict.Latency{N: 10, P50MS: 1, P99MS: 2, MaxMS: 3}, verdict.Latency{N: 10, P50MS: 4, P99MS: 5, MaxMS: 6.25, Failed: 1}
	a := write("writes_hung", verdict.Pass, map[string]verdict.Phases{"get_stats": {Healthy: quick, Fault: quick}, "notify": {Healthy: quick}})
	b := write("all_hung", verdict.Fail, map[string]verdict.Phases{"get_stats": {Healthy: slow, Fault: slow}})
	got, err := bench.RPCTable("host2", a, b)
	require.NoError(t, err)
	require.Equal(t, `| method | healthy | writes_hung | all_hung |
| --- | --- | --- | --- |
| get_stats | 4.0 / 5.0 / 6.2 | 1.0 / 2.0 / 3.0 | 4.0 / 5.0 / 6.2 |
| notify | 1.0 / 2.0 / 3.0 | - | - |

all_hung: FAIL: because
all_hung: 2 calls of get_stats got no answer`, got)

	_, err = bench.RPCTable("host1", a)
	require.ErrorContains(t, err, "no calls of host1 were measured")
	_, err = bench.RPCTable("host1")
	require.Error(t, err)
}
