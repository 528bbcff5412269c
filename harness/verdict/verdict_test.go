package verdict

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfast-ha/holdfast/harness/events"
)

func number(v float64) *float64 { return &v }

// whole is a fault that went through its life in order.
func whole() Fault {
	return Fault{Step: 3, Line: 7, Kind: "freeze nfs", Target: "server", Proof: "no answer", InjectedS: number(5), ProvenS: number(6), HealedS: number(9), GoneS: number(10)}
}

func TestDecide(t *testing.T) {
	held := Claim{Line: 3, Text: "always engines <= 1", OK: true}
	broken := Claim{Line: 4, Text: "expect host2 fresh within=5s", Detail: "9 s old"}
	missed := Claim{Line: 5, Text: "saw host2 state=StorageBlind", Goal: true}
	unprovenFault, stuck, never := whole(), whole(), whole()
	unprovenFault.ProvenS, unprovenFault.GoneS = nil, nil
	stuck.GoneS = nil
	never.InjectedS = nil
	for name, test := range map[string]struct {
		evidence Evidence
		want     Outcome
		reason   string
	}{
		"all is well": {Evidence{Faults: []Fault{whole()}, Claims: []Claim{held}}, Pass, "1 fault proven and gone again, 1 claim held"},
		"a claim broke": {
			Evidence{Faults: []Fault{whole()}, Claims: []Claim{held, broken, broken}},
			Fail,
			"line 4: expect host2 fresh within=5s: 9 s old (and 1 more)",
		},
		"a goal was not met": {
			Evidence{Faults: []Fault{whole()}, Claims: []Claim{held, missed}},
			Invalid,
			"a coverage goal was not met: line 5: saw host2 state=StorageBlind: never seen",
		},
		"a broken claim counts before a goal": {Evidence{Claims: []Claim{missed, broken}}, Fail, "line 4: expect host2 fresh within=5s: 9 s old"},
		"a fault without proof is never a PASS": {
			Evidence{Faults: []Fault{unprovenFault}, Claims: []Claim{held}, Unproven: "0 requests\nheld"},
			Invalid,
			"line 7: freeze nfs of server: the fault was not proven: 0 requests held",
		},
		"nor a FAIL": {
			Evidence{Faults: []Fault{unprovenFault}, Claims: []Claim{broken}},
			Invalid,
			"line 7: freeze nfs of server: the fault was not proven (besides, line 4: expect host2 fresh within=5s: 9 s old)",
		},
		"not proven gone":  {Evidence{Faults: []Fault{stuck}}, Invalid, "line 7: freeze nfs of server: the fault was not proven gone after healing"},
		"not injected":     {Evidence{Faults: []Fault{never}}, Invalid, "line 7: freeze nfs of server: the fault could not be injected"},
		"harness trouble":  {Evidence{Trouble: "interrupted", Claims: []Claim{held}}, Invalid, "interrupted"},
		"something lacks":  {Evidence{Missing: []string{"a Docker engine: apt-get install docker.io"}}, Skip, "missing: a Docker engine: apt-get install docker.io"},
		"nothing happened": {Evidence{}, Pass, "0 faults proven and gone again, 0 claims held"},
	} {
		t.Run(name, func(t *testing.T) {
			got, reason := Decide(test.evidence)
			require.Equal(t, test.want, got)
			require.Equal(t, test.reason, reason)
		})
	}
}

func TestExitCodes(t *testing.T) {
	for o, want := range map[Outcome]int{Pass: 0, Fail: 1, Invalid: 2, Skip: 3, "": 2, "MAYBE": 2} {
		require.Equal(t, want, o.ExitCode(), "%q", o)
	}
	require.Equal(t, Fail, Worst(Pass, Skip, Fail, Invalid))
	require.Equal(t, Invalid, Worst(Pass, Skip, Invalid))
	require.Equal(t, Skip, Worst(Pass, Skip))
	require.Equal(t, Pass, Worst(Pass, Pass))
	require.Equal(t, Invalid, Worst(Pass, "MAYBE"))
	require.Equal(t, Skip, Worst())
}

