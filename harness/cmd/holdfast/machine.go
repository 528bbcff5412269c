package main

import (
	"fmt"
	"log/slog"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/holdfast-ha/holdfast/fixtures/images"
	"github.com/holdfast-ha/holdfast/harness/doctor"
	"github.com/holdfast-ha/holdfast/harness/run"
	"github.com/holdfast-ha/holdfast/harness/tier/container"
)

func newDoctor() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Say what this machine can do, what is missing, and how to get it",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
			missing := 0
			for _, c := range doctor.Examine(cmd.Context()) {
				mark := "ok"
				if !c.OK {
					mark = "--"
					if c.Needed != "" {
						mark = "MISSING"
						missing++
					}
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", mark, c.Name, c.Needed, c.Found)
				if !c.OK && c.Cure != "" {
					fmt.Fprintf(w, "\t\t\t-> %s\n", c.Cure)
				}
			}
			if err := w.Flush(); err != nil {
				return err
			}
			if missing > 0 {
				return fmt.Errorf("%d needed things are missing; each line above with an arrow says how to get it", missing)
			}
			return nil
		},
	}
}

func newImages() *cobra.Command {
	return &cobra.Command{
		Use:   "images",
		Short: "Build the lab's container image, from a registry's base or from installed packages",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return images.Ensure(cmd.Context(), slog.New(slog.NewTextHandler(cmd.OutOrStdout(), nil)))
		},
	}
}

func newGC() *cobra.Command {
	return &cobra.Command{
		Use:   "gc",
		Short: "Remove what killed harness processes left: containers, networks, sockets",
		Long:  "Removes what is labelled with a run whose harness process has ended. Runs of living processes stay; end them with `holdfast down`.",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			removed, err := container.GC(cmd.Context())
			out := cmd.OutOrStdout()
			fmt.Fprintf(out, "removed: %d runs, %d containers, %d networks, %d socket directories\n",
				len(removed.Runs), len(removed.Containers), len(removed.Networks), len(removed.Dirs))
			for _, kept := range removed.Kept {
				fmt.Fprintf(out, "kept: run %s, its harness process lives\n", kept)
			}
			return err
		},
	}
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version and what it was built from",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			fmt.Fprintln(cmd.OutOrStdout(), run.Version())
			return nil
		},
	}
}
