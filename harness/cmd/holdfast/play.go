package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-ha/holdfast/harness/play"
	"github.com/holdfast-ha/holdfast/harness/scenario"
	"github.com/holdfast-ha/holdfast/harness/tier/container"
)

// downDeadline bounds healing everything and taking the cluster down.
const downDeadline = 2 * time.Minute

func newUp() *cobra.Command {
	var o container.Options
	var storage string
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Build a cluster to play with; it stays until Ctrl-C",
		Long: `Builds a cluster and stays in the foreground. From another terminal: holdfast status, holdfast fault, holdfast heal, holdfast down.
DIR/cluster.json says where everything is; every broker_socket there can be used from outside the containers.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			kind, err := container.ParseKind(storage)
			if err != nil {
				return &usageError{err}
			}
			o.Storage = kind
			if o.RunDir == "" {
				o.RunDir = filepath.Join("runs", "up-"+time.Now().Format("20060102-150405"))
			}
			return up(cmd.Context(), o, cmd.OutOrStdout())
		},
	}
	cmd.Flags().IntVar(&o.Hosts, "hosts", 3, "number of hosts, 1 to 9")
	cmd.Flags().StringVar(&storage, "storage", "nfs", "nfs, iscsi, or iscsi:gotgt (with HOLDFAST_GOTGT)")
	cmd.Flags().StringVar(&o.RunDir, "out", "", "run directory (default runs/up-DATE-TIME)")
	cmd.Flags().Float64Var(&o.TimeFactor, "time-factor", 0.1, "multiplies the daemons' timings; 1 is production")
	cmd.Flags().DurationVar(&o.IOTimeout, "io-timeout", 2*time.Second, "sanlock's io_timeout, whole seconds")
	cmd.Flags().BoolVar(&o.VDSM, "vdsm", false, "a stand-in for VDSM on every host")
	cmd.Flags().BoolVar(&o.SMTP, "smtp", false, "a mail server on every host that keeps what it is sent")
	cmd.Flags().BoolVar(&o.OVF, "ovf", false, "two OVF_STOREs and the shared configuration")
	cmd.Flags().IntVar(&o.Sector, "sector", 512, "sector size of the lockspace in bytes, 512 or 4096")
	cmd.Flags().StringVar(&o.BinDir, "bin", "", "directory of the daemons' binaries (default: where holdfast lies)")
	return cmd
}

func up(ctx context.Context, o container.Options, out io.Writer) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	o.Progress = func(s container.Step) {
		fmt.Fprintf(out, "%6.2f s  %s %s\n", (s.Began + s.Took).Seconds(), s.Name, s.Where)
	}
	cluster, err := container.Up(ctx, o)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "ready: %s\n", filepath.Join(cluster.RunDir, "cluster.json"))
	for _, h := range cluster.Hosts {
		fmt.Fprintf(out, "  %s  %s  %s\n", h.Name, h.Address, h.BrokerSocket)
	}
	fmt.Fprintln(out, "try: holdfast fault hang media op=write file=whiteboard segment=2; holdfast status; holdfast heal\nCtrl-C ends it")
	c := play.New(cluster, stop)
	served := c.Serve(ctx)
	fmt.Fprintln(out, "taking the cluster down")
	down, cancel := context.WithTimeout(context.WithoutCancel(ctx), downDeadline)
	defer cancel()
	return errors.Join(served, c.Down(down))
}

func newFault() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "fault VERB ...",
		Short: "Put a fault into effect in the cluster that is up, and prove it",
		Example: `  holdfast fault hang media op=write file=whiteboard segment=2
  holdfast fault slow media by=200ms
  holdfast fault freeze nfs
  holdfast fault fail media error=EIO op=write
  holdfast fault freeze sanlock for=host2
  holdfast fault drop path for=host2
  holdfast fault mount dead for=host2`,
		Args: atLeastOne("a fault, in the words of a scenario"),
		RunE: func(cmd *cobra.Command, words []string) error {
			fault, err := scenario.ParseFault(strings.Join(words, " "))
			if err != nil {
				return &usageError{err}
			}
			client, err := play.Find(dir)
			if err != nil {
				return err
			}
			proofs, err := client.Inject(cmd.Context(), fault.String())
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "in effect: %s\n", strings.Join(proofs, "\n"))
			return nil
		},
	}
	outFlag(cmd, &dir)
	return cmd
}

func newHeal() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "heal [VERB ...]",
		Short: "End one fault of the cluster that is up, or all, and prove that they are gone",
		RunE: func(cmd *cobra.Command, words []string) error {
			client, err := play.Find(dir)
			if err != nil {
				return err
			}
			proofs, err := client.Heal(cmd.Context(), strings.Join(words, " "))
			for _, proof := range proofs {
				fmt.Fprintf(cmd.OutOrStdout(), "healed: %s\n", proof)
			}
			if err == nil && len(proofs) == 0 {
				fmt.Fprintln(cmd.OutOrStdout(), "nothing to heal")
			}
			return err
		},
	}
	outFlag(cmd, &dir)
	return cmd
}

func newStatus() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show hosts, lanes, warnings and faults of the cluster that is up",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := play.Find(dir)
			if err != nil {
				return err
			}
			s, err := client.Status(cmd.Context())
			if err != nil {
				return err
			}
			return printStatus(cmd.OutOrStdout(), s)
		},
	}
	outFlag(cmd, &dir)
	return cmd
}

func printStatus(out io.Writer, s play.Status) error {
	fmt.Fprintf(out, "%s on %s, in %s\n", s.RunID, s.Storage, s.Dir)
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "HOST\tADDRESS\tAGENT\tSCORE\tENGINE\tLEASE\tVIEW AGE\tRPC\tBUSY LANES\tWARNINGS")
	for _, h := range s.Hosts {
		if h.Error != "" {
			fmt.Fprintf(w, "%s\t%s\t%s\n", h.Name, h.Address, h.Error)
			continue
		}
		state := h.State
		if h.Pending {
			state += " (not on storage yet)"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\t%.1f s\t%.1f ms\t%s\t%s\n", h.Name, h.Address, state, h.Score, h.Engine, h.Lease,
			h.ReadAge, h.RPCMS, strings.Join(h.Busy, ", "), strings.Join(h.Warnings, ", "))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, f := range s.Faults {
		fmt.Fprintf(out, "fault: %s (%s)\n", f.Words, f.State)
	}
	return nil
}

func newDown() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "down",
		Short: "Heal everything and end the cluster that is up",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := play.Find(dir)
			if err != nil {
				return err
			}
			if err := client.Down(cmd.Context()); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), "going down")
			return nil
		},
	}
	outFlag(cmd, &dir)
	return cmd
}

func outFlag(cmd *cobra.Command, dir *string) {
	cmd.Flags().StringVar(dir, "out", "", "the run directory given to `holdfast up` (default: the only cluster that is up)")
}
