package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/harness/events"
	"github.com/holdfast-ha/holdfast/harness/verdict"
)

//go:embed timeline.gotmpl
var timelineTemplate string

//go:embed timeline.css
var timelineStyle string

// Timeline draws one run as a self-contained HTML page: no script, no font, nothing from anywhere else.
func Timeline(r *Run) ([]byte, error) {
	page, err := template.New("timeline").Parse(timelineTemplate)
	if err != nil {
		return nil, fmt.Errorf("draw the timeline: %w", err)
	}
	var b bytes.Buffer
	if err := page.Execute(&b, pageOf(r)); err != nil {
		return nil, fmt.Errorf("draw the timeline of %s: %w", r.Dir, err)
	}
	return b.Bytes(), nil
}

// page is what the template prints.
type page struct {
	Style    template.CSS // the project's own style sheet, not the run's data
	Run      *Run
	Verdict  verdict.Verdict
	Class    string // of the verdict
	Prose    []string
	Facts    []fact
	Cards    []card
	Picture  *picture
	Legend   []fact // class and words
	Listing  []listed
	Claims   string // "12 of 12 claims hold"
	RPC      []rpcTable
	Faults   []faultRow
	Lanes    []laneRow
	Versions []fact
	Notes    []note
	Damage   string // what was skipped in the log
}

type fact struct{ Name, Value string }

type card struct{ Name, Value, Detail, Class string }

type note struct{ At, Text string }

type faultRow struct{ Line, Text, Target, Injected, Proven, Healed, Gone, Proof string }

type laneRow struct{ Host, Name, Blocked, Syscall, State, Wchan string }

type rpcTable struct {
	Host string
	Open bool
	Rows []rpcRow
}

type rpcRow struct {
	Method         string
	Healthy, Fault [4]string // n, p50, p99, max
	Failed         int
}

func pageOf(r *Run) page {
	v := r.Verdict
	held := 0
	for _, c := range v.Claims {
		if c.OK {
			held++
		}
	}
	p := page{
		Style: template.CSS(timelineStyle), Run: r, Verdict: v, Class: strings.ToLower(word(string(v.Verdict))), Prose: r.prose(),
		Facts: facts(r), Cards: cards(v), Picture: draw(r), Legend: legend(r), Listing: listing(r),
		Claims: fmt.Sprintf("%d of %d claims hold", held, len(v.Claims)), RPC: rpcTables(r), Faults: faultRows(r), Lanes: laneRows(v),
	}
	for _, name := range sortedNames(r.Versions) {
		p.Versions = append(p.Versions, fact{name, r.Versions[name]})
	}
	for _, e := range r.Log.Events {
		if e.Note != nil {
			p.Notes = append(p.Notes, note{at(e.T), strings.TrimSpace(e.Host + " " + e.Note.Text)})
		}
	}
	if n := r.Log.Skipped; n > 0 {
		p.Damage = fmt.Sprintf("%d lines of %s could not be used; the first: %s", n, EventsFile, r.Log.FirstSkipped)
	}
	return p
}

// facts is how the run was made.
func facts(r *Run) []fact {
	v := r.Verdict
	list := []fact{{"storage", orDash(v.Storage)}, {"hosts", fmt.Sprint(len(r.Hosts()))}, {"tier", orDash(v.Tier)}}
	if v.IOTimeoutS > 0 {
		list = append(list, fact{"sanlock io_timeout", fmt.Sprintf("%g s", v.IOTimeoutS)})
	}
	if v.TimeFactor > 0 {
		list = append(list, fact{"time factor", timeFactor(v.TimeFactor)})
	}
	if late := worstLateness(v); late.Seconds > 0 {
		list = append(list, fact{"machine woke up late by", fmt.Sprintf("%s, %s at worst", ms(late.TypicalMS), ms(late.WorstMS))})
	}
	return append(list,
		fact{"seed", fmt.Sprint(v.Seed)},
		fact{"wall", fmt.Sprintf("%.1f s", v.WallS)},
		fact{"started", v.Started.UTC().Format("2006-01-02 15:04:05 UTC")})
}

// worstLateness is that of the host where the machine was latest.
func worstLateness(v verdict.Verdict) verdict.Lateness {
	var worst verdict.Lateness
	for _, host := range sortedNames(v.Machine) {
		if l := v.Machine[host]; worst.Seconds == 0 || l.TypicalMS > worst.TypicalMS {
			worst = l
		}
	}
	return worst
}

