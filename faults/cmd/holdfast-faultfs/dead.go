package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/holdfast-ha/holdfast/faults/deadmount"
)

// dead serves a mount that answers nothing, until ctx ends.
func dead(ctx context.Context, args []string, stderr io.Writer) int {
	flags := flag.NewFlagSet("holdfast-faultfs dead", flag.ContinueOnError)
	flags.SetOutput(stderr)
	dir := flags.String("mount", "", "`directory` to make and to mount on, absolute")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		return exitUsage
	}
	if !filepath.IsAbs(*dir) || flags.NArg() > 0 {
		fmt.Fprintln(stderr, "holdfast-faultfs dead: want --mount DIR, an absolute path, and no further arguments")
		return exitUsage
	}
	log := slog.New(monotonic{slog.NewJSONHandler(stderr, nil)})
	err := deadmount.Serve(ctx, *dir, func() { log.Info("mounted", "mount", *dir, "pid", os.Getpid()) })
	if err != nil {
		log.Error("failed", "error", err.Error())
		return exitFailure
	}
	log.Info("unmounted", "mount", *dir)
	return exitOK
}