func TestJudgeLatency(t *testing.T) {
	bound := LatencyBound{P99MS: 10, MaxMS: 250}
	quick := Latency{N: 300, P50MS: 0.3, P99MS: 2, MaxMS: 9}
	busy := Latency{N: 300, P50MS: 3, P99MS: 20, MaxMS: 200}
	for name, test := range map[string]struct {
		healthy, fault Latency
		ok, slow       bool
	}{
		"quick in both":                             {quick, quick, true, false},
		"quick in faults on a busy machine":         {busy, quick, true, false},
		"as busy in both":                           {busy, busy, true, true},
		"three times as slow is still the machine":  {busy, Latency{N: 300, P99MS: 60, MaxMS: 600}, true, true},
		"more than three times as slow is not":      {busy, Latency{N: 300, P99MS: 61, MaxMS: 200}, false, false},
		"nor is its slowest call":                   {busy, Latency{N: 300, P99MS: 5, MaxMS: 601}, false, false},
		"only p99 needs the excuse":                 {busy, Latency{N: 300, P99MS: 30, MaxMS: 249}, true, true},
		"slow in faults only":                       {quick, Latency{N: 300, P99MS: 40, MaxMS: 90}, false, false},
		"a bound is not reached":                    {quick, Latency{N: 300, P99MS: 10, MaxMS: 20}, false, false},
		"a blocked handler, whatever the machine":   {Latency{N: 300, P99MS: 2000, MaxMS: 4000}, Latency{N: 300, P99MS: 1000, MaxMS: 1000}, false, false},
		"a call without an answer":                  {quick, Latency{N: 300, P99MS: 1, MaxMS: 2, Failed: 1}, false, false},
		"no call was measured":                      {quick, Latency{}, false, false},
		"of few calls the slowest is not the p99":   {quick, Latency{N: 34, P50MS: 1, P99MS: 68, MaxMS: 68}, true, false},
		"but the slowest has its bound":             {quick, Latency{N: 34, P50MS: 1, P99MS: 300, MaxMS: 300}, false, false},
		"and the median stands in for the p99":      {quick, Latency{N: 34, P50MS: 12, P99MS: 68, MaxMS: 68}, false, false},
		"too few healthy calls to be an excuse":     {Latency{N: 19, P99MS: 500, MaxMS: 500}, Latency{N: 300, P99MS: 40, MaxMS: 90}, false, false},
		"no healthy call, but quick":                {Latency{}, quick, true, false},
		"a failed healthy call is not held against": {Latency{N: 30, P99MS: 1, MaxMS: 1, Failed: 30}, quick, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			ok, slow := JudgeLatency(bound, Phases{Healthy: test.healthy, Fault: test.fault}, Lateness{})
			require.Equal(t, test.ok, ok, "ok")
			require.Equal(t, test.slow, slow, "slow")
		})
	}
}

// The machine's own lateness in the fault phase excuses what it explains, and nothing else.
func TestJudgeLatencyOnALateMachine(t *testing.T) {
	bound := LatencyBound{P99MS: 10, MaxMS: 250}
	quick := Latency{N: 300, P50MS: 0.3, P99MS: 2, MaxMS: 9}
	late := Lateness{Seconds: 8, TypicalMS: 15, WorstMS: 100}
	for name, test := range map[string]struct {
		fault    Latency
		late     Lateness
		ok, slow bool
	}{
		"as late as the machine explains":          {Latency{N: 300, P99MS: 45, MaxMS: 300}, late, true, true},
		"one late moment of the machine is in it":  {Latency{N: 300, P50MS: 1, P99MS: 300, MaxMS: 300}, late, true, true},
		"later than that":                          {Latency{N: 300, P50MS: 1, P99MS: 301, MaxMS: 301}, late, false, false},
		"later than usual, and not just the few":   {Latency{N: 300, P50MS: 10, P99MS: 46, MaxMS: 50}, late, false, false},
		"its slowest call is":                      {Latency{N: 300, P99MS: 5, MaxMS: 301}, late, false, false},
		"each call waits for a slow write":         {Latency{N: 300, P50MS: 200, P99MS: 220, MaxMS: 230}, late, false, false},
		"a blocked handler, on whatever machine":   {Latency{N: 300, P99MS: 1500, MaxMS: 1500}, Lateness{Seconds: 8, TypicalMS: 900, WorstMS: 900}, false, false},
		"one second alone is no measurement":       {Latency{N: 300, P99MS: 45, MaxMS: 50}, Lateness{Seconds: 1, TypicalMS: 15, WorstMS: 100}, false, false},
		"a prompt machine excuses nothing":         {Latency{N: 300, P99MS: 12, MaxMS: 50}, Lateness{Seconds: 8, TypicalMS: 1, WorstMS: 3}, false, false},
		"within the bound it needs no excuse":      {quick, late, true, false},
		"no answer is no answer on a late machine": {Latency{N: 300, P99MS: 5, MaxMS: 5, Failed: 1}, late, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			ok, slow := JudgeLatency(bound, Phases{Healthy: quick, Fault: test.fault}, test.late)
			require.Equal(t, test.ok, ok, "ok")
			require.Equal(t, test.slow, slow, "slow")
		})
	}
}

