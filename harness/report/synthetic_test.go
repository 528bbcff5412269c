package report

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/harness/events"
	"github.com/holdfast-ha/holdfast/harness/scenario"
	"github.com/holdfast-ha/holdfast/harness/verdict"
)

// The synthetic run's story: host2's writes hang from 8.4 s on, the engine starts on host1 meanwhile, healing at 25.6 s.
const (
	synInjected = 8.4
	synProven   = 8.9
	synHealed   = 25.6
	synGone     = 25.9
	synEnd      = 34.2
)

// synthesize writes the run directory that the golden tests read, around the scenario that lies there. It is committed;
// `go test -run TestSynthetic -synthesize` writes it anew.
func synthesize(t *testing.T, dir string) {
	t.Helper()
	source, err := os.ReadFile(filepath.Join(dir, ScenarioFile))
	require.NoError(t, err)
	versions, err := json.MarshalIndent(map[string]string{
		"holdfast": "v0.0.0-synthetic", "go": "go1.26.8", "kernel": "Linux 6.1.0", "sanlock": "3.8.5", "nfs-ganesha": "4.3",
		"qemu-storage-daemon": "7.2.22",
	}, "", "  ")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, VersionsFile), append(versions, '\n'), 0o644))

	w, err := events.Create(filepath.Join(dir, EventsFile))
	require.NoError(t, err)
	s, err := scenario.Parse("hang_write_nfs.txt", source)
	require.NoError(t, err)
	synthesizeHosts(t, w)
	claims := synthesizeSteps(t, w, s)
	require.NoError(t, w.Close())
	require.NoError(t, verdict.Write(dir, synthesizeVerdict(s, claims)))
}

func put(t *testing.T, w *events.Writer, e events.Event) {
	t.Helper()
	require.NoError(t, w.Append(e))
}

func synthesizeHosts(t *testing.T, w *events.Writer) {
	random := rand.New(rand.NewPCG(1, 2))
	for n := 1; n <= 3; n++ {
		host := fmt.Sprintf("host%d", n)
		put(t, w, events.Event{T: 2.1, Host: host, Lease: &events.Lease{State: "none"}})
		put(t, w, events.Event{T: 2.9, Host: host, Lease: &events.Lease{State: "joining"}})
		put(t, w, events.Event{T: 6.8 + 0.2*float64(n), Host: host, Lease: &events.Lease{State: "held"}})
		for turn := 0; ; turn++ {
			at := 2.7 + 0.1*float64(n) + 1.004*float64(turn) + 0.02*random.Float64()
			if at > synEnd {
				break
			}
			a := &events.Agent{State: "EngineDown", Score: 3400, DelayS: 1, ViewAgeS: 0.4, Lease: "held", PutMS: 0.3}
			switch {
			case turn < 1:
				a.State, a.Score = "ReinitializeFSM", 0
			case n == 1 && turn == 8:
				a.State = "EngineStart"
			case n == 1 && turn > 8 && turn < 12:
				a.State = "EngineStarting"
			case n == 1 && turn >= 12:
				a.State = "EngineUp"
			}
			put(t, w, events.Event{T: at, Host: host, Agent: a})
		}
		for at := 3.0; at < synEnd; at++ {
			for _, method := range []string{"get_stats", "get_view", "put_stats"} {
				slow := 1 + 8*math.Pow(random.Float64(), 6)
				if random.IntN(60) == 0 {
					slow *= 12
				}
				put(t, w, events.Event{T: at, Host: host, RPC: &events.RPC{
					Method: method, SpanS: 1, N: 20, P50MS: 0.3 + 0.1*random.Float64(), P99MS: 0.9 * slow, MaxMS: slow,
				}})
			}
		}
		put(t, w, events.Event{T: 3, Host: host, Lane: &events.Lane{Name: "ha-writer", TID: 40 + n}})
	}
	lane := events.Lane{
		Name: "ha-writer", TID: 42, Busy: true, Op: "write", Segment: 2, ProcState: "D", Syscall: "pwrite64",
		Wchan: "request_wait_answer",
	}
	for at := 9.0; at < synHealed; at += 0.5 {
		l := lane
		l.BlockedS = at - 8.52
		l.Stalled = l.BlockedS > 0.5
		put(t, w, events.Event{T: at, Host: "host2", Lane: &l})
	}
	put(t, w, events.Event{T: 25.8, Host: "host2", Lane: &events.Lane{Name: "ha-writer", TID: 42}})
	put(t, w, events.Event{T: 9.12, Host: "host2", Health: &events.Health{Code: "storage-stalled", Raised: true, Severity: "error", Detail: "ha-writer: write of segment 2 for 0.6 s"}})
	put(t, w, events.Event{T: 13.1, Host: "host2", Health: &events.Health{Code: "record-late", Raised: true, Severity: "error"}})
	put(t, w, events.Event{T: 25.85, Host: "host2", Health: &events.Health{Code: "storage-stalled"}})
	put(t, w, events.Event{T: 26.1, Host: "host2", Health: &events.Health{Code: "record-late"}})
	put(t, w, events.Event{T: 11.2, Host: "host1", Engine: &events.Engine{Event: events.EngineStart, PID: 77}})
	put(t, w, events.Event{T: 11.6, Host: "host1", Engine: &events.Engine{Event: events.EngineLease, PID: 77}})
	put(t, w, events.Event{T: 14.3, Host: "host1", Engine: &events.Engine{Event: events.EngineUp, PID: 77}})
	put(t, w, events.Event{T: 2, Note: &events.Note{Text: "the cluster is up: 3 hosts, <nfs> on \"storage\""}})
}

