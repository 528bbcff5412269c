package report

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/harness/events"
	"github.com/holdfast-ha/holdfast/harness/verdict"
)

// hostile is what a run's data may contain: markup, quotes, template and CSS syntax, bytes that XML forbids.
const hostile = `</title></style><script>alert(1)</script><img src=x onerror=alert(2)>"'&{{.}}` + "\x01\x1b[31m"

func number(v float64) *float64 { return &v }

// runDir writes a run directory by hand.
func runDir(t *testing.T, source string, v verdict.Verdict, log ...events.Event) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, verdict.Write(dir, v))
	if source != "" {
		require.NoError(t, os.WriteFile(filepath.Join(dir, ScenarioFile), []byte(source), 0o644))
	}
	w, err := events.Create(filepath.Join(dir, EventsFile))
	require.NoError(t, err)
	for _, e := range log {
		require.NoError(t, w.Append(e))
	}
	require.NoError(t, w.Close())
	return dir
}

func TestNothingFromTheRunBecomesMarkup(t *testing.T) {
	h := hostile
	dir := runDir(t, "# "+strings.Map(func(c rune) rune {
		if c < ' ' {
			return -1
		}
		return c
	}, h)+"\ncluster hosts=1 storage=nfs\n-- "+"x --\n"+h, verdict.Verdict{
		Scenario: h, Tier: h, Verdict: verdict.Outcome(h), Reason: h, Storage: h, WallS: 10,
		Faults: []verdict.Fault{{Line: 2, Kind: h, Target: h, Proof: h, InjectedS: number(1), ProvenS: number(2)}},
		Claims: []verdict.Claim{{Line: 2, Text: h, Detail: h}, {Line: 99, Text: h, Detail: h, Goal: true}},
		RPC:    map[string]map[string]verdict.Phases{h: {h: {Fault: verdict.Latency{N: 1, MaxMS: 3, Failed: 1}}}},
		Lanes:  map[string][]verdict.Lane{h: {{Name: h, BlockedS: 3, Syscall: h, State: h, Wchan: h}}},
		Agent:  map[string]verdict.AgentTicks{h: {Ticks: 1, MaxGapS: 1}},
	},
		events.Event{T: 1, Step: &events.Step{Number: 1, Line: 2, Text: h, State: events.StepBegin}},
		events.Event{T: 2, Step: &events.Step{Number: 1, Line: 2, Text: h, State: events.StepFailed, Detail: h}},
		events.Event{T: 1, Host: h, Agent: &events.Agent{State: h, Reason: h}},
		events.Event{T: 3, Host: h, Lane: &events.Lane{Name: h, Busy: true, Op: h, BlockedS: 2, Syscall: h, Wchan: h, ProcState: h}},
		events.Event{T: 3, Host: h, RPC: &events.RPC{Method: h, N: 1, SpanS: 1, MaxMS: 4, Failed: 1, Error: h}},
		events.Event{T: 3, Host: h, Lease: &events.Lease{State: h, Detail: h}},
		events.Event{T: 3, Host: h, Engine: &events.Engine{Event: events.EngineStart, PID: 1}},
		events.Event{T: 4, Host: h, Engine: &events.Engine{Event: events.EngineSecondWriter, PID: 1, Detail: h}},
		events.Event{T: 3, Host: h, Health: &events.Health{Code: h, Raised: true, Detail: h}},
		events.Event{T: 3, Claim: &events.Claim{Line: 1, Text: h}},
		events.Event{T: 3, Host: h, Note: &events.Note{Text: h}},
	)
	require.NoError(t, os.WriteFile(filepath.Join(dir, VersionsFile), []byte(`{"<b>":"<script>"}`), 0o644))
	runs, err := Make(dir)
	require.NoError(t, err)
	page, err := os.ReadFile(filepath.Join(dir, TimelineFile))
	require.NoError(t, err)
	require.NotContains(t, string(page), "<script")
	require.NotContains(t, string(page), "<img")
	require.NotContains(t, string(page), "<b>")
	require.Equal(t, 1, strings.Count(string(page), "</style>"))

	text, err := JUnit(runs)
	require.NoError(t, err)
	requireXML(t, text)
}

// requireXML reads all of an XML text.
func requireXML(t *testing.T, text []byte) {
	t.Helper()
	in := xml.NewDecoder(strings.NewReader(string(text)))
	for {
		_, err := in.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err)
	}
}

// The page must work on a machine without a network, years from now.
func TestThePageNeedsNothingFromElsewhere(t *testing.T) {
	r, err := Load(goldenRuns)
	require.NoError(t, err)
	page, err := Timeline(r)
	require.NoError(t, err)
	text := strings.ReplaceAll(string(page), `xmlns="http://www.w3.org/2000/svg"`, "")
	for _, foreign := range []string{"http:", "https:", "//", "@import", "<script", "<link", "src=", "href="} {
		require.NotContains(t, text, foreign)
	}
	require.Contains(t, text, "time factor")
	require.Contains(t, text, "0.1 (all scaled timings of the daemons × 0.1)")
	require.NotContains(t, text, "NaN")
	require.NotContains(t, text, "Inf")
	require.NotContains(t, text, "ZgotmplZ", "the template refused a value")
}

// Every class that the picture uses has a style, so that nothing is drawn in black by accident.
func TestEveryShapeIsStyled(t *testing.T) {
	r, err := Load(goldenRuns)
	require.NoError(t, err)
	for _, s := range draw(r).Shapes {
		styled := false
		for _, class := range strings.Fields(s.Class) {
			styled = styled || regexp.MustCompile(`\.`+regexp.QuoteMeta(class)+`[{,. ]`).MatchString(timelineStyle)
		}
		require.True(t, styled, "class %q has no style", s.Class)
	}
}

