package shell

import (
	"context"
	"fmt"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/config"
	"github.com/holdfast-ha/holdfast/daemons/monitor"
)

// newMonitors makes the set of submonitors that this broker knows.
func newMonitors(s *shell) (*monitor.Set, error) {
	cfg, t := s.Config, s.Config.Timing
	alive, err := livelinessOf(cfg)
	if err != nil {
		return nil, err
	}
	report := func(typ string, err error) { s.Log.Warn("submonitor failed", "type", typ, "error", err.Error()) }
	network := monitor.NetworkSettings{Timeout: t.NetworkTimeout}
	facts, every := s.hostFacts(), t.MonitorInterval
	return monitor.New(clock.System(), t.ResultMaxAge, report,
		// A status and, after it, a health page, each within its own limit.
		monitor.EngineHealth(s.VM, alive, every, t.LivelinessTimeout+t.RPCTimeout),
		monitor.StorageDomain(s.storageFacts, t.StorageDelay, min(every, time.Second)),
		monitor.OVF(s.room, t.OVFPeriod, t.OVFPeriod),
		monitor.Network(network, every),
		monitor.Ping(network, every),
		monitor.Bridge(facts, every, t.VDSMTimeout),
		monitor.MemFree(facts, every, t.VDSMTimeout),
		monitor.CPULoad(monitor.Kernel{}, every),
		monitor.CPULoadNoEngine(monitor.Kernel{}, s.engineCPU(), clock.System(), monitor.CPUTiming{
			First: every, Interval: 6 * every, Keep: 30 * every, Deadline: t.VDSMTimeout, // upstream's 10, 60 and 300 s
		}),
	)
}

// livelinessOf returns the check of the engine's health page, nil if there is none to ask.
func livelinessOf(cfg config.Config) (func(context.Context) error, error) {
	if cfg.VMHealthURL == "" && cfg.Network.FQDN != "" {
		return monitor.EngineLiveliness(cfg.Network.FQDN, cfg.Timing.LivelinessTimeout)
	}
	if cfg.VMHealthURL == "" {
		return nil, nil
	}
	alive, err := monitor.Liveliness(cfg.VMHealthURL, cfg.Timing.LivelinessTimeout)
	if err != nil {
		return nil, fmt.Errorf("vm_health_url: %w", err)
	}
	return alive, nil
}

// storageFacts are the reader lane's and the domain lane's, from memory.
func (s *shell) storageFacts() monitor.StorageFacts {
	now := clock.Now()
	snap := s.snapshot.Load()
	if snap == nil {
		return monitor.StorageFacts{}
	}
	r, d := snap.Reader, snap.Domain
	facts := monitor.StorageFacts{Ever: r.LastAt != 0, Took: r.Took, Failed: r.Problem != "" || snap.Storage != ""}
	if facts.Ever {
		facts.Age = now.Sub(r.LastAt)
	}
	if state := s.storage.reader.State(); state.Busy {
		facts.BusyFor = now.Sub(state.Since)
	}
	facts.Domain = monitor.DomainFacts{State: d.State, Checked: d.CheckedAt != 0, Valid: d.Valid, Delay: d.Delay}
	if facts.Domain.Checked {
		facts.Domain.Age = now.Sub(d.CheckedAt)
	}
	if state := s.domain.State(); state.Busy {
		facts.Domain.BusyFor = now.Sub(state.Since)
	}
	return facts
}