// synthesizeSteps writes steps, the fault's life and claims, and returns the claims.
func synthesizeSteps(t *testing.T, w *events.Writer, s *scenario.Scenario) []verdict.Claim {
	ends := []float64{2.4, 2.4, 2.4, 2.4, 2.4, 2.4, 7.3, 8.1, synProven, 9.1, 9.4, 14.4, 23.4, synGone, 26.6, 27.0, 29.0}
	details := map[int]string{
		1: "at most 1 at once: host1 (pid 77); 1 in all", 2: "14 methods, the slowest host2 put_stats: healthy n=280 p50=0.34 p99=4.10 max=9.80 ms, fault n=340 p50=0.35 p99=5.92 max=41.3 ms",
		3: "host2: longest gap 1.02 s from 17.9 s on, 31 ticks", 4: "host2 agent: 9 threads healthy, 9 in the time of faults; host2 broker: 14 threads healthy, 14 in the time of faults",
		5: "host2 agent: 8 descriptors healthy, 8 in the time of faults; host2 broker: 13 descriptors healthy, 14 in the time of faults",
		6: "held after 4.9 s", 7: "record 2 of 2 s ago", 9: "get_lanes: write of segment 2 for 0.52 s; /proc: state D in pwrite64, request_wait_answer",
		10: "visible 0.60 s after the write's start, 0.10 s after the limit", 11: "host1", 12: "8 published in 8.1 s",
		14: "record of turn 23 on storage 0.70 s after healing", 15: "cleared after 0.25 s", 17: "first at 8.9 s", 18: "first at 9.1 s",
	}
	var claims []verdict.Claim
	claim := func(at float64, n int, st scenario.Statement) {
		_, goal := st.(*scenario.Saw)
		c := verdict.Claim{Line: st.Line(), Text: st.String(), OK: true, Detail: details[n], Goal: goal}
		claims = append(claims, c)
		put(t, w, events.Event{T: at, Claim: &events.Claim{Line: c.Line, Text: c.Text, OK: true, Detail: c.Detail}})
	}
	begin := 0.0
	for i, st := range s.Statements {
		if i >= len(ends) {
			claim(30.1, i, st)
			continue
		}
		step := events.Step{Number: i + 1, Line: st.Line(), Text: st.String(), State: events.StepBegin}
		put(t, w, events.Event{T: begin, Step: &step})
		end := step
		end.State = events.StepEnd
		put(t, w, events.Event{T: ends[i], Step: &end})
		begin = ends[i]
		switch st.(type) {
		case *scenario.Expect, *scenario.EngineUp:
			claim(ends[i], i, st)
		case *scenario.AlwaysEngines, *scenario.AlwaysRPC, *scenario.AlwaysAgent, *scenario.AlwaysGrowth:
			claim(30, i, st)
		}
	}
	return claims
}

func synthesizeVerdict(s *scenario.Scenario, claims []verdict.Claim) verdict.Verdict {
	number := func(v float64) *float64 { return &v }
	var fault scenario.Statement
	for _, st := range s.Statements {
		if _, ok := st.(*scenario.Inject); ok {
			fault = st
		}
	}
	v := verdict.Verdict{
		Scenario: s.Name, Tier: "container", Seed: 1, Started: time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC), WallS: synEnd,
		Faults: []verdict.Fault{{
			Step: 9, Line: fault.Line(), Kind: "hang media", Target: "whiteboard segment 2",
			Proof: "the fault file system holds 1 request (write, whiteboard.img, offset 8192), the oldest for 0.41 s", InjectedS: number(synInjected),
			ProvenS: number(synProven), HealedS: number(synHealed), GoneS: number(synGone),
		}},
		Claims: claims, RPC: map[string]map[string]verdict.Phases{}, Lanes: map[string][]verdict.Lane{}, Agent: map[string]verdict.AgentTicks{},
		StallVisibleS: number(0.6), RecoveredS: number(0.7), TimeFactor: 0.1, IOTimeoutS: 1, Storage: "nfs",
	}
	v.Verdict, v.Reason = verdict.Decide(verdict.Evidence{Faults: v.Faults, Claims: v.Claims})
	random := rand.New(rand.NewPCG(3, 4))
	for n := 1; n <= 3; n++ {
		host := fmt.Sprintf("host%d", n)
		v.RPC[host] = map[string]verdict.Phases{}
		for _, method := range []string{"get_health", "get_lanes", "get_stats", "get_view", "is_host_alive", "put_stats", "status_monitor"} {
			healthy := verdict.Latency{N: 280, P50MS: 0.3, P99MS: math.Round(100*(1+3*random.Float64())) / 100, MaxMS: 9.8}
			faulted := verdict.Latency{N: 340, P50MS: 0.31, P99MS: math.Round(100*(1+5*random.Float64())) / 100, MaxMS: math.Round(1000*random.Float64()) / 20}
			v.RPC[host][method] = verdict.Phases{Healthy: healthy, Fault: faulted}
		}
		v.Agent[host] = verdict.AgentTicks{Ticks: 31, MaxGapS: 1.02}
		v.Lanes[host] = []verdict.Lane{{Name: "ha-writer", BlockedS: 0.012}, {Name: "ha-reader", BlockedS: 0.02}, {Name: "ha-lease"}}
	}
	v.Lanes["host2"][0] = verdict.Lane{Name: "ha-writer", BlockedS: 17.08, Syscall: "pwrite64", State: "D", Wchan: "request_wait_answer"}
	return v
}
