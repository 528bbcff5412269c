package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/holdfast-ha/holdfast/daemons/agent/shell"
	"github.com/holdfast-ha/holdfast/daemons/brokerlink"
	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/cmd/internal/process"
	"github.com/holdfast-ha/holdfast/daemons/config"
	"github.com/holdfast-ha/holdfast/daemons/journal"
)

// stdio is what a process is born with, as far as the agent uses it.
type stdio struct{ out, err io.Writer }

// run is the whole program; it returns the exit code.
func run(ctx context.Context, args []string, std stdio) int {
	line, code, done := process.ReadCommandLine(args, std.out, std.err)
	if done {
		return code
	}
	cfg := line.Config
	options, closeDriver, err := assemble(cfg)
	if err != nil {
		return line.Refuse(std.err, err)
	}
	defer closeDriver()
	if line.Check {
		fmt.Fprintf(std.out, "%s: ok, host id %d, host name %s, broker %s\n", line.Path, cfg.HostID, options.HostName, cfg.BrokerSocket)
		return process.ExitOK
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
	engine, closeDriver, err := process.EngineDriver(cfg)
	if err != nil {
		return shell.Options{}, nil, err
	}
	options.Engine = engine
	return options, closeDriver, options.Check()
}

// serve runs the agent until ctx ends.
func serve(ctx context.Context, options shell.Options, log io.Writer) int {
	logger, lines := journal.New(log, options.Config.Level())
	options.Log = logger
	grace := options.Config.Timing.ShutdownGrace
	// Whatever the orderly stop may hang in, the process ends.
	defer process.EndForced(ctx, grace+grace/4, func() { os.Exit(process.ExitForced) })()
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
		return process.ExitOK
	case errors.Is(err, shell.ErrNotOrderly):
		logger.Warn(err.Error())
		return process.ExitNotOrderly
	default:
		logger.Error(err.Error())
		return process.ExitConfig
	}
}
