package vdsm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/vdsm"
	"github.com/holdfast-ha/holdfast/daemons/vm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const id = "5b1e1c39-6a43-4f86-9a3a-0d7d2b1e0001"

// fake is a VDSM without a wire.
type fake struct {
	mu      sync.Mutex
	stats   *vdsm.VMStats // nil: no such VM
	err     error         // of VM.getStats, beside "no such VM"
	created []map[string]any
	status  string // that VM.create answers
	calls   []string
	deliver func(vdsm.Event)
	during  func() // runs within VM.getStats
}

func refused(code int) error {
	return &vdsm.Error{Op: "test", Kind: vdsm.KindRefused, Code: code, Cause: errors.New("refused")}
}

func (f *fake) called(name string) {
	f.mu.Lock()
	f.calls = append(f.calls, name)
	f.mu.Unlock()
}

func (f *fake) VMGetStats(context.Context, string) (vdsm.VMStats, error) {
	if f.during != nil {
		f.during()
	}
	switch {
	case f.err != nil:
		return vdsm.VMStats{}, f.err
	case f.stats == nil:
		return vdsm.VMStats{}, refused(vdsm.CodeNoSuchVM)
	}
	return *f.stats, nil
}

func (f *fake) VMCreate(_ context.Context, _ string, params map[string]any) (string, error) {
	f.called("create")
	if f.stats != nil {
		return "", refused(vdsm.CodeVMExists)
	}
	f.created = append(f.created, params)
	return f.status, nil
}

func (f *fake) VMDestroy(context.Context, string) error {
	f.called("destroy")
	if f.stats == nil {
		return refused(vdsm.CodeNoSuchVM)
	}
	f.stats = nil
	return nil
}

func (f *fake) VMShutdown(_ context.Context, _ string, delay time.Duration, message string) error {
	f.called(fmt.Sprintf("shutdown %s %s", delay, message))
	if f.stats == nil {
		return refused(vdsm.CodeNoSuchVM)
	}
	return nil
}

func (f *fake) Watch(deliver func(vdsm.Event)) func() {
	f.deliver = deliver
	return func() { f.deliver = nil }
}

// event sends what VDSM sends when a machine's status changes; notify is JSON, "" = absent.
func (f *fake) event(of, status, notify string, at clock.Mono) {
	params := fmt.Sprintf(`{%q: {"status": %q, "exitMessage": "why"}`, of, status)
	if notify != "" {
		params += `, "notify_time": ` + notify
	}
	f.deliver(vdsm.Event{Method: "|virt|VM_status|" + of, Params: json.RawMessage(params + "}"), At: at})
}

func newDriver(t *testing.T, f *fake, definition string) (*Driver, *clock.Fake) {
	t.Helper()
	now := clock.NewFake(clock.Mono(1000*time.Second), time.Unix(0, 0))
	d, err := New(f, Options{ID: id, Definition: definition, Clock: now})
	require.NoError(t, err)
	t.Cleanup(d.Close)
	return d, now
}

func definition(t *testing.T, text string) string {
	path := filepath.Join(t.TempDir(), "vm.conf")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func up(statusTime vdsm.Text) *vdsm.VMStats {
	return &vdsm.VMStats{Status: "Up", StatusTime: statusTime}
}

func TestStatusIsVDSMs(t *testing.T) {
	f := &fake{stats: &vdsm.VMStats{
		Status: "Up", StatusTime: "2147500000", CPUUser: "12.5", CPUSys: "3", CPUActual: "true", MemUsage: "40",
	}}
	d, now := newDriver(t, f, "")
	used := 40.0
	got, err := d.Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, vm.Status{
		Status: "Up", Exists: true, StatusTime: 2147500000, ObservedAt: now.Now(),
		CPU: &vm.CPU{User: 12.5, Sys: 3, Actual: true}, MemoryUsed: &used,
	}, got)

	f.stats = &vdsm.VMStats{Status: "Down", ExitReason: "1", ExitMessage: "Failed to acquire lock: error -243"}
	got, err = d.Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, "Down 1 Failed to acquire lock: error -243", fmt.Sprint(got.Status, " ", got.ExitReason, " ", got.ExitMessage))
	require.Nil(t, got.CPU)

	f.stats = nil
	got, err = d.Status(t.Context())
	require.NoError(t, err)
	require.False(t, got.Exists)

	f.err = &vdsm.Error{Kind: vdsm.KindTimeout, Cause: context.DeadlineExceeded}
	_, err = d.Status(t.Context())
	require.Error(t, err)
	f.err = refused(vdsm.CodeRecovering)
	_, err = d.Status(t.Context())
	require.Error(t, err, "recovering is not: no such VM")
}

