package monitor_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/monitor"
)

// room is an ovf.Room that a test moves.
type room struct {
	last   atomic.Int64
	asked  atomic.Pointer[string]
	block  chan struct{}
	failed error
}

func (r *room) Refresh(ctx context.Context, id string) error {
	r.asked.Store(&id)
	if r.block != nil {
		select {
		case <-r.block:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return r.failed
}

func (r *room) LastSuccess() clock.Mono { return clock.Mono(r.last.Load()) }

func TestOVFAgesWhileStorageHangs(t *testing.T) {
	clk := clock.NewFake(clock.Mono(time.Hour), time.Unix(0, 0))
	r := &room{block: make(chan struct{})}
	s := newSet(t, clk, monitor.OVF(r, time.Minute, time.Minute))
	_, err := s.Start("ovf", monitor.Options{"vm_uuid": "the-engine", "period": 0.1})
	require.NoError(t, err)
	eventually(t, s, "ovf", "None")
	r.last.Store(int64(clk.Now()))
	eventually(t, s, "ovf", "0.0")
	clk.Advance(9*time.Hour + 250*time.Millisecond)
	eventually(t, s, "ovf", "32400.2")
	require.Eventually(t, func() bool { return r.asked.Load() != nil }, patience, time.Millisecond)
	require.Equal(t, "the-engine", *r.asked.Load())
	require.Equal(t, "no result yet", s.Results()[0].Problem)
	close(r.block)
	require.Eventually(t, func() bool { return s.Results()[0].Problem == "" }, patience, time.Millisecond)
}

func TestOVFFailuresAreShownBesideTheAge(t *testing.T) {
	r := &room{failed: errors.New("no OVF_STORE")}
	r.last.Store(int64(clock.Now().Add(-time.Hour)))
	s := newSet(t, clock.System(), monitor.OVF(r, time.Minute, time.Minute))
	_, err := s.Start("ovf", monitor.Options{"vm_uuid": "", "interval": "0.1"})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		return s.Results()[0].Problem == "refresh vm.conf: no OVF_STORE"
	}, patience, time.Millisecond)
	text, _ := s.Status("ovf")
	require.Regexp(t, `^36\d\d\.\d$`, text)
}

func TestOVFOptions(t *testing.T) {
	kind := monitor.OVF(&room{}, time.Minute, time.Second)
	for want, options := range map[string]monitor.Options{
		"vm_uuid is required":                        nil,
		"option interval must be between 0.1 and":    {"vm_uuid": "", "interval": int64(0)},
		`option period must be a number, got "often`: {"vm_uuid": "", "period": "often"},
	} {
		_, err := kind.New(options)
		require.ErrorContains(t, err, want)
	}
	for want, options := range map[time.Duration]monitor.Options{
		time.Minute:      {"vm_uuid": ""},
		90 * time.Second: {"vm_uuid": "", "period": int64(90)},
		5 * time.Second:  {"vm_uuid": "", "period": int64(90), "interval": "5"},
	} {
		action, err := kind.New(options)
		require.NoError(t, err)
		require.Equal(t, want, action.(monitor.Paced).Pace().Interval)
	}
}

// slow is an action whose pace is an hour and whose values are old.
type slow struct{ clk clock.Clock }

func (slow) Measure(context.Context) (string, error) { return "value", nil }
func (slow) Pace() monitor.Pace                      { return monitor.Pace{Interval: time.Hour} }
func (s slow) At() clock.Mono                        { return s.clk.Now().Add(-time.Minute) }

func TestAResultIsAsOldAsItsObservation_S24(t *testing.T) {
	clk := clock.NewFake(clock.Mono(10*time.Hour), time.Unix(0, 0))
	s := newSet(t, clk, monitor.Kind{
		Type: "slow", Interval: soon, Deadline: time.Second, Initial: "at first",
		New:     func(monitor.Options) (monitor.Action, error) { return slow{clk}, nil },
		Unknown: func(why string) string { return why },
	})
	_, err := s.Start("slow", nil)
	require.NoError(t, err)
	eventually(t, s, "slow", "value")
	require.Equal(t, time.Minute, s.Results()[0].Age)
	clk.Advance(2 * time.Hour)
	eventually(t, s, "slow", "value")
	require.Equal(t, 2*time.Hour+time.Minute, s.Results()[0].Age)
	clk.Advance(time.Hour)
	eventually(t, s, "slow", "the last result is older than 3h0m0s")
}

// The engine's processor time needs two readings. The set must not take them at once.
func TestCPULoadInASet(t *testing.T) {
	s := newSet(t, clock.System(), monitor.CPULoadNoEngine(monitor.Kernel{},
		func(context.Context) (monitor.EngineCPU, error) { return monitor.EngineCPU{}, nil }, clock.System(),
		monitor.CPUTiming{First: 300 * time.Millisecond, Interval: time.Hour, Keep: time.Hour, Deadline: time.Second}))
	_, err := s.Start("cpu-load-no-engine", monitor.Options{"vm_uuid": "1"})
	require.NoError(t, err)
	text, _ := s.Status("cpu-load-no-engine")
	require.Equal(t, "None", text)
	require.Eventually(t, func() bool {
		text, _ = s.Status("cpu-load-no-engine")
		return text != "None"
	}, patience, 10*time.Millisecond)
	require.Regexp(t, `^[01]\.\d{4}$`, text)
}