func TestSummariseLate(t *testing.T) {
	looks := []Late{{1, 500}, {9.5, 1}, {10.5, 10}, {11.5, 30}, {12.5, 20}, {22, 900}}
	require.Equal(t, Lateness{Seconds: 3, TypicalMS: 20, WorstMS: 30}, SummariseLate(looks, []Span{{10, 12}}))
	require.Equal(t, 6, SummariseLate(looks, nil).Seconds)
	require.Equal(t, Lateness{}, SummariseLate(nil, nil))
	rpc := map[string]map[string]Phases{"h": {"m": {Fault: Latency{N: 300, P50MS: 1, P99MS: 30, MaxMS: 60}}}}
	ok, detail := Latencies{RPC: rpc, Machine: map[string]Lateness{"h": {3, 20, 30}}, WithFaults: true}.Judge(LatencyBound{10, 250}, []string{"h"})
	require.True(t, ok)
	require.Contains(t, detail, "this machine is slow")
	require.Contains(t, detail, "machine late by 20.00 ms, 30.00 ms at worst")
}

func TestJudgeRPCTellsFigures(t *testing.T) {
	bound := LatencyBound{P99MS: 10, MaxMS: 250}
	quick := Latency{N: 300, P50MS: 0.3, P99MS: 2, MaxMS: 9}
	rpc := map[string]map[string]Phases{
		"host1": {"get_stats": {Healthy: quick, Fault: quick}},
		"host2": {"get_stats": {Healthy: quick, Fault: quick}, "put_stats": {Healthy: quick, Fault: Latency{N: 5, P50MS: 4000, P99MS: 5000, MaxMS: 5000, Failed: 2}}},
	}
	ok, detail := Latencies{RPC: rpc, WithFaults: true}.Judge(bound, []string{"host1"})
	require.True(t, ok)
	require.Equal(t, "1 methods, the slowest host1 get_stats: healthy n=300 p50=0.30 p99=2.00 max=9.00 ms, fault n=300 p50=0.30 p99=2.00 max=9.00 ms", detail)
	ok, detail = Latencies{RPC: rpc, WithFaults: true}.Judge(bound, []string{"host1", "host2"})
	require.False(t, ok)
	require.Equal(t, "host2 put_stats: healthy n=300 p50=0.30 p99=2.00 max=9.00 ms, fault n=5 p50=4000.00 p99=5000.00 max=5000.00 ms (2 without an answer)", detail)
	ok, detail = Latencies{RPC: rpc, WithFaults: true}.Judge(bound, []string{"host3"})
	require.False(t, ok)
	require.Equal(t, "host3: no call was measured", detail)
	ok, _ = Latencies{RPC: map[string]map[string]Phases{"host1": {"m": {Healthy: quick}}}}.Judge(bound, []string{"host1"})
	require.True(t, ok, "without a fault the healthy calls are judged")
	slow := Latency{N: 300, P50MS: 1, P99MS: 30, MaxMS: 60}
	ok, detail = Latencies{RPC: map[string]map[string]Phases{"h": {"m": {Healthy: slow, Fault: slow}}}, WithFaults: true}.Judge(bound, []string{"h"})
	require.True(t, ok)
	require.Contains(t, detail, "this machine is slow")
}