func TestPlaceholderLoadsAreNotActual(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		stats vdsm.VMStats
		want  *vm.CPU
	}{
		{"measured", vdsm.VMStats{CPUUser: "1", CPUSys: "2", CPUActual: "true"}, &vm.CPU{User: 1, Sys: 2, Actual: true}},
		{"not yet", vdsm.VMStats{CPUUser: "0", CPUSys: "0", CPUActual: "false"}, &vm.CPU{}},
		{"old VDSM", vdsm.VMStats{CPUUser: "1", CPUSys: "2", CPUUsage: "123"}, &vm.CPU{User: 1, Sys: 2, Actual: true}},
		{"old VDSM, not yet", vdsm.VMStats{CPUUser: "0", CPUSys: "0", CPUUsage: "0.00"}, &vm.CPU{}},
		{"negative", vdsm.VMStats{CPUUser: "-1", CPUSys: "0", CPUActual: "true"}, &vm.CPU{Actual: true}},
		{"absent", vdsm.VMStats{CPUUser: "1"}, nil},
		{"nonsense", vdsm.VMStats{CPUUser: "1", CPUSys: "nan"}, nil},
	} {
		require.Equal(t, c.want, load(c.stats), c.name)
	}
}

// As texts, "10000000005" is less than "9999999990": upstream's view froze at a host uptime of 90.9 days.
func TestTimesBeyondTenDigitsAreNumbers_S23(t *testing.T) {
	f := &fake{stats: up("9999999990")}
	d, now := newDriver(t, f, "")
	f.event(id, "Down", "10000000005", now.Now())
	now.Advance(time.Second)
	got, err := d.Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, "Down", got.Status, "an event newer than the answer")
	require.Equal(t, "why", got.ExitMessage)

	f.stats = &vdsm.VMStats{Status: "Powering up", StatusTime: "10000000009"}
	got, err = d.Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, "Powering up", got.Status, "an answer newer than the event")

	f.stats = up("9999999999")
	f.event(id, "Paused", "9999999998", now.Now())
	got, err = d.Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, "Up", got.Status, "an event older than the answer")
}

// A missing time froze upstream's view at once.
func TestAMissingTimeFreezesNothing_S23(t *testing.T) {
	for _, times := range []struct {
		statusTime vdsm.Text
		notify     string
	}{{"None", "10000000005"}, {"", "10000000005"}, {"9999999990", ""}, {"9999999990", `"None"`}, {"", ""}, {"-5", "-7"}} {
		f := &fake{}
		d, now := newDriver(t, f, "")
		name := fmt.Sprintf("%+v", times)
		f.event(id, "Down", times.notify, now.Now())
		now.Advance(time.Second)
		f.stats = up(times.statusTime)
		got, err := d.Status(t.Context())
		require.NoError(t, err)
		require.Equal(t, "Up", got.Status, "asked after the event: %s", name)

		f.during = func() { // the event overtakes the answer
			now.Advance(time.Second)
			f.event(id, "Down", times.notify, now.Now())
		}
		got, err = d.Status(t.Context())
		require.NoError(t, err)
		require.Equal(t, "Down", got.Status, "the event came while the call was under way: %s", name)
	}
}

func TestAnEventNeverOutweighsMuchLaterAnswers(t *testing.T) {
	f := &fake{stats: up("100")}
	d, now := newDriver(t, f, "")
	f.event(id, "Down", "99999999999999", now.Now())
	got, err := d.Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, "Down", got.Status)
	now.Advance(eventLife + time.Second)
	got, err = d.Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, "Up", got.Status, "a time that VDSM never reaches again must not freeze the view")
}

