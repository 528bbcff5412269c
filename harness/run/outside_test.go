package run

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/brokerlink"
	"github.com/holdfast-ha/holdfast/harness/load"
	"github.com/holdfast-ha/holdfast/harness/scenario"
)

const metricsPage = `# HELP holdfast_lane_stalled x
# TYPE holdfast_lane_stalled gauge
holdfast_lane_stalled{lane="ha-writer"} 1
holdfast_lane_stalled{lane="ha-reader"} 0
holdfast_lease_held 1
holdfast_domain_delay_seconds 4.2e-05
odd{a="x\"y,}",b="2"} NaN 1700000000
broken{a=} 1
`

func TestMetricsAreCompared(t *testing.T) {
	list := samples(metricsPage)
	require.Len(t, list, 5, "the broken line is left out")
	for text, want := range map[string]answer{
		"holdfast_lane_stalled{lane=ha-writer} = 1":   {holds: true},
		"holdfast_lane_stalled{lane=ha-writer} < 1":   {},
		"holdfast_lane_stalled = 1":                   {broken: true},
		"holdfast_lease_held >= 1":                    {holds: true},
		"holdfast_lease_held > 1":                     {},
		"holdfast_domain_delay_seconds <= 0.001":      {holds: true},
		"odd{b=2} >= 0":                               {},
		"nothing <= 5":                                {},
		"holdfast_lane_stalled{lane=ha-mount} <= 100": {},
	} {
		statement, err := scenario.ParseStatement("expect metric host2 " + text + " within=1s")
		require.NoError(t, err, text)
		got := metricIs(statement.(*scenario.Expect).Condition.(scenario.Metric), list)
		require.NotEmpty(t, got.detail)
		got.detail = ""
		require.Equal(t, want, got, text)
	}
}

func TestMailsFromBeforeDoNotCount(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mail.jsonl")
	c := scenario.Mail{Host: "host2", Part: "subject", Text: "EngineUp"}
	require.False(t, mailIs(c, path, 100).holds)
	require.NoError(t, os.WriteFile(path, []byte(
		`{"mono":99,"subject":"EngineStarting-EngineUp","body":"x"}`+"\n"+`{"mono":101,"subject":"EngineUp-EngineDown","body":"hello"}`+"\n"+`{"mono":10`), 0o600))
	require.True(t, mailIs(c, path, 100).holds)
	require.False(t, mailIs(c, path, 102).holds)
	require.True(t, mailIs(scenario.Mail{Part: "body", Text: "hell"}, path, 100).holds)
	require.False(t, mailIs(scenario.Mail{Part: "subject", Text: "Starting"}, path, 100).holds, "it came before")
}

func TestMonitorsAreCompared(t *testing.T) {
	list := []brokerlink.MonitorView{{Type: "mem-free", Text: "8192"}, {Type: "network", Text: "", Problem: "no answer"}}
	require.True(t, monitorIs(scenario.Monitor{Type: "mem-free", Text: "8192"}, list).holds)
	require.False(t, monitorIs(scenario.Monitor{Type: "mem-free", Text: "819"}, list).holds)
	require.True(t, monitorIs(scenario.Monitor{Type: "mem-free", Text: "819", Part: true}, list).holds)
	require.Contains(t, monitorIs(scenario.Monitor{Type: "network", Text: "1.0"}, list).detail, "no answer")
	require.Contains(t, monitorIs(scenario.Monitor{Type: "ping", Text: "True"}, list).detail, "mem-free, network")
}

func TestPacedAsksSeldom(t *testing.T) {
	asked := 0
	look := paced(func() answer { asked++; return answer{detail: "x"} })
	for range 50 {
		require.Equal(t, "x", look().detail)
	}
	require.LessOrEqual(t, asked, 2)
}

func TestLoadIsJudged(t *testing.T) {
	good := load.Result{OK: 1000, Good: 800, P50MS: 2, P99MS: 8, MaxMS: 20, LateMS: 1}
	ok, detail := judgeLoad(good, 0, "")
	require.True(t, ok, detail)
	ok, detail = judgeLoad(good, 10, "")
	require.True(t, ok, detail)
	ok, _ = judgeLoad(good, 8, "")
	require.False(t, ok, "strictly below")
	late := good
	late.LateMS = 5
	ok, detail = judgeLoad(late, 8, "")
	require.True(t, ok)
	require.Contains(t, detail, "this machine is slow")
	refused := good
	refused.Refused, refused.Err = 1, "connection refused"
	ok, detail = judgeLoad(refused, 0, "")
	require.False(t, ok)
	require.Contains(t, detail, "connection refused")
	ok, _ = judgeLoad(load.Result{Good: 800}, 0, "")
	require.False(t, ok, "nothing was measured")

	r := &runner{loads: map[string]float64{"host2": 7}}
	bound, _ := r.loadBound(&scenario.ClientLoad{Host: "host2"})
	require.Zero(t, bound, "without a fault nothing is compared")
	r.active = []*activeFault{{}}
	bound, why := r.loadBound(&scenario.ClientLoad{Host: "host2"})
	require.InDelta(t, 24, bound, 0.001)
	require.Contains(t, why, "7.00 ms")
	bound, _ = r.loadBound(&scenario.ClientLoad{Host: "host2", P99: 50 * time.Millisecond})
	require.InDelta(t, 50, bound, 0.001)
	bound, _ = r.loadBound(&scenario.ClientLoad{Host: "host1"})
	require.Zero(t, bound)
}
