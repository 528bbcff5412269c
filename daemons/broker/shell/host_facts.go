package shell

import (
	"context"
	"errors"
	"fmt"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/monitor"
	"github.com/holdfast-ha/holdfast/daemons/vdsm"
)

// hostFacts are what submonitors ask about this host: VDSM where there is one, as upstream does, else the kernel.
func (s *shell) hostFacts() monitor.HostFacts {
	if s.VDSM != nil {
		return vdsmFacts{s.VDSM}
	}
	return monitor.Kernel{}
}

// vdsmFacts are VDSM's.
type vdsmFacts struct{ vdsm *vdsm.Client }

// BridgeUp tells the state that VDSM sees.
func (f vdsmFacts) BridgeUp(ctx context.Context, name string) (bool, error) {
	stats, err := f.vdsm.HostGetStats(ctx)
	if err != nil {
		return false, err
	}
	network, ok := stats.Network[name]
	if !ok {
		return false, fmt.Errorf("VDSM knows no network %s", name)
	}
	return network.State == "up", nil
}

// MemFree is VDSM's memFree, in MiB.
func (f vdsmFacts) MemFree(ctx context.Context) (int64, error) {
	stats, err := f.vdsm.HostGetStats(ctx)
	if err != nil {
		return 0, err
	}
	free, ok := stats.MemFree.Int()
	if !ok {
		return 0, errors.New("VDSM does not tell memFree as a number")
	}
	return free, nil
}

// engineCPU returns what tells the engine VM's share of the processors: the driver's own figures where it has some, else the
// kernel's of the engine's process.
func (s *shell) engineCPU() func(context.Context) (monitor.EngineCPU, error) {
	process := monitor.EngineProcess(s.VM, monitor.Kernel{}, clock.System())
	return func(ctx context.Context) (monitor.EngineCPU, error) {
		status, err := s.VM.Status(ctx)
		if err != nil || status.CPU == nil {
			return process(ctx)
		}
		return monitor.EngineCPU{Here: status.Exists, Percent: status.CPU.User + status.CPU.Sys, Actual: status.CPU.Actual}, nil
	}
}
