package monitor_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/monitor"
	"github.com/holdfast-ha/holdfast/daemons/vm"
)

// fakeDriver is a VM that is whatever a test says.
type fakeDriver struct {
	status vm.Status
	err    error
}

func (f *fakeDriver) Start(context.Context) error               { return nil }
func (f *fakeDriver) Stop(context.Context, bool) error          { return nil }
func (f *fakeDriver) Status(context.Context) (vm.Status, error) { return f.status, f.err }

const (
	locked   = `{"vm": "down", "health": "bad", "detail": "Down", "reason": "Storage of VM is locked. Is another host already starting the VM?"}`
	migrated = `{"vm": "down", "health": "bad", "detail": "Down", "reason": "VM migrated away successfully"}`
	missing  = `{"vm": "down_missing", "health": "bad", "detail": "unknown", "reason": "vm not running on this host"}`
	absent   = `{"vm": "down", "health": "bad", "detail": "unknown", "reason": "vm not running on this host"}`
	good     = `{"vm": "up", "health": "good", "detail": "Up"}`
)

func TestEngineHealthFollowsUpstreamsTable(t *testing.T) {
	up := vm.Status{Exists: true, Status: "Up"}
	status := func(word string) vm.Status { return vm.Status{Exists: true, Status: word} }
	down := func(message string, reason int) vm.Status {
		return vm.Status{Exists: true, Status: "Down", ExitMessage: message, ExitReason: reason}
	}
	for _, tc := range []struct {
		name     string
		previous []vm.Status // looked at before
		now      vm.Status
		dead     bool // the health page does not answer
		want     string
	}{
		{"no VM, was up", []vm.Status{up}, vm.Status{}, false, missing},
		{"no VM, never seen", nil, vm.Status{}, false, absent},
		{"no VM, missing before", []vm.Status{up, {}}, vm.Status{}, false, missing},
		{
			"no VM, unexpectedly down before",
			[]vm.Status{up, down("", 1)},
			vm.Status{},
			false,
			`{"vm": "down_unexpected", "health": "bad", "detail": "unknown", "reason": "vm not running on this host"}`,
		},
		{"lock held elsewhere, libvirt", []vm.Status{up}, down("internal error: Failed to acquire lock: error -243", 1), false, locked},
		{"lock held elsewhere, newer libvirt", nil, down("Failed to acquire lock: Lease is held by another host", 1), false, locked},
		{"image in use, qemu", nil, down("... Is another process using the image?", 1), false, locked},
		{"image in use, newer qemu", nil, down("... Is another process using the image [/x/y]?", 1), false, locked},
		{
			"another lock error is no conflict",
			nil,
			down("Failed to acquire lock: error -243 (once)", 1),
			false,
			`{"vm": "down", "health": "bad", "detail": "Down", "reason": "bad vm status"}`,
		},
		{"migrated away", []vm.Status{up}, down("", 4), false, migrated},
		{"down, was down", nil, down("", 0), false, `{"vm": "down", "health": "bad", "detail": "Down", "reason": "bad vm status"}`},
		{"down, was up", []vm.Status{up}, down("", 0), false, `{"vm": "down_unexpected", "health": "bad", "detail": "Down", "reason": "bad vm status"}`},
		{
			"arriving by migration",
			nil,
			status("Migration Destination"),
			false,
			`{"vm": "down", "health": "bad", "detail": "Migration Destination", "reason": "bad vm status"}`,
		},
		{"paused", []vm.Status{up}, status("Paused"), false, `{"vm": "up", "health": "bad", "detail": "Paused", "reason": "bad vm status"}`},
		{"launching", nil, status("WaitForLaunch"), false, `{"vm": "up", "health": "bad", "detail": "WaitForLaunch", "reason": "bad vm status"}`},
		{"restoring", nil, status("Restoring state"), false, `{"vm": "up", "health": "bad", "detail": "Restoring state", "reason": "bad vm status"}`},
		{"starting", nil, status("Powering up"), false, `{"vm": "up", "health": "bad", "detail": "Powering up", "reason": "bad vm status"}`},
		{"up and silent", nil, up, true, `{"vm": "up", "health": "bad", "detail": "Up", "reason": "failed liveliness check"}`},
		{"up and well", nil, up, false, good},
		{"leaving by migration and well", nil, status("Migration Source"), false, `{"vm": "up", "health": "good", "detail": "Migration Source"}`},
		{"powering down and silent", nil, status("Powering down"), true, `{"vm": "up", "health": "bad", "detail": "Powering down", "reason": "failed liveliness check"}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			driver := &fakeDriver{}
			dead := false
			kind := monitor.EngineHealth(driver, func(context.Context) error {
				if dead {
					return errors.New("no answer")
				}
				return nil
			}, time.Second, time.Second)
			action, err := kind.New(monitor.Options{"address": "0", "vm_uuid": "1"})
			require.NoError(t, err)
			for _, driver.status = range tc.previous {
				_, err := action.Measure(t.Context())
				require.NoError(t, err)
			}
			driver.status, dead = tc.now, tc.dead
			got, err := action.Measure(t.Context())
			require.NoError(t, err)
			require.Equal(t, tc.want, got)
		})
	}
}

func TestEngineHealthIsUnknownWhenTheDriverFailsAndRecovers_S24(t *testing.T) {
	driver := &fakeDriver{status: vm.Status{Exists: true, Status: "Up"}}
	kind := monitor.EngineHealth(driver, nil, time.Second, time.Second)
	require.Equal(t, `{"vm": "unknown", "health": "unknown", "detail": "unknown", "reason": "failed to getVmStats"}`, kind.Unknown("whatever"))
	action, err := kind.New(monitor.Options{"vm_uuid": ""})
	require.NoError(t, err)
	got, err := action.Measure(t.Context())
	require.NoError(t, err)
	require.Equal(t, good, got, "nothing to ask: the process is all there is to see")

	driver.err = errors.New("driver is away")
	_, err = action.Measure(t.Context())
	require.ErrorContains(t, err, "driver is away")
	driver.status, driver.err = vm.Status{}, nil
	got, err = action.Measure(t.Context())
	require.NoError(t, err)
	require.Equal(t, missing, got, "it was up when it was last seen; not knowing for a while does not change that")
}

func TestEngineHealthRequiresTheVM(t *testing.T) {
	kind := monitor.EngineHealth(vm.None(), nil, time.Second, time.Second)
	for _, options := range []monitor.Options{nil, {"vm_uuid": nil}, {"vm_uuid": int64(1)}} {
		_, err := kind.New(options)
		require.ErrorContains(t, err, "vm_uuid is required")
	}
}

func TestStorageDomainTellsTheTruth_S10(t *testing.T) {
	const limit = 10 * time.Second
	for _, tc := range []struct {
		name  string
		facts monitor.StorageFacts
		want  string
	}{
		{"never read", monitor.StorageFacts{}, "None"},
		{"first pass under way", monitor.StorageFacts{BusyFor: limit}, "None"},
		{"first pass hangs", monitor.StorageFacts{BusyFor: limit + 1}, "False"},
		{"first pass failed", monitor.StorageFacts{Failed: true}, "False"},
		{"fresh and quick", monitor.StorageFacts{Ever: true, Age: limit, Took: time.Second}, "True"},
		{"as slow as is allowed", monitor.StorageFacts{Ever: true, Age: 2 * limit, Took: limit}, "True"},
		{"too slow", monitor.StorageFacts{Ever: true, Age: 2 * limit, Took: limit + 1}, "False"},
		{"too old", monitor.StorageFacts{Ever: true, Age: 2*limit + 1}, "False"},
		{"hangs now", monitor.StorageFacts{Ever: true, Age: limit, BusyFor: limit + 1}, "False"},
		{"domain stopped on command, reader away", monitor.StorageFacts{Failed: true, Domain: monitor.DomainFacts{State: monitor.DomainOff}}, "True"},
		{"domain being stopped", monitor.StorageFacts{Domain: monitor.DomainFacts{State: monitor.DomainStopping}}, "True"},
		{"domain not wanted", monitor.StorageFacts{Ever: true, Domain: monitor.DomainFacts{State: monitor.DomainNever}}, "True"},
		{"domain not checked", monitor.StorageFacts{Ever: true, Domain: monitor.DomainFacts{State: monitor.DomainStarting}}, "None"},
		{"domain's first check hangs", monitor.StorageFacts{Ever: true, Domain: monitor.DomainFacts{State: monitor.DomainStarting, BusyFor: limit + 1}}, "False"},
		{"domain checked, lease pending", monitor.StorageFacts{Ever: true, Domain: monitor.DomainFacts{State: monitor.DomainStarting, Checked: true, Valid: true}}, "True"},
		{"domain valid", monitor.StorageFacts{Ever: true, Domain: monitor.DomainFacts{State: monitor.DomainOn, Checked: true, Valid: true, Delay: limit, Age: 2 * limit}}, "True"},
		{"domain valid, never read", monitor.StorageFacts{Domain: monitor.DomainFacts{State: monitor.DomainOn, Checked: true, Valid: true}}, "None"},
		{"domain valid, reader failed", monitor.StorageFacts{Failed: true, Domain: monitor.DomainFacts{State: monitor.DomainOn, Checked: true, Valid: true}}, "False"},
		{"domain invalid", monitor.StorageFacts{Ever: true, Domain: monitor.DomainFacts{State: monitor.DomainOn, Checked: true}}, "False"},
		{"domain slow", monitor.StorageFacts{Ever: true, Domain: monitor.DomainFacts{State: monitor.DomainOn, Checked: true, Valid: true, Delay: limit + 1}}, "False"},
		{"domain's check too old", monitor.StorageFacts{Ever: true, Domain: monitor.DomainFacts{State: monitor.DomainOn, Checked: true, Valid: true, Age: 2*limit + 1}}, "False"},
		{"domain's check hangs", monitor.StorageFacts{Ever: true, Domain: monitor.DomainFacts{State: monitor.DomainOn, Checked: true, Valid: true, BusyFor: limit + 1}}, "False"},
		{"failed since", monitor.StorageFacts{Ever: true, Age: limit, Failed: true}, "False"},
	} {
		action, err := monitor.StorageDomain(func() monitor.StorageFacts { return tc.facts }, limit, time.Second).New(nil)
		require.NoError(t, err)
		got, err := action.Measure(t.Context())
		require.NoError(t, err)
		require.Equal(t, tc.want, got, tc.name)
	}
}

func TestLiveliness(t *testing.T) {
	status := http.StatusOK
	hang := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/hang":
			<-hang
		case "/elsewhere":
			http.Redirect(w, r, "/health", http.StatusFound)
			return
		}
		w.WriteHeader(status)
	}))
	defer server.Close()
	defer close(hang)

	check, err := monitor.Liveliness(server.URL+"/health", 10*time.Second)
	require.NoError(t, err)
	require.NoError(t, check(t.Context()))
	status = http.StatusServiceUnavailable
	require.ErrorContains(t, check(t.Context()), "503")

	slow, err := monitor.Liveliness(server.URL+"/hang", 50*time.Millisecond)
	require.NoError(t, err)
	began := time.Now()
	require.Error(t, slow(t.Context()))
	require.Less(t, time.Since(began), 10*time.Second)

	away, err := monitor.Liveliness(server.URL+"/elsewhere", 10*time.Second)
	require.NoError(t, err)
	require.ErrorContains(t, away(t.Context()), "302")

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	listener.Close()
	gone, err := monitor.Liveliness("http://"+address+"/health", time.Second)
	require.NoError(t, err)
	require.Error(t, gone(t.Context()))

	for _, bad := range []string{"", "host/health", "ftp://host/", "http://", "http://%zz"} {
		_, err := monitor.Liveliness(bad, time.Second)
		require.Error(t, err, bad)
	}
}

func TestEngineLivelinessWantsTheEnginesWords(t *testing.T) {
	body := "DB Up!Welcome to Health Status!"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/ovirt-engine/services/health" {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = w.Write([]byte(body))
	}))
	defer server.Close()
	check, err := monitor.EngineLiveliness(server.Listener.Addr().String(), 10*time.Second)
	require.NoError(t, err)
	require.NoError(t, check(t.Context()))
	for _, body = range []string{"", "DB Down", "a proxy's page\nDB Up"} {
		require.ErrorContains(t, check(t.Context()), `does not say "DB Up"`, body)
	}
	for _, bad := range []string{"", "a/b", "user@host", "a b"} {
		_, err := monitor.EngineLiveliness(bad, time.Second)
		require.ErrorContains(t, err, "not a host name")
	}
}

// told is a driver that hears of changes by itself.
type told struct {
	changed chan struct{}
	status  atomic.Pointer[vm.Status]
}

func (*told) Start(context.Context) error      { return nil }
func (*told) Stop(context.Context, bool) error { return nil }
func (d *told) Status(context.Context) (vm.Status, error) {
	return *d.status.Load(), nil
}
func (d *told) Changed() <-chan struct{} { return d.changed }

func TestEngineHealthGoesByEventsToo(t *testing.T) {
	d := &told{changed: make(chan struct{}, 1)}
	d.status.Store(&vm.Status{Exists: true, Status: "Up"})
	s := newSet(t, clock.System(), monitor.EngineHealth(d, nil, time.Hour, time.Second))
	_, err := s.Start("engine-health", monitor.Options{"vm_uuid": "1"})
	require.NoError(t, err)
	eventually(t, s, "engine-health", `{"vm": "up", "health": "good", "detail": "Up"}`)
	d.status.Store(&vm.Status{Exists: true, Status: "Paused"})
	d.changed <- struct{}{}
	eventually(t, s, "engine-health", `{"vm": "up", "health": "bad", "detail": "Paused", "reason": "bad vm status"}`)
	require.True(t, s.Stop("engine-health"))
	d.changed <- struct{}{}
	_, running := s.Status("engine-health")
	require.False(t, running)
}
