// Package report turns a run directory into what people read: one self-contained HTML timeline, JUnit XML for CI, a table for
// the terminal. All three are pure functions of the directory, so a report can be made again at any time.
package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/holdfast-ha/holdfast/harness/events"
	"github.com/holdfast-ha/holdfast/harness/scenario"
	"github.com/holdfast-ha/holdfast/harness/verdict"
)

// The files of a run directory that reports are made from, and those that are made.
const (
	ScenarioFile = "scenario.txt"   // the scenario as it was run
	EventsFile   = "events.jsonl"   // package events
	VerdictFile  = verdict.FileName // package verdict
	VersionsFile = "versions.json"  // one JSON object of strings: what ran, in which version

	TimelineFile = "timeline.html"
	JUnitFile    = "junit.xml"
	SummaryFile  = "summary.txt"
)

// Run is one run directory, read.
type Run struct {
	// Dir is where it was read from.
	Dir string
	// Source is the scenario's text; empty when the directory has none.
	Source string
	// Scenario is the parsed text; nil when there is none or this version cannot read it.
	Scenario *scenario.Scenario
	Verdict  verdict.Verdict
	Log      events.Log
	// Versions is what ran, by name.
	Versions map[string]string
}

// Load reads a run directory. verdict.json must be there and readable; everything else may be missing or damaged, and is
// then missing in the report.
func Load(dir string) (*Run, error) {
	v, err := verdict.Read(dir)
	if err != nil {
		return nil, err
	}
	r := &Run{Dir: dir, Verdict: v}
	path := filepath.Join(dir, ScenarioFile)
	if source, err := os.ReadFile(path); err == nil {
		r.Source = string(source)
		if parsed, err := scenario.Parse(path, source); err == nil {
			r.Scenario = parsed
		}
	}
	if r.Log, err = events.ReadFile(filepath.Join(dir, EventsFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if text, err := os.ReadFile(filepath.Join(dir, VersionsFile)); err == nil {
		if json.Unmarshal(text, &r.Versions) != nil {
			r.Versions = map[string]string{VersionsFile: "unreadable"}
		}
	}
	return r, nil
}

// LoadAll reads dir as one run directory, or, when it has no verdict.json, each directory directly below that has one, in
// order of names.
func LoadAll(dir string) ([]*Run, error) {
	if exists(filepath.Join(dir, VerdictFile)) {
		r, err := Load(dir)
		if err != nil {
			return nil, err
		}
		return []*Run{r}, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read the run directory: %w", err)
	}
	var runs []*Run
	for _, entry := range entries {
		below := filepath.Join(dir, entry.Name())
		if !entry.IsDir() || !exists(filepath.Join(below, VerdictFile)) {
			continue
		}
		r, err := Load(below)
		if err != nil {
			return nil, err
		}
		runs = append(runs, r)
	}
	if len(runs) == 0 {
		return nil, fmt.Errorf("read the run directory %s: neither it nor a directory directly below has a %s; give the directory that `holdfast run --out` wrote", dir, VerdictFile)
	}
	return runs, nil
}

// Make reads dir (see LoadAll) and writes the reports: timeline.html, junit.xml and summary.txt into each run directory, and,
// when dir holds several runs, junit.xml and summary.txt over all of them into dir. It returns the runs.
func Make(dir string) ([]*Run, error) {
	runs, err := LoadAll(dir)
	if err != nil {
		return nil, err
	}
	for _, r := range runs {
		page, err := Timeline(r)
		if err != nil {
			return nil, err
		}
		if err := write(filepath.Join(r.Dir, TimelineFile), page); err != nil {
			return nil, err
		}
		if err := writeTables(r.Dir, []*Run{r}); err != nil {
			return nil, err
		}
	}
	if len(runs) > 1 || runs[0].Dir != dir {
		if err := writeTables(dir, runs); err != nil {
			return nil, err
		}
	}
	return runs, nil
}

func writeTables(dir string, runs []*Run) error {
	xml, err := JUnit(runs)
	if err != nil {
		return err
	}
	return errors.Join(
		write(filepath.Join(dir, JUnitFile), xml),
		write(filepath.Join(dir, SummaryFile), []byte(Summary(runs))),
	)
}

func write(path string, data []byte) error {
	if err := os.WriteFile(path, data, 0o644); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Hosts lists every host that the run knows of, host2 before host10.
func (r *Run) Hosts() []string {
	seen := map[string]bool{}
	if r.Scenario != nil {
		for n := 1; n <= r.Scenario.Cluster.Hosts; n++ {
			seen[fmt.Sprintf("host%d", n)] = true
		}
	}
	for _, e := range r.Log.Events {
		if e.Host != "" {
			seen[e.Host] = true
		}
	}
	for host := range r.Verdict.RPC {
		seen[host] = true
	}
	for host := range r.Verdict.Agent {
		seen[host] = true
	}
	hosts := make([]string, 0, len(seen))
	for host := range seen {
		hosts = append(hosts, host)
	}
	sort.Slice(hosts, func(i, j int) bool {
		a, aok := scenario.HostNumber(hosts[i])
		b, bok := scenario.HostNumber(hosts[j])
		if aok && bok {
			return a < b
		}
		if aok != bok {
			return aok
		}
		return hosts[i] < hosts[j]
	})
	return hosts
}

// end is the time at which the run's picture ends, seconds since its start.
func (r *Run) end() float64 {
	return max(r.Verdict.WallS, r.lastSeen(), 1)
}

// lastSeen is the time of the last event: what held then is not known to hold any longer.
func (r *Run) lastSeen() float64 {
	last := 0.0
	for _, e := range r.Log.Events {
		last = max(last, e.T)
	}
	return last
}

// prose is the scenario's opening words as paragraphs.
func (r *Run) prose() []string {
	if r.Scenario == nil {
		return nil
	}
	var paragraphs []string
	for _, p := range strings.Split(strings.Join(r.Scenario.Prose, "\n"), "\n\n") {
		if p = strings.Join(strings.Fields(p), " "); p != "" {
			paragraphs = append(paragraphs, p)
		}
	}
	return paragraphs
}
