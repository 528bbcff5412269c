package main

import (
	"log/slog"

	"github.com/holdfast-ha/holdfast/daemons/broker/shell"
	"github.com/holdfast-ha/holdfast/daemons/cmd/internal/process"
)

// withVDSM makes the broker's connections to VDSM, where there is one: one for questions, and one for mounting, which takes
// longer. They connect when they are first used. closeAll ends them.
func withVDSM(options *shell.Options, log *slog.Logger) (closeAll func(), err error) {
	cfg := options.Config
	if !process.UsesVDSM(cfg.VDSM) {
		return func() {}, nil
	}
	asks, err := process.NewVDSM(cfg.VDSM, cfg.Timing.VDSMTimeout, log)
	if err != nil {
		return nil, err
	}
	mounts, err := process.NewVDSM(cfg.VDSM, max(cfg.Timing.MountTimeout, cfg.Timing.VDSMTimeout), log)
	if err != nil {
		asks.Close()
		return nil, err
	}
	options.VDSM, options.MountVDSM = asks, mounts
	return func() { mounts.Close(); asks.Close() }, nil
}
