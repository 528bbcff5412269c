package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast-ha/holdfast/harness/report"
	"github.com/holdfast-ha/holdfast/harness/scenario"
)

func newVet() *cobra.Command {
	return &cobra.Command{
		Use:   "vet FILE...",
		Short: "Check scenario files without running them",
		Args:  atLeastOne("a scenario file"),
		RunE: func(cmd *cobra.Command, files []string) error {
			var errs []error
			for _, file := range files {
				sc, err := scenario.Load(file)
				if err != nil {
					errs = append(errs, err)
					continue
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s: ok, %d statements\n", file, len(sc.Statements))
			}
			if len(errs) > 0 {
				return &usageError{errors.Join(errs...)}
			}
			return nil
		},
	}
}

func newReport() *cobra.Command {
	return &cobra.Command{
		Use:   "report DIR...",
		Short: "Make the reports of run directories again",
		Long:  "Makes timeline.html and junit.xml again from what the run left in DIR (scenario, events.jsonl, verdict.json).",
		Args:  atLeastOne("a run directory"),
		RunE: func(cmd *cobra.Command, dirs []string) error {
			for _, dir := range dirs {
				runs, err := report.Make(dir)
				if err != nil {
					return err
				}
				for _, r := range runs {
					fmt.Fprintln(cmd.OutOrStdout(), filepath.Join(r.Dir, report.TimelineFile))
				}
			}
			return nil
		},
	}
}

// atLeastOne is cobra.MinimumNArgs(1) with a message that names what is missing.
func atLeastOne(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return &usageError{fmt.Errorf("%s wants %s; see: %s --help", cmd.CommandPath(), what, cmd.CommandPath())}
		}
		return nil
	}
}

func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return &usageError{fmt.Errorf("%s takes no argument, got %q", cmd.CommandPath(), strings.Join(args, " "))}
	}
	return nil
}

// parseAll reads all scenario files before anything is started, so that a slip in the last one costs no time.
func parseAll(files []string) ([]*scenario.Scenario, error) {
	var all []*scenario.Scenario
	var errs []error
	named := map[string]string{}
	for _, file := range files {
		sc, err := scenario.Load(file)
		if errors.Is(err, os.ErrNotExist) {
			err = fmt.Errorf("%w: scenario files are given by path, like scenarios/hang_write_nfs.txt", err)
		}
		if err == nil {
			if other, taken := named[sc.Name]; taken {
				err = fmt.Errorf("%s: its results would lie over those of %s, since both are called %s; run them one by one", file, other, sc.Name)
			}
			named[sc.Name] = file
		}
		errs = append(errs, err)
		all = append(all, sc)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, &usageError{err}
	}
	return all, nil
}
