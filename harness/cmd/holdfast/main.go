// Command holdfast builds a small cluster with real storage servers, breaks the storage on purpose, proves that the fault is
// in effect, and judges what the daemons did.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/holdfast-ha/holdfast/harness/verdict"
)

func main() {
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // nohup
		ends = append(ends, syscall.SIGHUP) // a terminal that is closed must not leave a cluster behind
	}
	ctx, stop := signal.NotifyContext(context.Background(), ends...)
	code := execute(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// execute is main with its surroundings as arguments. Its result is the exit code: 0 done or PASS, 1 FAIL or an error,
// 2 INVALID or a wrong command line, 3 SKIP.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var ended *ended
	switch {
	case err == nil:
		return 0
	case errors.As(err, &ended):
		return ended.outcome.ExitCode()
	}
	fmt.Fprintf(stderr, "holdfast: %v\n", err)
	var usage *usageError
	if errors.As(err, &usage) {
		return 2
	}
	return 1
}

// ended carries a verdict other than PASS to the exit code; what there is to say was said.
type ended struct{ outcome verdict.Outcome }

func (e *ended) Error() string { return "verdict " + string(e.outcome) }

// usageError is a command line that cannot be carried out.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "holdfast",
		Short: "Storage-in-the-loop harness for hosted-engine HA",
		Long: `holdfast starts real NFS and iSCSI servers and a small hosted-engine cluster in containers, makes the storage hang,
proves that it hangs, and checks that the daemons stay responsive.

Exit codes: 0 PASS, 1 FAIL or an error, 2 INVALID or a wrong command line, 3 SKIP.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          knownCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &usageError{fmt.Errorf("%w\nsee: %s --help", err, cmd.CommandPath())}
	})
	root.AddCommand(
		newRun(), newUp(), newFault(), newHeal(), newStatus(), newDown(),
		newGC(), newReport(), newVet(), newDoctor(), newImages(), newVersion(),
	)
	return root
}

// knownCommand refuses a word that is no command, as a wrong command line, with the nearest one that is.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	text := fmt.Sprintf("unknown command %q; holdfast --help lists them", args[0])
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		text += fmt.Sprintf("; did you mean %q?", near[0])
	}
	return &usageError{errors.New(text)}
}
