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

	"github.com/holdfast-ha/holdfast/daemons/agent/shell"
	"github.com/holdfast-ha/holdfast/daemons/brokerlink"
	"github.com/holdfast-ha/holdfast/daemons/clock"
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

// stdio is what a process is born with, as far as the agent uses it.
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
	options, closeDriver, err := assemble(cfg)
	if err != nil {
		fmt.Fprintf(std.err, "%s: %s: %v\n", flags.Name(), *path, err)
		return exitConfig
	}
	defer closeDriver()
	if *check {
		fmt.Fprintf(std.out, "%s: ok, host id %d, host name %s, broker %s\n", *path, cfg.HostID, options.HostName, cfg.BrokerSocket)
		return exitOK
	}
	return serve(ctx, options, std.err)
}

// assemble makes everything that the agent runs with but the log.
func assemble(cfg config.Config) (options shell.Options, closeDriver func(), err error) {
	options = shell.Options{
		Config: cfg, HostName: cfg.HostName, Clock: clock.System(), Notify: process.TellSystemd,
		Broker:               brokerlink.New(cfg.BrokerSocket, cfg.Timing.RPCTimeout),
		LocalMaintenanceFile: cfg.LocalMaintenanceFile,
	}
	if options.HostName == "" {
		if options.HostName, err = os.Hostname(); err != nil {
			return shell.Options{}, nil, fmt.Errorf("host name: %w; set host_name", err)
		}
	}
	engine, closeDriver, err := driver(cfg)
	if err != nil {
		return shell.Options{}, nil, err
	}
	options.Engine = engine
	return options, closeDriver, options.Check()
}

// driver returns the driver of the engine VM, nil if there is none, and what ends its goroutines; the engine VM itself
// goes on.
func driver(cfg config.Config) (engine vm.Driver, closeDriver func(), err error) {
	if cfg.VMDriver != "command" {
		return nil, func() {}, nil
	}
	d, err := command.New(command.Options{RunDir: cfg.RunDir, Argv: cfg.VMCommand})
	if err != nil {
		return nil, nil, fmt.Errorf("vm_driver = command: %w", err)
	}
	return d, d.Close, nil
}

// serve runs the agent until ctx ends.
func serve(ctx context.Context, options shell.Options, log io.Writer) int {
	logger, lines := journal.New(log, options.Config.Level())
	options.Log = logger
	grace := options.Config.Timing.ShutdownGrace
	// Whatever the orderly stop may hang in, the process ends.
	defer process.EndForced(ctx, grace+grace/4, func() { os.Exit(exitForced) })()
	logger.Info("agent starts", "version", process.Version(), "host_id", options.Config.HostID, "host_name", options.HostName,
		"broker", options.Config.BrokerSocket, "vm_driver", options.Config.VMDriver, "time_factor", options.Config.TimeFactor)
	err := shell.Run(ctx, options)
	code := outcome(logger, err)
	flush, done := context.WithTimeout(context.WithoutCancel(ctx), grace/10)
	defer done()
	_ = lines.Close(flush) // a log that cannot be written has nowhere to say so
	return code
}

func outcome(logger *slog.Logger, err error) int {
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, shell.ErrNotOrderly):
		logger.Warn(err.Error())
		return exitNotOrderly
	default:
		logger.Error(err.Error())
		return exitConfig
	}
}