func TestAFailedRunShowsWhatBroke(t *testing.T) {
	source := "# p\ncluster hosts=2 storage=nfs\nfreeze nfs\nexpect host2 fresh within=1s\nwait 1s\nsaw host2 state=StorageBlind\n"
	v := verdict.Verdict{
		Scenario: "broken", Tier: "container", WallS: 12, TimeFactor: 1,
		Faults: []verdict.Fault{{Step: 2, Line: 3, Kind: "freeze nfs", Target: "server", Proof: "no answer", InjectedS: number(1), ProvenS: number(2), HealedS: number(5), GoneS: number(6)}},
		Claims: []verdict.Claim{
			{Line: 4, Text: "expect host2 fresh within=1s", Detail: "the record is 4.0 s old"},
			{Line: 6, Text: "saw host2 state=StorageBlind", Goal: true},
		},
	}
	v.Verdict, v.Reason = verdict.Decide(verdict.Evidence{Faults: v.Faults, Claims: v.Claims})
	dir := runDir(t, source, v, events.Event{T: 1, Step: &events.Step{Number: 2, Line: 3, Text: "freeze nfs", State: events.StepBegin}})
	r, err := Load(dir)
	require.NoError(t, err)

	byLine := map[int]listed{}
	for _, l := range listing(r) {
		byLine[l.Number] = l
	}
	require.Equal(t, "done", byLine[3].Class)
	require.Equal(t, []string{"no answer"}, byLine[3].Detail)
	require.Equal(t, "bad", byLine[4].Class)
	require.Equal(t, "✗", byLine[4].Sign)
	require.Equal(t, "unreached", byLine[5].Class)
	require.Equal(t, "missed", byLine[6].Class)

	xml, err := JUnit([]*Run{r})
	require.NoError(t, err)
	requireXML(t, xml)
	require.Contains(t, string(xml), `tests="3" failures="2" errors="1" skipped="0"`)

	summary := Summary([]*Run{r})
	require.Contains(t, summary, "broken    FAIL")
	require.Contains(t, summary, "line 4: expect host2 fresh within=1s: the record is 4.0 s old")
}

// A run that ended before anything happened still gets its report.
func TestAnEmptyRunHasAReport(t *testing.T) {
	for _, o := range []verdict.Outcome{verdict.Skip, verdict.Invalid, verdict.Pass} {
		dir := t.TempDir()
		require.NoError(t, verdict.Write(dir, verdict.Verdict{Scenario: "empty", Verdict: o, Reason: "missing: docker"}))
		_, err := Make(dir)
		require.NoError(t, err)
		xml, err := os.ReadFile(filepath.Join(dir, JUnitFile))
		require.NoError(t, err)
		requireXML(t, xml)
	}
}

func TestSeveralRunsShareTheirTables(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b", "a"} {
		below := filepath.Join(dir, name)
		require.NoError(t, os.Mkdir(below, 0o755))
		require.NoError(t, verdict.Write(below, verdict.Verdict{Scenario: name, Verdict: verdict.Pass}))
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "other"), 0o755))
	runs, err := Make(dir)
	require.NoError(t, err)
	require.Len(t, runs, 2)
	require.Equal(t, "a", runs[0].Verdict.Scenario)
	for _, path := range []string{"junit.xml", "summary.txt", "a/timeline.html", "b/timeline.html", "a/junit.xml"} {
		require.FileExists(t, filepath.Join(dir, path))
	}
}

func TestADirectoryWithoutARunIsRefused(t *testing.T) {
	_, err := Make(t.TempDir())
	require.ErrorContains(t, err, "verdict.json; give the directory that `holdfast run --out` wrote")
	_, err = Make(filepath.Join(t.TempDir(), "none"))
	require.Error(t, err)
}

func TestADamagedLogIsUsedAsFarAsItGoes(t *testing.T) {
	dir := runDir(t, "", verdict.Verdict{Scenario: "x", Verdict: verdict.Pass, WallS: 5}, events.Event{T: 1, Note: &events.Note{Text: "hello"}})
	f, err := os.OpenFile(filepath.Join(dir, EventsFile), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString(`{"t":2,"kind":"note","no`)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	r, err := Load(dir)
	require.NoError(t, err)
	page, err := Timeline(r)
	require.NoError(t, err)
	require.Contains(t, string(page), "hello")
	require.Contains(t, string(page), "1 lines of events.jsonl could not be used")
}

func TestLaneLooksAreJoinedIntoOneBlockage(t *testing.T) {
	look := func(t, blocked float64, busy bool) events.Event {
		return events.Event{T: t, Host: "h", Lane: &events.Lane{Name: "ha-writer", Busy: busy, Op: "write", Segment: 2, BlockedS: blocked}}
	}
	bands := laneBands([]events.Event{
		look(1, 0, false), look(2, 0.01, true), look(5, 2.5, true), look(6, 3.5, true), look(7, 4.5, true), look(7.2, 0, false),
		look(9, 0.5, true), look(20, 0, false),
	}, "h")["ha-writer"]
	require.Len(t, bands, 2)
	require.InDelta(t, 2.5, bands[0].from, 1e-9)
	require.InDelta(t, 7.2, bands[0].to, 1e-9)
	require.Equal(t, "write segment 2", bands[0].name)
	require.InDelta(t, 8.5, bands[1].from, 1e-9)
	require.InDelta(t, 9, bands[1].to, 1e-9)
}

func TestNiceSteps(t *testing.T) {
	for length, want := range map[float64]float64{1: 0.1, 10: 1, 34: 5, 60: 5, 600: 50, 0.3: 0.05} {
		require.InDelta(t, want, niceStep(length, 14), 1e-9, "%v s", length)
	}
}
