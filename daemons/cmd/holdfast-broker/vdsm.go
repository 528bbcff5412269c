package main

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/holdfast-ha/holdfast/daemons/broker/shell"
	"github.com/holdfast-ha/holdfast/daemons/config"
	"github.com/holdfast-ha/holdfast/daemons/vdsm"
	vmvdsm "github.com/holdfast-ha/holdfast/daemons/vm/vdsm"
)

// usesVDSM tells whether this host has a VDSM to talk to.
func usesVDSM(cfg config.VDSM) bool {
	switch cfg.Mode {
	case "on":
		return true
	case "off":
		return false
	}
	file, err := os.Open(cfg.Certificate)
	if err != nil {
		return false
	}
	_ = file.Close()
	return true
}

// withVDSM makes the broker's connections to VDSM, where there is one: one for questions, and one for mounting, which takes
// longer. They connect when they are first used. closeAll ends them.
func withVDSM(options *shell.Options, log *slog.Logger) (closeAll func(), err error) {
	cfg := options.Config
	if !usesVDSM(cfg.VDSM) {
		return func() {}, nil
	}
	client := vdsm.Options{
		Address: cfg.VDSM.Address, Certificate: cfg.VDSM.Certificate, Key: cfg.VDSM.Key, Authority: cfg.VDSM.Authority,
		Timeout: cfg.Timing.VDSMTimeout, Log: log,
	}
	asks, err := vdsm.New(client)
	if err != nil {
		return nil, fmt.Errorf("vdsm: %w", err)
	}
	client.Timeout = max(cfg.Timing.MountTimeout, cfg.Timing.VDSMTimeout)
	mounts, err := vdsm.New(client)
	if err != nil {
		asks.Close()
		return nil, fmt.Errorf("vdsm: %w", err)
	}
	closeAll = func() { mounts.Close(); asks.Close() }
	options.VDSM, options.MountVDSM = asks, mounts
	if cfg.VMDriver != "vdsm" {
		return closeAll, nil
	}
	engine, err := vmvdsm.New(asks, vmvdsm.Options{ID: cfg.VMID})
	if err != nil {
		closeAll()
		return nil, fmt.Errorf("vm_driver = vdsm: %w", err)
	}
	options.VM = engine
	return func() { engine.Close(); closeAll() }, nil
}
