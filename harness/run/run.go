// Package run carries out scenarios in the container tier: it builds the cluster, does what the statements say, looks at the
// hosts while it does, heals what is left, takes the cluster down, and writes verdict and report into the run directory.
package run

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/config"
	"github.com/holdfast-ha/holdfast/harness/doctor"
	"github.com/holdfast-ha/holdfast/harness/events"
	"github.com/holdfast-ha/holdfast/harness/needs"
	"github.com/holdfast-ha/holdfast/harness/report"
	"github.com/holdfast-ha/holdfast/harness/scenario"
	"github.com/holdfast-ha/holdfast/harness/tier/container"
	"github.com/holdfast-ha/holdfast/harness/verdict"
)

// Tier is the name of the tier that this package runs scenarios in.
const Tier = "container"

// downDeadline bounds taking a cluster down, healing included.
const downDeadline = 90 * time.Second

// Options say how a scenario is run.
type Options struct {
	// OutDir is the run directory. It is made; what an earlier run left there is not overwritten but refused.
	OutDir string
	// Seed of everything random; 0: taken from the clock. The verdict says which.
	Seed int64
	// Keep leaves the cluster running after the verdict.
	Keep bool
	// BinDir and Binaries say where the daemons' binaries are; see container.Options.
	BinDir   string
	Binaries map[string]string
	// Progress, when set, is called with every line of what goes on.
	Progress func(Progress)
}

// runner is one run under way.
type runner struct {
	scenario *scenario.Scenario
	options  Options
	log      *events.Writer
	start    clock.Mono
	cluster  *container.Cluster
	seen     *observer
	timing   config.Timing
	ready    float64 // when the cluster was ready, seconds since the start

	active   []*activeFault
	faults   []verdict.Fault
	claims   []verdict.Claim
	watching []watched
	away     []verdict.Away     // programs that the scenario ended
	loads    map[string]float64 // p99 in ms of the latest load without a fault, by host
	dumps    int
	versions map[string]string
	unproven string // why a fault was not proven, or not proven gone

	stallVisible, recovered *float64
	recoveredFrom           float64 // the healing that recovered counts from

	verdict verdict.Verdict
}

// Scenario runs one scenario and writes its run directory. The error is one of the harness's surroundings (the directory
// cannot be written); whatever happens to the cluster is told by the verdict.
func Scenario(ctx context.Context, sc *scenario.Scenario, o Options) (verdict.Verdict, error) {
	r := &runner{scenario: sc, options: o, start: clock.Now(), loads: map[string]float64{}}
	if r.options.Seed == 0 {
		r.options.Seed = time.Now().UnixNano() & 0x7fffffff
	}
	r.verdict = verdict.Verdict{
		Scenario: sc.Name, Tier: Tier, Seed: r.options.Seed, Started: time.Now(),
		TimeFactor: sc.Cluster.TimeFactor, IOTimeoutS: sc.Cluster.IOTimeout.Seconds(), Storage: string(sc.Cluster.Storage),
	}
	if err := r.openDirectory(); err != nil {
		return r.verdict, err
	}
	evidence := r.live(ctx)
	evidence.Faults, evidence.Claims, evidence.Unproven = r.faults, r.claims, r.unproven
	r.verdict.Faults, r.verdict.Claims = r.faults, r.claims
	r.verdict.StallVisibleS, r.verdict.RecoveredS = r.stallVisible, r.recovered
	r.verdict.Verdict, r.verdict.Reason = verdict.Decide(evidence)
	r.verdict.WallS = clock.Now().Sub(r.start).Seconds()
	return r.verdict, r.closeDirectory()
}

// live is the run between an open and a closed run directory.
func (r *runner) live(ctx context.Context) verdict.Evidence {
	if err := needs.DockerAnswers(ctx); err != nil && ctx.Err() == nil {
		return verdict.Evidence{Missing: []string{fmt.Sprintf(
			"a Docker engine (%v); get one with ci/setup.sh, or apt-get install docker.io, or point DOCKER_HOST at one; see holdfast doctor", err)}}
	}
	if err := r.build(ctx); err != nil {
		if ctx.Err() != nil {
			return verdict.Evidence{Trouble: "interrupted while the cluster was built"}
		}
		if missing := lacking(err, doctor.Examine(ctx)); len(missing) > 0 {
			return verdict.Evidence{Missing: missing}
		}
		return verdict.Evidence{Trouble: err.Error()}
	}
	trouble := r.perform(ctx)
	if r.options.Keep {
		r.say("", fmt.Sprintf("kept: the cluster runs on; its particulars are in %s; holdfast gc removes it", filepath.Join(r.cluster.RunDir, "cluster.json")))
		return verdict.Evidence{Trouble: trouble}
	}
	down, cancel := context.WithTimeout(context.WithoutCancel(ctx), downDeadline)
	defer cancel()
	if err := r.cluster.Down(down); err != nil {
		r.say("FAIL", "taking the cluster down: "+err.Error())
		trouble = join(trouble, "the cluster was not taken down wholly: "+err.Error())
	}
	return verdict.Evidence{Trouble: trouble}
}

