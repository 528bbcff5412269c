package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/broker/shell"
	"github.com/holdfast-ha/holdfast/daemons/cmd/internal/process"
	"github.com/holdfast-ha/holdfast/daemons/journal"
	"github.com/holdfast-ha/holdfast/daemons/vm"
)

// stdio is what a process is born with, as far as the broker uses it.
type stdio struct{ out, err io.Writer }

// run is the whole program; it returns the exit code.
func run(ctx context.Context, args []string, std stdio) int {
	line, code, done := process.ReadCommandLine(args, std.out, std.err)
	if done {
		return code
	}
	cfg := line.Config
	engine, closeEngine, err := process.EngineDriver(cfg) // the broker only looks at the engine VM
	if err != nil {
		return line.Refuse(std.err, err)
	}
	defer closeEngine()
	if engine == nil {
		engine = vm.None()
	}
	options := shell.Options{Config: cfg, VM: engine, Version: process.Version(), Metrics: newMetrics}
	if err := options.Check(); err != nil {
		return line.Refuse(std.err, err)
	}
	if line.Check {
		fmt.Fprintf(std.out, "%s: ok, host id %d, whiteboard %q, socket %s\n", line.Path, cfg.HostID, cfg.WhiteboardPath, cfg.BrokerSocket)
		return process.ExitOK
	}
	if err := underManager(&options, std.err); err != nil {
		return line.Refuse(std.err, err)
	}
	return serve(ctx, options, std.err)
}

// serve runs the broker until ctx ends.
func serve(ctx context.Context, options shell.Options, log io.Writer) int {
	cfg := options.Config
	logger, lines := journal.New(log, cfg.Level())
	options.Log = logger
	closeVDSM, err := withVDSM(&options, logger)
	if err != nil {
		logger.Error(err.Error())
		closeLog(ctx, lines, cfg.Timing.ShutdownGrace)
		return process.ExitConfig
	}
	defer closeVDSM()
	grace := cfg.Timing.ShutdownGrace
	// Whatever the orderly stop may hang in, the process ends.
	defer process.EndForced(ctx, grace+grace/4, func() { os.Exit(process.ExitForced) })()
	logger.Info("broker starts", "version", options.Version, "host_id", cfg.HostID, "whiteboard", cfg.WhiteboardPath,
		"lockspace", cfg.LockspacePath, "vm_driver", cfg.VMDriver, "time_factor", cfg.TimeFactor, "watchdog", watchdogOf(options))
	code := outcome(logger, shell.Run(ctx, options))
	closeLog(ctx, lines, grace)
	return code
}

// closeLog writes what is left of the log.
func closeLog(ctx context.Context, lines *journal.Journal, grace time.Duration) {
	flush, done := context.WithTimeout(context.WithoutCancel(ctx), grace/10)
	defer done()
	_ = lines.Close(flush) // a log that cannot be written has nowhere to say so
}

func outcome(logger *slog.Logger, err error) int {
	switch {
	case err == nil:
		return process.ExitOK
	case errors.Is(err, shell.ErrGaveUp):
		logger.Warn(err.Error())
		return process.ExitNotOrderly
	default:
		logger.Error(err.Error())
		return process.ExitConfig
	}
}
