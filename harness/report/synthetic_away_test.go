package report

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/harness/events"
	"github.com/holdfast-ha/holdfast/harness/scenario"
	"github.com/holdfast-ha/holdfast/harness/verdict"
)

// synthesizeAway writes a run with every action and the faults of programs: each statement takes a second.
func synthesizeAway(t *testing.T, dir string) {
	t.Helper()
	source, err := os.ReadFile(filepath.Join(dir, ScenarioFile))
	require.NoError(t, err)
	s, err := scenario.Parse("programs_away.txt", source)
	require.NoError(t, err)
	require.NoError(t, scenario.Check(s))
	w, err := events.Create(filepath.Join(dir, EventsFile))
	require.NoError(t, err)
	v := verdict.Verdict{
		Scenario: "programs_away", Tier: "container", Seed: 1, Started: time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC), WallS: 32, TimeFactor: 0.1,
		IOTimeoutS: 1, Storage: "nfs", RPC: map[string]map[string]verdict.Phases{}, Lanes: map[string][]verdict.Lane{}, Agent: map[string]verdict.AgentTicks{},
	}
	second := func(v float64) *float64 { return &v }
	active := map[scenario.Fault]int{}
	program := func(at float64, host string, p scenario.Program, e events.ProgramEvent, detail string) {
		put(t, w, events.Event{T: at, Host: host, Program: &events.Program{Name: string(p), Event: e, Detail: detail}})
	}
	at := 4.0
	for i, st := range s.Statements {
		step := events.Step{Number: i + 1, Line: st.Line(), Text: st.String(), State: events.StepBegin}
		put(t, w, events.Event{T: at, Step: &step})
		detail, claimed := "", false
		switch st := st.(type) {
		case *scenario.Inject:
			active[st.Fault] = len(v.Faults)
			v.Faults = append(v.Faults, verdict.Fault{
				Step: i + 1, Line: st.Line(), Kind: string(st.Fault.Kind), Target: st.Fault.Target(), Proof: "it was looked at",
				InjectedS: second(at + 0.1), ProvenS: second(at + 0.6),
			})
		case *scenario.Heal:
			for fault, n := range active {
				if st.Fault == nil || *st.Fault == fault {
					v.Faults[n].HealedS, v.Faults[n].GoneS = second(at+0.1), second(at+0.3)
					delete(active, fault)
				}
			}
		case *scenario.Stop:
			program(at+0.05, st.On, st.Program, events.ProgramStopping, "")
			detail, claimed = "process 31 ended with exit code 0 after 0.40 s", true
			program(at+0.45, st.On, st.Program, events.ProgramEnded, detail)
		case *scenario.Kill:
			program(at+0.05, st.On, st.Program, events.ProgramKilled, "")
			detail, claimed = "process 32 ended with exit code 137 after 0.02 s", true
			program(at+0.07, st.On, st.Program, events.ProgramEnded, detail)
		case *scenario.Start:
			program(at+0.05, st.On, st.Program, events.ProgramStarting, "")
			detail, claimed = "serves after 0.61 s", true
			program(at+0.66, st.On, st.Program, events.ProgramServes, detail)
		case *scenario.Write:
			detail = "a record with the bytes ff fe at 536; read back on the server's side"
		case *scenario.Call:
			detail, claimed = `answered "ok" in 12.0 ms`, true
		case *scenario.ClientLoad:
			detail, claimed = "400 calls of 80 good clients answered, p50=1.00 p99=7.00 max=9.00 ms", true
		case *scenario.Tell:
			detail, claimed = "it says vm.status=Up", true
		case *scenario.Expect:
			detail, claimed = "after 0.30 s: seen", true
		}
		end := step
		end.State, end.Detail = events.StepEnd, detail
		put(t, w, events.Event{T: at + 0.9, Step: &end})
		if _, goal := st.(*scenario.Saw); claimed || goal {
			v.Claims = append(v.Claims, verdict.Claim{Line: st.Line(), Text: st.String(), OK: true, Detail: detail, Goal: goal})
			put(t, w, events.Event{T: at + 0.9, Claim: &events.Claim{Line: st.Line(), Text: st.String(), OK: true, Detail: detail}})
		}
		at++
	}
	for _, host := range []string{"host1", "host2"} {
		for turn := 3.0; turn < at && (host == "host2" || turn < 12); turn++ {
			put(t, w, events.Event{T: turn, Host: host, Agent: &events.Agent{State: "EngineDown", Score: 3400, DelayS: 1, Lease: "held", PutMS: 0.3}})
		}
		put(t, w, events.Event{T: 3, Host: host, Lease: &events.Lease{State: "held"}})
	}
	put(t, w, events.Event{T: 22, Host: "host2", Lane: &events.Lane{
		Name: "ha-notify", TID: 47, Busy: true, Op: "send", Segment: 4095, BlockedS: 1.5, ProcState: "S", Syscall: "futex", Wchan: "futex_wait_queue",
	}})
	put(t, w, events.Event{T: 8.6, Host: "host2", Health: &events.Health{Code: "lease-pending", Raised: true, Severity: "error"}})
	put(t, w, events.Event{T: 10, Host: "host2", Health: &events.Health{Code: "lease-pending"}})
	require.NoError(t, w.Close())
	v.Verdict, v.Reason = verdict.Decide(verdict.Evidence{Faults: v.Faults, Claims: v.Claims})
	require.Equal(t, verdict.Pass, v.Verdict, v.Reason)
	require.NoError(t, verdict.Write(dir, v))
}
