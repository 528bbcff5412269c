package domain

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/vdsm"
)

// FakeVDSM is VDSM with one domain.
type FakeVDSM struct {
	repo    map[string]vdsm.DomainMonitor
	err     error
	stopErr error
	started []int
	stopped int
}

var _ Host = (*vdsm.Client)(nil)

func (f *FakeVDSM) RepoStats(context.Context, ...string) (map[string]vdsm.DomainMonitor, error) {
	return f.repo, f.err
}

func (f *FakeVDSM) StartMonitoringDomain(_ context.Context, _ string, hostID int) error {
	f.started = append(f.started, hostID)
	return nil
}

func (f *FakeVDSM) StopMonitoringDomain(context.Context, string) error {
	f.stopped++
	return f.stopErr
}

func good() vdsm.DomainMonitor {
	actual := true
	return vdsm.DomainMonitor{Code: "0", LastCheck: "3.2", Delay: "0.000412", Valid: true, Acquired: true, Actual: &actual}
}

// The domain is valid only for the truth: VDSM says valid before it has looked at all, and goes on saying so when it has stopped looking.
func TestVDSMValidOnlyIfActualAndFresh_S10(t *testing.T) {
	no := false
	for _, test := range []struct {
		name   string
		change func(m *vdsm.DomainMonitor)
		want   Facts
	}{
		{"good", func(*vdsm.DomainMonitor) {}, Facts{Valid: true, Delay: 412 * time.Microsecond, Acquired: true}},
		{"not acquired", func(m *vdsm.DomainMonitor) { m.Acquired = false }, Facts{Valid: true, Delay: 412 * time.Microsecond, Detail: "VDSM has not acquired its host id in the domain yet"}},
		{"before the first check", func(m *vdsm.DomainMonitor) { m.Actual, m.Delay = &no, "0" }, Facts{Acquired: true, Detail: "VDSM has not checked the domain yet"}},
		{"the same, of a VDSM that does not say", func(m *vdsm.DomainMonitor) { m.Actual, m.Delay = nil, "0" }, Facts{Acquired: true, Detail: "VDSM has not checked the domain yet"}},
		{"an old VDSM", func(m *vdsm.DomainMonitor) { m.Actual = nil }, Facts{Valid: true, Delay: 412 * time.Microsecond, Acquired: true}},
		{"an error code", func(m *vdsm.DomainMonitor) { m.Code = "358" }, Facts{Delay: 412 * time.Microsecond, Acquired: true, Detail: "VDSM's check of the domain failed with code 358"}},
		{"not valid", func(m *vdsm.DomainMonitor) { m.Valid = false }, Facts{Delay: 412 * time.Microsecond, Acquired: true, Detail: "VDSM's check of the domain failed"}},
		{"stale", func(m *vdsm.DomainMonitor) { m.LastCheck = "61.0" }, Facts{Delay: 412 * time.Microsecond, Acquired: true, Detail: "VDSM's last check of the domain is 61 s old, want at most 60 s"}},
		{"no numbers", func(m *vdsm.DomainMonitor) { m.LastCheck = "" }, Facts{Delay: 412 * time.Microsecond, Acquired: true, Detail: `VDSM tells code "0", lastCheck "", delay "0.000412" of the domain, want numbers`}},
	} {
		m := good()
		test.change(&m)
		v := NewVDSM(VDSMOptions{Host: &FakeVDSM{repo: map[string]vdsm.DomainMonitor{testDomain: m}}, SDUUID: testDomain})
		f, err := v.Check(t.Context())
		require.NoError(t, err, test.name)
		require.Equal(t, test.want, f, test.name)
	}
}

func TestVDSMIsStartedAndStopped(t *testing.T) {
	f := &FakeVDSM{}
	v := NewVDSM(VDSMOptions{Host: f, SDUUID: testDomain})
	_, err := v.Check(t.Context())
	require.ErrorContains(t, err, "VDSM does not monitor the domain")
	require.NoError(t, v.Stop(t.Context()))
	require.Zero(t, f.stopped, "there is nothing to stop")
	require.NoError(t, v.Start(t.Context(), 5))
	require.Equal(t, []int{5}, f.started)

	f.repo = map[string]vdsm.DomainMonitor{testDomain: good()}
	require.NoError(t, v.Start(t.Context(), 5))
	require.Len(t, f.started, 1, "it runs already")
	require.NoError(t, v.Stop(t.Context()))
	require.Equal(t, 1, f.stopped)
	f.stopErr = &vdsm.Error{Kind: vdsm.KindRefused, Code: vdsm.CodeInPool, Cause: errors.New("member of a pool")}
	require.NoError(t, v.Stop(t.Context()), "the pool goes on watching it")
	f.stopErr = errors.New("down")
	require.Error(t, v.Stop(t.Context()))

	f.err = context.DeadlineExceeded
	facts, err := v.Check(t.Context())
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.False(t, facts.Valid)
	require.NotEmpty(t, facts.Detail)
	require.Error(t, v.Start(t.Context(), 5))
	require.ErrorContains(t, v.Start(t.Context(), 2001), "want 1 to 2000")
}
