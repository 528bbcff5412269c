package config

import (
	"errors"
	"fmt"
	"time"
)

// finding is a fault of the configuration as a whole, pinned to the key that has to change.
type finding struct {
	key string
	err error
}

// check judges how the values go together. Times that undercut each other are refused with the floor that follows from
// the others: such a cluster would run, and then call living hosts dead.
func check(c Config) []finding {
	var found []finding
	refuse := func(key, format string, args ...any) {
		found = append(found, finding{key, fmt.Errorf(format, args...)})
	}
	atLeast := func(key string, value, floor time.Duration, because string) {
		if value < floor {
			refuse(key, "%s is too short: at least %s, because %s", formatDuration(value), formatDuration(floor), because)
		}
	}
	t := c.Timing
	atLeast("host_alive_timeout", t.HostAliveTimeout, 2*(t.LoopDelay+t.StorageDelay),
		"a peer's record takes up to loop_delay + storage_delay to get here, and one may be late (2 x their sum)")
	atLeast("stats_history", t.StatsHistory, t.HostAliveTimeout+2*t.LoopDelay,
		"liveness needs a turn older than host_alive_timeout (host_alive_timeout + 2 x loop_delay)")
	atLeast("view_limit", t.ViewLimit, 2*t.StorageDelay,
		"one read pass may be late (2 x storage_delay)")
	atLeast("host_alive_timeout", t.HostAliveTimeout, t.ViewLimit,
		"an agent must know that it is blind before it believes that all others are dead (view_limit)")
	atLeast("result_max_age", t.ResultMaxAge, 2*t.MonitorInterval,
		"one result may be late (2 x monitor_interval)")
	atLeast("write_retry_max", t.WriteRetryMax, t.WriteRetryMin,
		"the pauses between writes grow from write_retry_min")
	atLeast("host_alive_timeout", t.HostAliveTimeout, t.WriteRetryMax+t.LoopDelay,
		"a host that writes again after a fault must not be dead by then (write_retry_max + loop_delay)")
	atLeast("full_scan_interval", t.FullScanInterval, t.StorageDelay,
		"a full scan is one of the read passes (storage_delay)")
	atLeast("loop_delay", t.LoopDelay, t.Tick, "the agent's loop is driven by ticks (tick)")
	atLeast("storage_delay", t.StorageDelay, t.Tick, "read passes are driven by ticks (tick)")

	if c.Score.CPULoadPenaltyMin > c.Score.CPULoadPenaltyMax {
		refuse("score_cpu_load_penalty_min", "%s is above score_cpu_load_penalty_max, %s",
			formatNumber(c.Score.CPULoadPenaltyMin), formatNumber(c.Score.CPULoadPenaltyMax))
	}
	switch {
	case c.VMDriver == VMDriverCommand && len(c.VMCommand) == 0:
		refuse("vm_driver", "%w", errors.New("vm_driver = command needs vm_command, the program that is the engine VM"))
	case c.VMDriver == VMDriverVDSM && c.VDSM.Mode == "off":
		refuse("vm_driver", "%w", errors.New("vm_driver = vdsm needs VDSM: set vdsm to auto or on"))
	case c.VMDriver == VMDriverVDSM && c.VMID == "":
		refuse("vm_driver", "%w", errors.New("vm_driver = vdsm needs vmid, the UUID of the engine VM"))
	}
	if len(c.BrokerSocket) > 107 {
		refuse("broker_socket", "%q is longer than 107 bytes, the limit of a Unix socket; set a shorter run_dir or broker_socket", c.BrokerSocket)
	}
	return found
}
