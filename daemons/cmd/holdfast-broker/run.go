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

	"github.com/holdfast-ha/holdfast/daemons/broker/shell"
	"github.com/holdfast-ha/holdfast/daemons/cmd/internal/process"
	"github.com/holdfast-ha/holdfast/daemons/config"
	"github.com/holdfast-ha/holdfast/daemons/journal"
	"github.com/holdfast-ha/holdfast/daemons/vm"
	"github.com/holdfast-ha/holdfast/daemons/vm/command"
)

// Exit codes; the package comment tells what they mean.
const (
	exitOK = iota
	exitConfig
	exitUsage
	exitNotOrderly
	exitForced
)

// defaultConfig is where a package puts the configuration.
const defaultConfig = "/etc/holdfast/holdfast.conf"

// stdio is what a process is born with, as far as the broker uses it.
type stdio struct{ out, err io.Writer }

// run is the whole program; it returns the exit code.
func run(ctx context.Context, args []string, std stdio) int {
	flags := flag.NewFlagSet(filepath.Base(args[0]), flag.ContinueOnError)
	flags.SetOutput(std.err)
	path := flags.String("config", defaultConfig, "configuration `file`")
	check := flags.Bool("check", false, "check the configuration and exit")
	version := flags.Bool("version", false, "print the version and exit")
	switch err := flags.Parse(args[1:]); {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		return exitUsage
	case flags.NArg() > 0:
		fmt.Fprintf(std.err, "%s: unexpected argument %q; options begin with --\n", flags.Name(), flags.Arg(0))
		return exitUsage
	case *version:
		fmt.Fprintln(std.out, flags.Name(), process.Version())
		return exitOK
	}
	cfg, err := config.Load(*path)
	if err != nil {
		fmt.Fprintf(std.err, "%s: %v\n", flags.Name(), err)
		return exitConfig
	}
	engine, closeEngine, err := driver(cfg)
	if err != nil {
		fmt.Fprintf(std.err, "%s: %s: %v\n", flags.Name(), *path, err)
		return exitConfig
	}
	defer closeEngine()
	options := shell.Options{Config: cfg, VM: engine, Notify: process.TellSystemd}
	if err := options.Check(); err != nil {
		fmt.Fprintf(std.err, "%s: %s: %v\n", flags.Name(), *path, err)
		return exitConfig
	}
	if *check {
		fmt.Fprintf(std.out, "%s: ok, host id %d, whiteboard %q, socket %s\n", *path, cfg.HostID, cfg.WhiteboardPath, cfg.BrokerSocket)
		return exitOK
	}
	return serve(ctx, options, std.err)
}

// driver returns the driver of the engine VM, which the broker only looks at, and what ends its goroutines.
func driver(cfg config.Config) (engine vm.Driver, closeDriver func(), err error) {
	if cfg.VMDriver != "command" {
		return vm.None(), func() {}, nil
	}
	d, err := command.New(command.Options{RunDir: cfg.RunDir, Argv: cfg.VMCommand})
	if err != nil {
		return nil, nil, fmt.Errorf("vm_driver = command: %w", err)
	}
	return d, d.Close, nil
}

// serve runs the broker until ctx ends.
func serve(ctx context.Context, options shell.Options, log io.Writer) int {
	cfg := options.Config
	logger, lines := journal.New(log, cfg.Level())
	options.Log = logger
	grace := cfg.Timing.ShutdownGrace
	// Whatever the orderly stop may hang in, the process ends.
	defer process.EndForced(ctx, grace+grace/4, func() { os.Exit(exitForced) })()
	logger.Info("broker starts", "version", process.Version(), "host_id", cfg.HostID, "whiteboard", cfg.WhiteboardPath,
		"lockspace", cfg.LockspacePath, "vm_driver", cfg.VMDriver, "time_factor", cfg.TimeFactor)
	code := outcome(logger, shell.Run(ctx, options))
	flush, done := context.WithTimeout(context.WithoutCancel(ctx), grace/10)
	defer done()
	_ = lines.Close(flush) // a log that cannot be written has nowhere to say so
	return code
}

func outcome(logger *slog.Logger, err error) int {
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, shell.ErrGaveUp):
		logger.Warn(err.Error())
		return exitNotOrderly
	default:
		logger.Error(err.Error())
		return exitConfig
	}
}