func TestSplitCalls(t *testing.T) {
	calls := []Call{{T: 1, MS: 5}, {T: 9.9, MS: 200}, {T: 12, MS: 7}, {T: 30, MS: 6, Error: "refused"}}
	p := SplitCalls(calls, []Span{{10, 20}})
	require.Equal(t, Latency{N: 2, P50MS: 5, P99MS: 6, MaxMS: 6, Failed: 1}, p.Healthy)
	require.Equal(t, Latency{N: 2, P50MS: 7, P99MS: 200, MaxMS: 200}, p.Fault, "a call that was under way at the injection belongs to the fault")
	require.Equal(t, 4, SplitCalls(calls, nil).Healthy.N)
}

func TestQuantilesAreMeasuredValues(t *testing.T) {
	require.Zero(t, Quantile(nil, 0.5))
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(i + 1)
	}
	require.InDelta(t, 50, Quantile(hundred, 0.5), 0)
	require.InDelta(t, 99, Quantile(hundred, 0.99), 0)
	require.InDelta(t, 100, Quantile(hundred, 1), 0)
	require.InDelta(t, 1, Quantile(hundred, 0), 0)
	rapid.Check(t, func(t *rapid.T) {
		calls := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Call {
			return Call{MS: rapid.Float64Range(0, 1e4).Draw(t, "ms")}
		}), 1, 300).Draw(t, "calls")
		l := Summarise(calls)
		require.Equal(t, len(calls), l.N)
		require.LessOrEqual(t, l.P50MS, l.P99MS)
		require.LessOrEqual(t, l.P99MS, l.MaxMS)
		if l.N < 100 {
			require.InDelta(t, l.MaxMS, l.P99MS, 0)
		}
	})
}

func TestFaultSpansJoin(t *testing.T) {
	later := Fault{InjectedS: number(8), ProvenS: number(9), HealedS: number(11), GoneS: number(12)}
	far := Fault{InjectedS: number(20), ProvenS: number(21)}
	noop := Fault{InjectedS: number(15), HealedS: number(16)}
	require.Equal(t, []Span{{5, 12}, {15, 16}, {20, 30}}, FaultSpans([]Fault{far, later, whole(), noop, {}}, 30))
	require.Empty(t, FaultSpans(nil, 30))
}

func TestLongestGap(t *testing.T) {
	for name, test := range map[string]struct {
		ticks     []float64
		gap, from float64
	}{
		"even":                             {[]float64{11, 12, 13, 14, 15, 16, 17, 18, 19}, 1, 11},
		"a hole":                           {[]float64{11, 12, 16, 17, 18, 19.5}, 4, 12},
		"stopped for good":                 {[]float64{11, 12}, 8, 12},
		"out of order":                     {[]float64{19, 12, 15, 11}, 4, 15},
		"first tick late: not started yet": {[]float64{18, 19}, 1, 18},
		"a hole that began before":         {[]float64{2, 14, 15, 16, 17, 18, 19}, 4, 10},
		"never":                            {nil, 10, 10},
		"only before":                      {[]float64{1, 2}, 10, 10},
	} {
		gap, from := LongestGap(test.ticks, 10, 20)
		require.InDelta(t, test.gap, gap, 1e-9, name)
		require.InDelta(t, test.from, from, 1e-9, name)
	}
}