func timeFactor(f float64) string {
	if f == 1 {
		return "1 (upstream's timings)"
	}
	return fmt.Sprintf("%g (all scaled timings of the daemons × %g)", f, f)
}

// cards is what one looks at first.
func cards(v verdict.Verdict) []card {
	k := keyFigures(v)
	var list []card
	if k.blocked > 0 {
		where := fmt.Sprintf("%s on %s", k.blockedLane.Name, k.blockedHost)
		if k.blockedLane.Syscall != "" {
			where += fmt.Sprintf(", %s in %s", orDash(k.blockedLane.State), k.blockedLane.Syscall)
		}
		list = append(list, card{"longest blockage", seconds(k.blocked), where, "warm"})
	}
	if k.faultCalls > 0 {
		detail := fmt.Sprintf("%d calls, slowest %s (%s); healthy p99 %s", k.faultCalls, ms(k.max), k.maxOf, ms(k.healthyP99))
		class := ""
		if k.failed > 0 {
			detail = fmt.Sprintf("%d of %d calls without an answer", k.failed, k.faultCalls)
			class = "bad"
		}
		list = append(list, card{"worst RPC p99 in faults", ms(k.p99), detail, class})
	}
	if k.gap > 0 {
		list = append(list, card{"agent's longest gap", seconds(k.gap), "between two turns, on " + k.gapHost, ""})
	}
	if v.StallVisibleS != nil {
		list = append(list, card{"stall visible after", secondsOf(v.StallVisibleS), "from the operation's start to get_health", ""})
	}
	if v.RecoveredS != nil {
		list = append(list, card{"newest record on storage", secondsOf(v.RecoveredS), "after healing, read on the server", ""})
	}
	return list
}

func legend(r *Run) []fact {
	list := []fact{
		{"fault proven", "fault in effect, proven"},
		{"fault whole", "not yet proven, or healed and not yet proven gone"},
		{"blocked", "thread blocked in one operation"},
		{"calls", "RPC, median to slowest"},
		{"lease lease-held", "lease held"},
		{"engine engine-up", "engine up"},
		{"warning", "warning in get_health"},
	}
	if slices.ContainsFunc(r.Log.Events, func(e events.Event) bool { return e.Program != nil }) {
		list = append(list, fact{"away", "program stopped or killed by the scenario"})
	}
	return list
}

func rpcTables(r *Run) []rpcTable {
	v := r.Verdict
	worst := keyFigures(v).blockedHost
	var tables []rpcTable
	for _, host := range r.Hosts() {
		methods := v.RPC[host]
		if len(methods) == 0 {
			continue
		}
		table := rpcTable{Host: host, Open: host == worst || worst == "" && len(tables) == 0}
		for _, method := range sortedNames(methods) {
			m := methods[method]
			table.Rows = append(table.Rows, rpcRow{Method: method, Healthy: cells(m.Healthy), Fault: cells(m.Fault), Failed: m.Fault.Failed})
		}
		tables = append(tables, table)
	}
	return tables
}

func cells(l verdict.Latency) [4]string {
	if l.N == 0 {
		return [4]string{"0", "-", "-", "-"}
	}
	return [4]string{fmt.Sprint(l.N), fmt.Sprintf("%.2f", l.P50MS), fmt.Sprintf("%.2f", l.P99MS), fmt.Sprintf("%.2f", l.MaxMS)}
}

func faultRows(r *Run) []faultRow {
	var rows []faultRow
	for _, f := range faultLives(r) {
		rows = append(rows, faultRow{fmt.Sprint(f.line), f.text, f.target, at(f.injected), at(f.proven), at(f.healed), at(f.gone), f.proof})
	}
	return rows
}

func laneRows(v verdict.Verdict) []laneRow {
	var rows []laneRow
	for _, host := range sortedNames(v.Lanes) {
		for _, l := range v.Lanes[host] {
			rows = append(rows, laneRow{host, l.Name, fmt.Sprintf("%.2f s", l.BlockedS), orDash(l.Syscall), orDash(l.State), orDash(l.Wchan)})
		}
	}
	return rows
}

func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Started is the run's start in the form of the HTML time element.
func (p page) Started() string { return p.Verdict.Started.UTC().Format(time.RFC3339) }
