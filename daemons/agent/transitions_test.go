package agent

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
)

//go:embed testdata/transitions.txt
var transitionsText string

// row is one row of the table.
type row struct {
	line       int
	state      State
	conditions []string
	asks       []func(*Situation) bool
	next       State
	wait       bool
	order      string
	source     string
}

func (r *row) String() string {
	return fmt.Sprintf("testdata/transitions.txt:%d (%s: %s)", r.line, r.state, strings.Join(r.conditions, " "))
}

func readRows(t *testing.T) []row {
	t.Helper()
	var rows []row
	for i, line := range strings.Split(transitionsText, "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		state, rest, ok1 := strings.Cut(line, ":")
		conditions, rest, ok2 := strings.Cut(rest, "->")
		outcome, source, ok3 := strings.Cut(rest, ";")
		require.True(t, ok1 && ok2 && ok3, "testdata/transitions.txt:%d: %q", i+1, line)
		words := strings.Fields(outcome)
		require.Contains(t, []int{2, 3}, len(words), "testdata/transitions.txt:%d: %q", i+1, line)
		order := OrderNone.String()
		if len(words) == 3 {
			order = words[2]
		}
		r := row{
			line: i + 1, state: State(strings.TrimSpace(state)), conditions: strings.Fields(conditions),
			next: State(words[0]), wait: words[1] == "10", order: order, source: strings.TrimSpace(source),
		}
		for _, condition := range r.conditions {
			r.asks = append(r.asks, meaning(t, condition))
		}
		rows = append(rows, r)
	}
	return rows
}

// meaning returns what a condition of the table asks.
func meaning(t *testing.T, condition string) func(*Situation) bool {
	t.Helper()
	if word, ok := strings.CutPrefix(condition, "local="); ok {
		return func(s *Situation) bool { return s.Local.VM == word }
	}
	known := map[string]func(*Situation) bool{
		"expired":     func(s *Situation) bool { return s.Timer == TimerExpired },
		"unset":       func(s *Situation) bool { return s.Timer == TimerUnset },
		"gm":          func(s *Situation) bool { return s.GlobalMaintenance },
		"lm":          func(s *Situation) bool { return s.LocalMaintenance },
		"blind":       func(s *Situation) bool { return s.Blind },
		"healthy":     func(s *Situation) bool { return s.Local.Health == "good" },
		"bad":         func(s *Situation) bool { return s.Local.Health == "bad" },
		"paused":      func(s *Situation) bool { return s.Local.Detail == "Paused" },
		"best=here":   func(s *Situation) bool { return s.Best.Up && s.Best.Local },
		"best=away":   func(s *Situation) bool { return s.Best.Up && !s.Best.Local },
		"best=none":   func(s *Situation) bool { return !s.Best.Up },
		"short":       func(s *Situation) bool { return s.ShortHistory },
		"obstacle":    func(s *Situation) bool { return s.Obstacle != "" },
		"better":      func(s *Situation) bool { return s.BestScoreHost != 0 && s.BestScore > s.OwnScore },
		"muchbetter":  func(s *Situation) bool { return s.BestScoreHost != 0 && s.BestScore >= s.OwnScore+s.RestartThreshold },
		"did=running": func(s *Situation) bool { return s.Action == ActionRunning },
		"did=ok":      func(s *Situation) bool { return s.Action == ActionSucceeded },
		"did=failed":  func(s *Situation) bool { return s.Action == ActionFailed },
		"busy":        func(s *Situation) bool { return s.Busy },
		"settling":    func(s *Situation) bool { return s.Settling },
	}
	ask, ok := known[condition]
	require.True(t, ok, "the table has an unknown condition %q", condition)
	return ask
}

// find returns the row of a state's rows that counts in s, nil if none does.
func find(rows []row, s *Situation) *row {
rows:
	for i := range rows {
		for _, ask := range rows[i].asks {
			if !ask(s) {
				continue rows
			}
		}
		return &rows[i]
	}
	return nil
}

// situations calls visit with every combination of what state functions look at.
func situations(visit func(Situation)) {
	bools := []bool{false, true}
	locals := []whiteboard.EngineStatus{
		{VM: "up", Health: "good", Detail: "Up"},
		{VM: "up", Health: "bad", Detail: "Up"},
		{VM: "up", Health: "bad", Detail: "Paused"},
		{VM: "down", Health: "bad", Detail: "Down"},
		{VM: "down_unexpected", Health: "bad", Detail: "Down"},
		{VM: "down_missing", Health: "bad", Detail: "unknown"},
		{VM: "unknown", Health: "unknown", Detail: "unknown"},
	}
	bests := []BestEngine{{HostID: 1, Local: true}, {HostID: 2}, {HostID: 1, Up: true, Local: true}, {HostID: 2, Up: true}}
	scores := []struct{ best, host, own int }{{0, 0, 0}, {0, 0, 3400}, {3400, 2, 3400}, {3400, 2, 3399}, {3400, 2, 2601}, {3400, 2, 2600}, {3400, 2, 0}}
	obstacles := []string{"", "no lease"}
	for _, timer := range []TimerPhase{TimerUnset, TimerRunning, TimerExpired} {
		for _, local := range locals {
			for _, best := range bests {
				for _, score := range scores {
					for _, action := range []ActionPhase{ActionNone, ActionRunning, ActionSucceeded, ActionFailed} {
						for flags := range 1 << 7 {
							flag := func(i int) bool { return bools[flags>>i&1] }
							s := Situation{
								Timer: timer, Local: local, Best: best, BestScore: score.best, BestScoreHost: score.host, OwnScore: score.own,
								RestartThreshold: 800, Action: action, Blind: flag(0), GlobalMaintenance: flag(1), LocalMaintenance: flag(2),
								ShortHistory: flag(3), Obstacle: obstacles[flags>>4&1], Busy: flag(5), Settling: flag(6),
							}
							visit(s)
						}
					}
				}
			}
		}
	}
}