func TestEventsThatAreNotTheEnginesAreIgnored(t *testing.T) {
	f := &fake{stats: up("100")}
	d, now := newDriver(t, f, "")
	f.event("another", "Down", "200", now.Now())
	for _, params := range []string{`[]`, `{}`, `null`, ``, `{"` + id + `": 5}`, `{"` + id + `": {}}`} {
		f.deliver(vdsm.Event{Method: "|virt|VM_status|" + id, Params: json.RawMessage(params), At: now.Now()})
	}
	f.deliver(vdsm.Event{Method: "|host|something", At: now.Now()})
	require.Empty(t, d.Changed())
	got, err := d.Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, "Up", got.Status)
	f.event(id, "Down", "200", now.Now())
	f.event(id, "Down", "201", now.Now())
	require.Len(t, d.Changed(), 1)
}

func TestStartCreatesWhatIsNotThere(t *testing.T) {
	f := &fake{status: "WaitForLaunch"}
	d, _ := newDriver(t, f, definition(t, "vmId="+id+"\nmemSize=4096\n"))
	require.NoError(t, d.Start(t.Context()))
	require.Equal(t, []map[string]any{{"vmId": id, "memSize": "4096"}}, f.created)
}

func TestStartRemovesWhatIsDown(t *testing.T) {
	for _, status := range []vdsm.Text{"Down", "Paused"} {
		f := &fake{status: "WaitForLaunch", stats: &vdsm.VMStats{Status: status}}
		d, _ := newDriver(t, f, definition(t, "vmId=x\n"))
		require.NoError(t, d.Start(t.Context()))
		require.Equal(t, []string{"destroy", "create"}, f.calls)
	}
}

func TestStartLeavesARunningEngineAlone(t *testing.T) {
	for _, status := range []vdsm.Text{"Up", "Powering up", "WaitForLaunch", "Migration Destination", "RebootInProgress"} {
		f := &fake{stats: &vdsm.VMStats{Status: status}}
		d, _ := newDriver(t, f, "")
		require.NoError(t, d.Start(t.Context()))
		require.Empty(t, f.calls)
	}
}

func TestStartThatCannotBe(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "vm.conf")
	f := &fake{stats: &vdsm.VMStats{Status: "Down"}}
	d, _ := newDriver(t, f, missing)
	require.ErrorContains(t, d.Start(t.Context()), "has not been read from shared storage yet")
	require.Empty(t, f.calls, "nothing is removed when nothing can be created")

	f = &fake{status: "Down"}
	d, _ = newDriver(t, f, definition(t, "vmId=x\n"))
	require.ErrorContains(t, d.Start(t.Context()), `VDSM made it with status "Down"`)

	f = &fake{err: refused(vdsm.CodeRecovering)}
	d, _ = newDriver(t, f, definition(t, "vmId=x\n"))
	require.Error(t, d.Start(t.Context()))
	require.Empty(t, f.calls)
}

func TestStopAsksAndForceRemoves(t *testing.T) {
	f := &fake{stats: up("1")}
	d, now := newDriver(t, f, "")
	require.NoError(t, d.Stop(t.Context(), false))
	require.NotNil(t, f.stats)
	f.event(id, "Powering down", "", now.Now())
	require.NoError(t, d.Stop(t.Context(), true))
	require.Equal(t, []string{"shutdown 2m0s VM is shutting down!", "destroy"}, f.calls)
	got, err := d.Status(t.Context())
	require.NoError(t, err)
	require.False(t, got.Exists, "what an event said of the removed machine is void")
	require.NoError(t, d.Stop(t.Context(), true), "nothing to stop")
	require.NoError(t, d.Stop(t.Context(), false), "nothing to stop")
}

func TestStopSaysWhenTheMachineDoesNotGo(t *testing.T) {
	f := &fake{err: errors.New("VDSM does not say")}
	f.stats = up("1")
	d, _ := newDriver(t, f, "")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.ErrorContains(t, d.Stop(ctx, true), "it was destroyed and is not gone")
}