// lacking says what a machine lacks on which no cluster came up, each with how to get it, and with the failure itself; nothing where
// the machine has all that the tier needs, so that the failure is one of the harness.
func lacking(failure error, list []doctor.Capability) []string {
	var missing []string
	for _, c := range doctor.Blocking(list) {
		missing = append(missing, fmt.Sprintf("%s: %s; get it with: %s", c.Name, c.Found, c.Cure))
	}
	if len(missing) > 0 {
		missing = append(missing, failure.Error())
	}
	return missing
}

// build brings the cluster up and starts looking at it.
func (r *runner) build(ctx context.Context) error {
	c := r.scenario.Cluster
	cluster, err := container.Up(ctx, container.Options{
		RunDir: r.options.OutDir, Hosts: c.Hosts, Storage: container.Kind(c.Storage), TimeFactor: c.TimeFactor, IOTimeout: c.IOTimeout,
		VDSM: c.VDSM, SMTP: c.SMTP, OVF: c.OVF, Sector: c.Sector,
		BinDir: r.options.BinDir, Binaries: r.options.Binaries,
		Progress: func(s container.Step) {
			r.progress(Progress{Text: join("cluster: "+s.Name, s.Where), Begins: true})
			r.note(events.Event{Note: &events.Note{Text: fmt.Sprintf("%s %s: took %.2f s", s.Name, s.Where, s.Took.Seconds())}})
		},
	})
	if err != nil {
		return err
	}
	r.cluster = cluster
	r.ready = clock.Now().Sub(r.start).Seconds()
	r.say("", fmt.Sprintf("%s: ready", r.scenario.Cluster))
	settings, err := config.Load(filepath.Join(cluster.Hosts[0].Dir, "holdfast.conf"))
	if err == nil {
		r.timing = settings.Timing
		maps.Copy(r.versions, labVersions(ctx, cluster))
		err = writeVersions(r.options.OutDir, r.versions)
	}
	if err != nil {
		down, cancel := context.WithTimeout(context.WithoutCancel(ctx), downDeadline)
		defer cancel()
		return errors.Join(err, cluster.Down(down))
	}
	return nil
}

// perform carries out the statements and judges. It returns what kept the harness from doing so, "" for nothing.
func (r *runner) perform(ctx context.Context) (trouble string) {
	r.seen = observe(r.cluster.Hosts, r.start, r.log)
	err := r.steps(ctx)
	// Whatever happened, no fault outlives the run: healing comes before every kill.
	_, healErr := r.heal(context.WithoutCancel(ctx), nil)
	if healErr != nil {
		r.say("FAIL", "healing: "+healErr.Error())
	}
	missing := r.judgeProcesses(context.WithoutCancel(ctx))
	end := r.seen.now()
	r.seen.close()
	missing = append(missing, r.judge(end)...)
	switch {
	case ctx.Err() != nil:
		return "interrupted"
	case err != nil && !errors.Is(err, errUnproven):
		return strings.Join(append([]string{err.Error()}, missing...), "; ")
	case len(missing) > 0:
		return strings.Join(missing, "; ")
	case healErr != nil && r.unproven == "":
		return healErr.Error()
	}
	return ""
}

func (r *runner) openDirectory() error {
	dir, err := filepath.Abs(r.options.OutDir)
	if err != nil {
		return fmt.Errorf("run directory %s: %w", r.options.OutDir, err)
	}
	r.options.OutDir = dir
	if _, err := os.Stat(filepath.Join(dir, report.EventsFile)); err == nil {
		return fmt.Errorf("%s holds the results of an earlier run; give another --out, or remove it", dir)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the run directory: %w", err)
	}
	source, err := os.ReadFile(r.scenario.File)
	if err != nil {
		return fmt.Errorf("read the scenario again: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, report.ScenarioFile), source, 0o644); err != nil {
		return fmt.Errorf("copy the scenario: %w", err)
	}
	r.versions = ourVersions(r.options.Seed, r.options.Binaries)
	if err := writeVersions(dir, r.versions); err != nil {
		return err
	}
	r.log, err = events.Create(filepath.Join(dir, report.EventsFile))
	return err
}

func (r *runner) closeDirectory() error {
	// A log that could not be closed (a full disk) is no reason to lose the verdict.
	if err := errors.Join(r.log.Close(), verdict.Write(r.options.OutDir, r.verdict)); err != nil {
		return err
	}
	if _, err := report.Make(r.options.OutDir); err != nil {
		return fmt.Errorf("make the report: %w", err)
	}
	return nil
}

// note writes an event that happens now.
func (r *runner) note(e events.Event) {
	e.T = clock.Now().Sub(r.start).Seconds()
	_ = r.log.Append(e)
}

func (r *runner) say(mark, text string) { r.progress(Progress{Mark: mark, Text: text}) }

func (r *runner) progress(p Progress) {
	if r.options.Progress != nil {
		p.T = clock.Now().Sub(r.start).Seconds()
		r.options.Progress(p)
	}
}
