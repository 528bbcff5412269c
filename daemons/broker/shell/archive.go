package shell

import (
	"context"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// keepArchive reads the shared configuration every ovf_period while no ovf submonitor does so beside its own work, until ctx ends:
// broker.conf comes from there, and get_shared_file answers from what was read last. It waits for the OVF lane only, with a deadline.
func (s *shell) keepArchive(ctx context.Context) {
	period := s.Config.Timing.OVFPeriod
	// The first reading comes soon after the storage is connected.
	soon := min(period, time.Second)
	timer := time.NewTimer(soon)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		pause := period
		switch {
		case !s.archiveKnown():
			pause = soon
		case !s.archiveRead(period):
			limited, cancel := context.WithTimeout(ctx, period)
			if err := s.room.RefreshArchive(limited); err != nil && ctx.Err() == nil {
				s.Log.Debug("shared configuration not read", "error", err.Error()) // archive-invalid says so when it lasts
			}
			cancel()
		}
		timer.Reset(pause)
	}
}

// archiveRead: the shared configuration was read within the time given.
func (s *shell) archiveRead(within time.Duration) bool {
	at := s.room.State().Archive.ReadAt
	return at != 0 && clock.Now().Sub(at) < within
}