func TestJudgeGap(t *testing.T) {
	ticks := map[string][]float64{"host1": {1, 2, 3, 4}, "host2": {1, 3.5, 4}}
	ok, detail := JudgeGap(2, []string{"host1", "host2"}, ticks, Span{0, 5}, nil)
	require.False(t, ok)
	require.Equal(t, "host1: longest gap 1.00 s from 1.0 s on, 4 ticks; host2: longest gap 2.50 s from 1.0 s on, 3 ticks (not below 2 s)", detail)
	ok, _ = JudgeGap(2, []string{"host1"}, ticks, Span{0, 5}, nil)
	require.True(t, ok)
	ok, _ = JudgeGap(2, []string{"host3"}, ticks, Span{0, 1}, nil)
	require.False(t, ok, "an agent that never ticked, in a short run")
	require.Equal(t, AgentTicks{Ticks: 3, MaxGapS: 2.5}, SummariseTicks(ticks["host2"], Span{0, 5}, nil))
}

func TestJudgeGrowth(t *testing.T) {
	faults := []Span{{10, 20}}
	counts := map[string][]Count{"host2 broker": {{1, 9}, {5, 12}, {11, 13}, {19, 20}, {25, 99}}}
	ok, detail := JudgeGrowth(8, "threads", counts, faults)
	require.True(t, ok)
	require.Equal(t, "host2 broker: 12 threads healthy, 20 in the time of faults", detail)
	ok, detail = JudgeGrowth(7, "threads", counts, faults)
	require.False(t, ok)
	require.Contains(t, detail, "(more than 7 above)")
	ok, _ = JudgeGrowth(7, "threads", nil, faults)
	require.False(t, ok)
	ok, _ = JudgeGrowth(7, "threads", map[string][]Count{"x": {{12, 3}}}, faults)
	require.False(t, ok, "never counted while healthy")
	ok, _ = JudgeGrowth(7, "threads", map[string][]Count{"x": {{2, 3}}}, faults)
	require.False(t, ok, "never counted in the time of faults")
	ok, _ = JudgeGrowth(7, "threads", map[string][]Count{"x": {{2, 3}}}, nil)
	require.True(t, ok, "no fault, nothing to compare")
}

func engineLog() []EngineLine {
	return []EngineLine{
		{1, "host1", 10, events.EngineStart, ""},
		{2, "host1", 10, events.EngineLease, ""},
		{3, "host1", 10, events.EngineUp, ""},
		{2.5, "host2", 20, events.EngineStart, ""},
		{2.6, "host2", 20, events.EngineLost, "held elsewhere"},
		{9, "host1", 10, events.EngineStop, ""},
		{10, "host2", 21, events.EngineStart, ""},
		{11, "host2", 21, events.EngineUp, ""},
	}
}

func TestJudgeEngines(t *testing.T) {
	log := engineLog()
	require.Equal(t, []EngineSpan{{"host1", 10, Span{2, 9}}, {"host2", 21, Span{11, math.Inf(1)}}}, EngineSpans(log))
	ok, detail := JudgeEngines(1, log, 0)
	require.True(t, ok)
	require.Equal(t, "at most 1 at once: host1 (pid 10); 2 in all", detail)

	two := append(engineLog(), EngineLine{8, "host3", 30, events.EngineLease, ""}, EngineLine{8.5, "host3", 30, events.EngineGone, ""})
	ok, detail = JudgeEngines(1, two, 0)
	require.False(t, ok)
	require.Equal(t, "at 8.0 s 2 engines at once: host1 (pid 10), host3 (pid 30)", detail)
	ok, _ = JudgeEngines(1, two, 8.6)
	require.True(t, ok, "it was over before the claim")
	ok, _ = JudgeEngines(2, two, 0)
	require.True(t, ok)
	ok, _ = JudgeEngines(0, log, 20)
	require.False(t, ok, "one still runs")

	second := append(engineLog(), EngineLine{12, "host2", 21, events.EngineSecondWriter, "mark of host1"})
	ok, detail = JudgeEngines(1, second, 0)
	require.False(t, ok)
	require.Contains(t, detail, "second writer on its disk: mark of host1")
	ok, detail = JudgeEngines(1, nil, 0)
	require.True(t, ok)
	require.Equal(t, "no engine ran", detail)
}

