package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-ha/holdfast/harness/report"
	"github.com/holdfast-ha/holdfast/harness/run"
	"github.com/holdfast-ha/holdfast/harness/scenario"
	"github.com/holdfast-ha/holdfast/harness/verdict"
)

type runFlags struct {
	tier     string
	out      string
	seed     int64
	keep     bool
	bin      string
	binaries []string
}

func newRun() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run FILE...",
		Short: "Run scenarios and judge them",
		Long: `Runs each scenario on a cluster of its own, one after another, and writes a run directory for each: scenario, events.jsonl,
logs, verdict.json, junit.xml, timeline.html. One scenario's files lie directly in --out, several in --out/NAME.

Exit codes: 0 all PASS, 1 a FAIL, 2 an INVALID, 3 a SKIP (the first of these that occurs).`,
		Args: atLeastOne("a scenario file"),
		RunE: func(cmd *cobra.Command, files []string) error {
			if f.tier != run.Tier {
				return &usageError{fmt.Errorf("--tier %s: there is one tier so far: %s", f.tier, run.Tier)}
			}
			scenarios, err := parseAll(files)
			if err != nil {
				return err
			}
			if f.out == "" {
				f.out = filepath.Join("runs", time.Now().Format("20060102-150405"))
			}
			return runAll(cmd.Context(), scenarios, f, cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&f.tier, "tier", run.Tier, "where the scenario runs")
	cmd.Flags().StringVar(&f.out, "out", "", "directory for the results (default runs/DATE-TIME)")
	cmd.Flags().Int64Var(&f.seed, "seed", 0, "seed of everything random (default: from the clock); recorded, though no word of the language so far is random")
	cmd.Flags().BoolVar(&f.keep, "keep", false, "leave the cluster running; `holdfast gc` removes it")
	cmd.Flags().StringVar(&f.bin, "bin", "", "directory of the daemons' binaries (default: where holdfast lies)")
	cmd.Flags().StringArrayVar(&f.binaries, "binary", nil, "NAME=PATH: use another binary for one daemon, for example a mutant")
	return cmd
}

func runAll(ctx context.Context, scenarios []*scenario.Scenario, f runFlags, out io.Writer) error {
	binaries, err := parseBinaries(f.binaries)
	if err != nil {
		return err
	}
	var outcomes []verdict.Outcome
	show, done := progressTo(out)
	for _, sc := range scenarios {
		dir := f.out
		if len(scenarios) > 1 {
			dir = filepath.Join(f.out, sc.Name)
		}
		fmt.Fprintf(out, "== %s -> %s\n", sc.Name, dir)
		v, err := run.Scenario(ctx, sc, run.Options{
			OutDir: dir, Seed: f.seed, Keep: f.keep, BinDir: f.bin, Binaries: binaries,
			Progress: show,
		})
		done()
		if err != nil {
			return err
		}
		outcomes = append(outcomes, v.Verdict)
		fmt.Fprintf(out, "%s: %s\n", v.Verdict, v.Reason)
		if ctx.Err() != nil {
			break
		}
	}
	// Of several runs this also writes junit.xml and summary.txt over all of them into --out.
	runs, err := report.Make(f.out)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%s\n", report.Summary(runs))
	for _, r := range runs {
		fmt.Fprintf(out, "report: %s\n", filepath.Join(r.Dir, report.TimelineFile))
	}
	if worst := verdict.Worst(outcomes...); worst != verdict.Pass {
		return &ended{worst}
	}
	return nil
}

func parseBinaries(pairs []string) (map[string]string, error) {
	binaries := map[string]string{}
	for _, pair := range pairs {
		name, path, ok := strings.Cut(pair, "=")
		if !ok || name == "" || path == "" {
			return nil, &usageError{fmt.Errorf("--binary %q: want NAME=PATH, like holdfast-broker=/tmp/broker", pair)}
		}
		abs, err := filepath.Abs(path)
		if err == nil {
			_, err = os.Stat(abs)
		}
		if err != nil {
			return nil, &usageError{fmt.Errorf("--binary %s: %w", name, err)}
		}
		binaries[name] = abs
	}
	return binaries, nil
}
