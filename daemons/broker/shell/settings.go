package shell

import (
	"fmt"

	"github.com/holdfast-ha/holdfast/daemons/broker"
)

// settings derives the core's settings.
func settings(options Options) broker.Settings {
	cfg, t := options.Config, options.Config.Timing
	set := broker.Settings{
		HostID:       cfg.HostID,
		StorageDelay: t.StorageDelay, FullScan: t.FullScanInterval, StallAfter: t.StallAfter, ViewLimit: t.ViewLimit,
		AliveLimit: t.HostAliveTimeout, RetryMin: t.WriteRetryMin, RetryMax: t.WriteRetryMax,
		LeasePoll: t.LeasePoll, LeaseRetry: t.RejoinBackoff,
		// sanlock itself gives a lease up when eight I/O timeouts have passed since the last renewal.
		LeaseLife:  8 * cfg.IOTimeout,
		DrainLimit: t.ShutdownGrace / 2,
		StopLimit:  t.ShutdownGrace * 8 / 10,
	}
	if cfg.WhiteboardPath == "" && options.Storage == nil {
		set.StorageMissing = "whiteboard_path is not set"
	}
	if cfg.LockspacePath == "" {
		set.LeaseMissing = "lockspace_path is not set"
	}
	if cfg.TimeFactor != 1 {
		set.ConfigRemarks = fmt.Sprintf("time_factor is %g: for test clusters only", cfg.TimeFactor)
	}
	return set
}