func TestJudgeNeverStart(t *testing.T) {
	ok, detail := JudgeNeverStart([]string{"host2"}, engineLog(), 5)
	require.False(t, ok)
	require.Equal(t, "at 10.0 s an engine was started on host2 (pid 21)", detail)
	ok, _ = JudgeNeverStart([]string{"host2"}, engineLog(), 10.5)
	require.True(t, ok)
	ok, _ = JudgeNeverStart([]string{"host1"}, engineLog(), 1.5)
	require.True(t, ok)
}

// The names and their order in verdict.json are a promise to its readers.
func TestTheFileFormatIsStable(t *testing.T) {
	dir := t.TempDir()
	v := Verdict{
		Scenario: "s", Tier: "container", Seed: 1, Verdict: Pass, Reason: "r", Started: time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC), WallS: 34.2,
		Faults: []Fault{whole()}, Claims: []Claim{{Line: 3, Text: "c", OK: true, Detail: "d"}},
		RPC:   map[string]map[string]Phases{"host1": {"get_stats": {Healthy: Latency{N: 1, P50MS: 1, P99MS: 2, MaxMS: 3}}}},
		Lanes: map[string][]Lane{"host1": {{"ha-writer", 2, "pwrite64", "D", "w"}}}, Agent: map[string]AgentTicks{"host1": {3, 1.1}},
		StallVisibleS: number(0.6), TimeFactor: 0.1, IOTimeoutS: 1, Storage: "nfs",
	}
	require.NoError(t, Write(dir, v))
	data, err := os.ReadFile(filepath.Join(dir, FileName))
	require.NoError(t, err)
	var flat map[string]any
	require.NoError(t, json.Unmarshal(data, &flat))
	line, err := json.Marshal(v)
	require.NoError(t, err)
	require.Equal(t, `{"scenario":"s","tier":"container","seed":1,"verdict":"PASS","reason":"r","started":"2026-03-14T09:26:53Z","wall_s":34.2,`+
		`"faults":[{"step":3,"line":7,"kind":"freeze nfs","target":"server","proof":"no answer","injected_s":5,"proven_s":6,"healed_s":9,"gone_s":10}],`+
		`"claims":[{"line":3,"text":"c","ok":true,"detail":"d"}],`+
		`"rpc":{"host1":{"get_stats":{"healthy":{"n":1,"p50_ms":1,"p99_ms":2,"max_ms":3},"fault":{"n":0,"p50_ms":0,"p99_ms":0,"max_ms":0}}}},`+
		`"lanes":{"host1":[{"name":"ha-writer","blocked_s":2,"syscall":"pwrite64","state":"D","wchan":"w"}]},`+
		`"agent":{"host1":{"ticks":3,"max_gap_s":1.1}},"stall_visible_s":0.6,"recovered_s":null,"time_factor":0.1,"io_timeout_s":1,"storage":"nfs"}`, string(line))
	got, err := Read(dir)
	require.NoError(t, err)
	require.Equal(t, v, got)
}

func TestEmptyListsAreNotNull(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, Write(dir, Verdict{Verdict: Skip}))
	data, err := os.ReadFile(filepath.Join(dir, FileName))
	require.NoError(t, err)
	for _, want := range []string{`"faults": []`, `"claims": []`, `"rpc": {}`, `"lanes": {}`, `"agent": {}`} {
		require.Contains(t, string(data), want)
	}
	_, err = Read(filepath.Join(dir, "none"))
	require.ErrorContains(t, err, "none")
}

// A method that was never called was not judged, so the claim does not hold.
func TestJudgeRPCWantsEveryMethod(t *testing.T) {
	quick := Latency{N: 100, P50MS: 1, P99MS: 2, MaxMS: 3}
	figures := Latencies{RPC: map[string]map[string]Phases{"h": {"get_view": {Healthy: quick, Fault: quick}}}, WithFaults: true, Methods: []string{"get_view"}}
	ok, detail := figures.Judge(LatencyBound{10, 250}, []string{"h"})
	require.True(t, ok, detail)
	figures.Methods = append(figures.Methods, "put_stats")
	ok, detail = figures.Judge(LatencyBound{10, 250}, []string{"h"})
	require.False(t, ok)
	require.Contains(t, detail, "h put_stats: it was never called")
}
