package domain

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Repo is what VDSM's own monitor tells of a domain, from Host.getStorageRepoStats.
type Repo struct {
	// Known is false where VDSM does not monitor the domain; the other fields are then zero.
	Known bool
	// Code is VDSM's error code of the last check, 0 = good.
	Code int
	// Valid: the last check found no error. Actual: there was a check at all; before the first one VDSM says valid.
	Valid, Actual bool
	// Acquired: VDSM holds its host id in the domain's own lockspace.
	Acquired bool
	// Delay is how long the last read took, LastCheck how long ago VDSM updated all this.
	Delay, LastCheck time.Duration
}

// Host is what the monitor asks of VDSM.
type Host interface {
	// RepoStats is Host.getStorageRepoStats for one domain.
	RepoStats(ctx context.Context, domain string) (Repo, error)
	// StartMonitoringDomain is Host.startMonitoringDomain, StopMonitoringDomain its opposite.
	StartMonitoringDomain(ctx context.Context, domain string, hostID int) error
	StopMonitoringDomain(ctx context.Context, domain string) error
	// InPool says whether an error of StopMonitoringDomain means that the domain belongs to a pool and stays monitored: code 900.
	InPool(err error) bool
}

// VDSMOptions are what a monitor through VDSM needs.
type VDSMOptions struct {
	// Host is VDSM.
	Host Host
	// SDUUID is the domain.
	SDUUID string
	// FreshFor is how old VDSM's last check may be; 0 means 60 s, six of its intervals.
	FreshFor time.Duration
}

// VDSM has VDSM watch the domain and tells what that found.
type VDSM struct{ options VDSMOptions }

var _ Monitor = (*VDSM)(nil)

// NewVDSM returns a monitor. VDSM may be watching the domain already.
func NewVDSM(o VDSMOptions) *VDSM {
	if o.FreshFor <= 0 {
		o.FreshFor = time.Minute
	}
	return &VDSM{options: o}
}

// Start tells VDSM to monitor the domain, where it does not do so already.
func (v *VDSM) Start(ctx context.Context, hostID int) error {
	if hostID < 1 || hostID > 2000 {
		return fmt.Errorf("start domain monitor: host id %d, want 1 to 2000", hostID)
	}
	repo, err := v.options.Host.RepoStats(ctx, v.options.SDUUID)
	if err == nil && repo.Known {
		return nil
	}
	if err == nil {
		err = v.options.Host.StartMonitoringDomain(ctx, v.options.SDUUID, hostID)
	}
	if err != nil {
		return fmt.Errorf("start domain monitor of %s: %w", v.options.SDUUID, err)
	}
	return nil
}

// Check asks VDSM. The domain is valid only if VDSM has really checked it, lately, and found it good.
func (v *VDSM) Check(ctx context.Context) (Facts, error) {
	repo, err := v.options.Host.RepoStats(ctx, v.options.SDUUID)
	if err != nil {
		err = fmt.Errorf("check domain %s: %w", v.options.SDUUID, err)
		return Facts{Detail: err.Error()}, err
	}
	if !repo.Known {
		err = errors.New("VDSM does not monitor the domain " + v.options.SDUUID)
		return Facts{Detail: err.Error()}, err
	}
	f := Facts{Delay: repo.Delay, Acquired: repo.Acquired}
	switch {
	case !repo.Actual:
		f.Detail = "VDSM has not checked the domain yet"
	case repo.Code != 0:
		f.Detail = fmt.Sprintf("VDSM's check of the domain failed with code %d", repo.Code)
	case !repo.Valid:
		f.Detail = "VDSM's check of the domain failed"
	case repo.LastCheck > v.options.FreshFor:
		f.Detail = fmt.Sprintf("VDSM's last check of the domain is %.0f s old, want at most %.0f s", repo.LastCheck.Seconds(), v.options.FreshFor.Seconds())
	default:
		f.Valid = true
		if !repo.Acquired {
			f.Detail = "VDSM has not acquired its host id in the domain yet"
		}
	}
	return f, nil
}

// Stop tells VDSM to stop. A domain that belongs to a pool stays monitored, and that is fine: VDSM's pool takes care of it.
func (v *VDSM) Stop(ctx context.Context) error {
	repo, err := v.options.Host.RepoStats(ctx, v.options.SDUUID)
	if err == nil && !repo.Known {
		return nil
	}
	if err = v.options.Host.StopMonitoringDomain(ctx, v.options.SDUUID); err != nil && !v.options.Host.InPool(err) {
		return fmt.Errorf("stop domain monitor of %s: %w", v.options.SDUUID, err)
	}
	return nil
}
