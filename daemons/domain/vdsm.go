package domain

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/vdsm"
)

// Host is what the monitor asks of VDSM; *vdsm.Client is one.
type Host interface {
	RepoStats(ctx context.Context, domains ...string) (map[string]vdsm.DomainMonitor, error)
	StartMonitoringDomain(ctx context.Context, domain string, hostID int) error
	StopMonitoringDomain(ctx context.Context, domain string) error
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
	_, known, err := v.repo(ctx)
	if err == nil && !known {
		err = v.options.Host.StartMonitoringDomain(ctx, v.options.SDUUID, hostID)
	}
	if err != nil {
		return fmt.Errorf("start domain monitor of %s: %w", v.options.SDUUID, err)
	}
	return nil
}

// repo is what VDSM says of the domain; known is false where VDSM does not monitor it.
func (v *VDSM) repo(ctx context.Context) (repo vdsm.DomainMonitor, known bool, err error) {
	all, err := v.options.Host.RepoStats(ctx, v.options.SDUUID)
	repo, known = all[v.options.SDUUID]
	return repo, known, err
}

// Check asks VDSM. The domain is valid only if VDSM has really checked it, lately, and found it good. VDSM's own words for "not checked
// yet" are valid, with a delay of 0.
func (v *VDSM) Check(ctx context.Context) (Facts, error) {
	repo, known, err := v.repo(ctx)
	if err != nil {
		err = fmt.Errorf("check domain %s: %w", v.options.SDUUID, err)
		return Facts{Detail: err.Error()}, err
	}
	if !known {
		err = errors.New("VDSM does not monitor the domain " + v.options.SDUUID)
		return Facts{Detail: err.Error()}, err
	}
	f := Facts{Acquired: repo.Acquired}
	delay, hasDelay := repo.Delay.Float()
	f.Delay = seconds(delay)
	age, hasAge := repo.LastCheck.Float()
	code, hasCode := repo.Code.Int()
	switch {
	case !hasDelay || !hasAge || !hasCode || delay < 0 || age < 0:
		f.Detail = fmt.Sprintf("VDSM tells code %.20q, lastCheck %.20q, delay %.20q of the domain, want numbers", repo.Code, repo.LastCheck, repo.Delay)
	case repo.Actual != nil && !*repo.Actual, repo.Actual == nil && delay == 0 && code == 0:
		f.Detail = "VDSM has not checked the domain yet"
	case code != 0:
		f.Detail = fmt.Sprintf("VDSM's check of the domain failed with code %d", code)
	case !repo.Valid:
		f.Detail = "VDSM's check of the domain failed"
	case seconds(age) > v.options.FreshFor:
		f.Detail = fmt.Sprintf("VDSM's last check of the domain is %.0f s old, want at most %.0f s", age, v.options.FreshFor.Seconds())
	default:
		f.Valid = true
		if !repo.Acquired {
			f.Detail = "VDSM has not acquired its host id in the domain yet"
		}
	}
	return f, nil
}

// seconds turns VDSM's numbers into a duration; beyond a day one is as long as another.
func seconds(n float64) time.Duration {
	return time.Duration(max(0, min(n, 86400)) * float64(time.Second))
}

// Stop tells VDSM to stop. A domain that belongs to a pool stays monitored, and that is fine: VDSM's pool takes care of it.
func (v *VDSM) Stop(ctx context.Context) error {
	_, known, err := v.repo(ctx)
	if err == nil && !known {
		return nil
	}
	if err = v.options.Host.StopMonitoringDomain(ctx, v.options.SDUUID); err != nil && vdsm.CodeOf(err) != vdsm.CodeInPool {
		return fmt.Errorf("stop domain monitor of %s: %w", v.options.SDUUID, err)
	}
	return nil
}