func TestEveryTransitionIsInTheTable(t *testing.T) {
	rows := readRows(t)
	perState := map[State][]row{}
	for _, r := range rows {
		perState[r.state] = append(perState[r.state], r)
	}
	require.Len(t, perState, len(States()), "states in the table")
	used := map[int]bool{}
	compared := 0
	for _, state := range States() {
		_, timed := state.timeout(testTiming())
		situations(func(s Situation) {
			if !timed && s.Timer != TimerUnset {
				return
			}
			compared++
			r := find(perState[state], &s)
			if r == nil {
				t.Fatalf("%s: no row for %+v", state, s)
			}
			used[r.line] = true
			d := Decide(state, s)
			if d.Next != r.next || d.Wait != r.wait || d.Order.String() != r.order {
				t.Fatalf("%s in %+v\n got %s, turn over %t, order %s (%s)\nwant %s, turn over %t, order %s by %v",
					state, s, d.Next, d.Wait, d.Order, d.Reason, r.next, r.wait, r.order, r)
			}
			if d.Reason == "" {
				t.Fatalf("%s in %+v: no reason given", state, s)
			}
		})
	}
	for _, r := range rows {
		require.True(t, used[r.line], "%v is never used: a row above hides it", &r)
	}
	t.Logf("%d situations in %d states compared with %d rows", compared, len(States()), len(rows))
}

// Upstream's rows alone must decide every situation that upstream knows, or the table would hide a difference.
func TestUpstreamsRowsDecideWhatUpstreamKnows(t *testing.T) {
	perState := map[State][]row{}
	for _, r := range readRows(t) {
		if r.source == "upstream" {
			perState[r.state] = append(perState[r.state], r)
		}
	}
	for _, state := range States() {
		if state == StorageBlind {
			continue
		}
		_, timed := state.timeout(testTiming())
		situations(func(s Situation) {
			started := s.Action == ActionRunning || s.Busy || s.Settling
			if s.Blind || s.Obstacle != "" || started || (!timed && s.Timer != TimerUnset) {
				return
			}
			if state == EngineStart && s.ShortHistory {
				return // upstream reaches EngineStart only from EngineDown, with the same facts
			}
			r := find(perState[state], &s)
			if r == nil {
				t.Fatalf("%s: upstream has no row for %+v", state, s)
			}
			d := Decide(state, s)
			if d.Next != r.next || d.Wait != r.wait || d.Order.String() != r.order {
				t.Fatalf("%s in %+v\n     got %s, turn over %t, order %s\nupstream %s, turn over %t, order %s by %v",
					state, s, d.Next, d.Wait, d.Order, r.next, r.wait, r.order, r)
			}
		})
	}
}

// Whatever happens, no state is a trap: from each one, each other one can be reached, EngineUp and EngineDown above all.
func TestNoStateIsATrap(t *testing.T) {
	edges := map[State][]State{}
	for _, state := range States() {
		situations(func(s Situation) {
			if next := Decide(state, s).Next; !slices.Contains(edges[state], next) {
				edges[state] = append(edges[state], next)
			}
		})
	}
	for _, from := range States() {
		reached := []State{from}
		for i := 0; i < len(reached); i++ {
			for _, next := range edges[reached[i]] {
				if !slices.Contains(reached, next) {
					reached = append(reached, next)
				}
			}
		}
		for _, to := range States() {
			if to == StartState {
				continue
			}
			require.Contains(t, reached, to, "from %s", from)
		}
	}
}

func TestABlindHostOrdersNothing_S37(t *testing.T) {
	for _, state := range States() {
		situations(func(s Situation) {
			if d := Decide(state, s); s.Blind && d.Order != OrderNone {
				t.Fatalf("%s in %+v orders %s", state, s, d.Order)
			}
		})
	}
}

func TestDifferencesAreDocumented(t *testing.T) {
	doc := packageDocumentation(t)
	for _, r := range readRows(t) {
		if r.source != "upstream" {
			require.Contains(t, doc, "//   - "+r.source+" ", "%v is not in the package documentation", &r)
		}
	}
}

func TestUnknownStateFindsItsWayBack(t *testing.T) {
	require.Equal(t, ReinitializeFSM, Decide("LocalMaintenanceMigrateVm", Situation{}).Next)
}
