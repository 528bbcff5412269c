package shell

import (
	"fmt"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/broker"
)

// Shares of shutdown_grace, in twentieths. One after the other they take all of it, whatever hangs: the program's log has the
// two that are left.
const (
	endShare       = 14 // the core writes what is pending and leaves the lockspace
	hangUpShare    = 2  // clients get their answers
	farewellShare  = 1  // the service manager takes its messages
	dismantleShare = 1  // submonitors end
)

// share returns so many twentieths of the grace.
func share(grace time.Duration, twentieths int) time.Duration {
	return grace * time.Duration(twentieths) / 20
}

// settings derives the core's settings. must tells whether there is storage to connect; missing is why there is none.
func settings(options Options, must bool, missing string) broker.Settings {
	cfg, t := options.Config, options.Config.Timing
	set := broker.Settings{
		HostID: cfg.HostID, MustConnect: must, StorageMissing: missing, Sector: cfg.SectorSize, LockspaceAlign: cfg.LockspaceAlign,
		StorageDelay: t.StorageDelay, FullScan: t.FullScanInterval, StallAfter: t.StallAfter, ViewLimit: t.ViewLimit,
		AliveLimit: t.HostAliveTimeout, RetryMin: t.WriteRetryMin, RetryMax: t.WriteRetryMax,
		LeasePoll: t.LeasePoll, LeaseRetry: t.RejoinBackoff,
		// sanlock itself gives a lease up when eight I/O timeouts have passed since the last renewal.
		LeaseLife:      8 * cfg.IOTimeout,
		DrainLimit:     t.ShutdownGrace / 2,
		StopLimit:      share(t.ShutdownGrace, endShare),
		ReconnectAfter: t.ReconnectAfter, ReconnectMin: t.ReconnectMin, ReconnectMax: t.ReconnectMax,
		DomainInterval: t.DomainInterval, DomainDelayLimit: t.DomainDelayLimit,
	}
	if !must && cfg.LockspacePath == "" {
		set.LeaseMissing = "lockspace_path is not set"
	}
	if cfg.TimeFactor != 1 {
		set.ConfigRemarks = fmt.Sprintf("time_factor is %g: for test clusters only", cfg.TimeFactor)
	}
	return set
}
