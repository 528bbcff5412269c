package shell_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/broker/shell"
	"github.com/holdfast-ha/holdfast/daemons/brokerlink"
	"github.com/holdfast-ha/holdfast/daemons/lease"
	"github.com/holdfast-ha/holdfast/daemons/vm"
)

func TestPoisonIsKeptFromPythonReaders_S12(t *testing.T) {
	r := start(t, nil)
	require.NoError(t, r.storage.Volume.Write(5, segmentOf([]byte{0xff, 0xfe})))
	require.NoError(t, r.storage.Volume.Write(6, segmentOf(record(t, 6, 1))))
	r.eventually("both are seen", func() bool { return len(r.view().Segments) == 2 })
	stats, err := r.link.GetStats(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[int][]byte{6: record(t, 6, 1)}, stats, "one segment that is no text must not break the others' reader")
	require.True(t, r.warns("segment-unreadable"))
}

func TestRepliesOfTheMethodsAreUpstreams(t *testing.T) {
	r := start(t, withMail)
	ctx := t.Context()
	l := r.link
	refused := func(ok bool, err error) {
		t.Helper()
		require.NoError(t, err)
		require.False(t, ok)
	}
	accepted := func(ok bool, err error) {
		t.Helper()
		require.NoError(t, err)
		require.True(t, ok, r.log.String())
	}
	refused(l.PutStats(ctx, 4, record(t, 4, 1)))
	refused(l.PutStats(ctx, 3, []byte("no sector")))
	refused(l.ReleaseHostID(ctx))
	alive, err := l.IsHostAlive(ctx)
	require.NoError(t, err)
	require.Empty(t, alive)
	accepted(l.PushHostsState(ctx, []int{3, 7}))
	alive, err = l.IsHostAlive(ctx)
	require.NoError(t, err)
	require.Equal(t, []int{3, 7}, alive)
	refused(l.ResetLockspace(ctx))

	_, ok, err := l.StartMonitor(ctx, "no-such-type", nil)
	refused(ok, err)
	_, ok, err = l.StartMonitor(ctx, "engine-health", nil)
	refused(ok, err)
	_, ok, err = l.StatusMonitor(ctx, "engine-health")
	refused(ok, err)
	id, ok, err := l.StartMonitor(ctx, "engine-health", map[string]any{"vm_uuid": "1", "address": "0", "use_ssl": nil})
	accepted(ok, err)
	require.Equal(t, "engine-health", id)
	r.eventually("engine-health knows", func() bool {
		text, _, _ := l.StatusMonitor(ctx, id)
		return text == `{"vm": "down", "health": "bad", "detail": "unknown", "reason": "vm not running on this host"}`
	})
	accepted(l.StopMonitor(ctx, id))
	refused(l.StopMonitor(ctx, id))

	result, _, err := l.Notify(ctx, "state_transition", "ReinitializeFSM-EngineDown", map[string]any{"hostname": "h"})
	require.NoError(t, err)
	require.Equal(t, "sent", result)
	result, _, err = l.Notify(ctx, "weather", "sun", nil)
	require.NoError(t, err)
	require.Equal(t, "ignored", result)
	r.eventually("the notice is in the log", func() bool { return strings.Contains(r.log.String(), `"msg":"notification"`) })
}

// withMail has state transitions mailed to a server that is not there.
func withMail(o *shell.Options) {
	dir := o.Config.RunDir
	o.Config.TemplateDir = dir
	for name, text := range map[string]string{
		"broker.conf":          "[email]\nsmtp-server=127.0.0.1\nsmtp-port=1\nsmtp-timeout=1\n[notify]\nstate_transition=start|stop|up|down\n",
		"state_transition.txt": "From: {source-email}\nTo: {destination-emails}\nSubject: {detail}\n\n{hostname}: {detail}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			panic(err)
		}
	}
}

func TestTheLeaseThroughRPC_S2(t *testing.T) {
	r := start(t, nil)
	ctx := t.Context()
	r.sanlock.set(func(f *fakeSanlock) { f.err = fmt.Errorf("connect: %w", syscall.ECONNREFUSED) })
	held, err := r.link.LockHostID(ctx, 3)
	require.NoError(t, err)
	require.False(t, held)
	held, err = r.link.LockHostID(ctx, 4)
	require.NoError(t, err)
	require.False(t, held, "another host's id")
	r.eventually("said that sanlock is away", func() bool { return r.warns("lease-unconfirmed") })

	r.sanlock.set(func(f *fakeSanlock) { f.err = nil })
	r.hold()
	require.Contains(t, r.log.String(), `"msg":"lease","state":"held"`)
	ok, err := r.link.ResetLockspace(ctx)
	require.NoError(t, err)
	require.False(t, ok, "held")

	r.sanlock.set(func(f *fakeSanlock) { f.held = false })
	r.eventually("lost", func() bool { return strings.Contains(r.log.String(), `"state":"lost"`) })
	r.eventually("and joined again", func() bool { return r.view().Lease.State == brokerlink.LeaseHeld })

	// sanlock lists a lockspace as held while it ends the processes in it; the broker must not believe that.
	r.sanlock.set(func(f *fakeSanlock) { f.lost = true })
	r.eventually("given up by sanlock", func() bool { return r.view().Lease.State != brokerlink.LeaseHeld })
	r.sanlock.set(func(f *fakeSanlock) { f.lost = false })
	r.eventually("held again", func() bool { return r.view().Lease.State == brokerlink.LeaseHeld })

	r.sanlock.set(func(f *fakeSanlock) { f.used = true })
	ok, err = r.link.ReleaseHostID(ctx)
	require.NoError(t, err)
	require.True(t, ok, "begun, and kept")
	r.eventually("kept for the engine", func() bool {
		l := r.view().Lease
		return l.State == brokerlink.LeaseHeld && strings.Contains(l.Detail, "a process holds a resource in it")
	})
	r.sanlock.set(func(f *fakeSanlock) { f.used = false })
	ok, err = r.link.ReleaseHostID(ctx)
	require.NoError(t, err)
	require.True(t, ok)
	r.eventually("released", func() bool { return r.view().Lease.State == brokerlink.LeaseNone })
}

// The lockspace's file is not there; sanlock is. The operator must not be sent to the wrong place.
func TestAMissingLockspaceIsNotAMissingSanlock(t *testing.T) {
	r := start(t, nil)
	r.eventually("the whiteboard was read", func() bool { return r.view().ReadAge >= 0 })
	r.sanlock.set(func(f *fakeSanlock) { f.err = lease.ErrHostIDHeld })
	held, err := r.link.LockHostID(t.Context(), 3)
	require.NoError(t, err)
	require.False(t, held)
	r.eventually("the lease was looked at", func() bool { return strings.Contains(r.log.String(), "the host id's lease cannot be read") })
	require.Contains(t, r.log.String(), r.cfg.LockspacePath)
	require.NotContains(t, r.log.String(), "no sanlock daemon")
}

func TestTheLogTellsWhatBecomesOfTheDomainMonitor(t *testing.T) {
	r := start(t, nil)
	_, err := r.link.StartDomainMonitor(t.Context(), 3, 0)
	require.NoError(t, err)
	r.eventually("on", func() bool { return strings.Contains(r.log.String(), `"msg":"storage domain","state":"on"`) })
	ok, err := r.link.StopDomainMonitor(t.Context(), prompt/2)
	require.NoError(t, err)
	require.True(t, ok)
	require.Contains(t, r.log.String(), `"msg":"storage domain","state":"off"`)
}

func TestResetAnswersSoonAndGoesOn(t *testing.T) {
	r := start(t, nil)
	r.eventually("the whiteboard was read", func() bool { return r.view().ReadAge >= 0 })
	r.eventually("sanlock was asked", func() bool { return r.view().Lease.Age >= 0 })
	r.sanlock.slow.close()
	began := time.Now()
	ok, err := r.link.ResetLockspace(t.Context())
	require.NoError(t, err)
	require.False(t, ok, "not done yet")
	require.Less(t, time.Since(began), prompt)
	r.sanlock.slow.open()
	r.eventually("done", func() bool { return strings.Contains(r.view().Lease.Detail, "empty lockspace was written") })
	ok, err = r.link.ResetLockspace(t.Context())
	require.NoError(t, err)
	require.True(t, ok)
	r.sanlock.set(func(f *fakeSanlock) { require.Equal(t, 2, f.writes) })
}

func TestManyClientsAtOnce(t *testing.T) {
	r := start(t, nil)
	r.hold()
	r.storage.writes.close()
	r.put(0, maintenanceOn())
	const clients = 60
	errs := make(chan error, clients)
	for range clients {
		go func() {
			_, err := r.link.GetStats(context.Background())
			errs <- err
		}()
	}
	for range clients {
		require.NoError(t, <-errs)
	}
}

func TestTheEnginesStateIsWatched(t *testing.T) {
	driver := &failingDriver{}
	r := start(t, func(o *shell.Options) { o.VM = driver })
	_, _, err := r.link.StartMonitor(t.Context(), "engine-health", map[string]any{"vm_uuid": "1"})
	require.NoError(t, err)
	r.eventually("unknown, in the agent's eyes", func() bool {
		text, _, _ := r.link.StatusMonitor(t.Context(), "engine-health")
		return strings.Contains(text, `"vm": "unknown"`)
	})
	r.eventually("and in the operator's", func() bool { return r.warns("engine-unknown") })
}

type failingDriver struct{}

func (failingDriver) Start(context.Context) error      { return nil }
func (failingDriver) Stop(context.Context, bool) error { return nil }
func (failingDriver) Status(context.Context) (vm.Status, error) {
	return vm.Status{}, errors.New("no answer from the driver")
}

func TestLogLinesHaveWhatTheirReadersNeed(t *testing.T) {
	r := start(t, nil)
	r.hold()
	r.storage.writes.close()
	r.put(3, record(t, 3, 1))
	r.eventually("stalled", func() bool { return strings.Contains(r.log.String(), "lane stalled") })
	found := map[string]map[string]any{}
	for line := range bytes.Lines([]byte(r.log.String())) {
		var members map[string]any
		require.NoError(t, json.Unmarshal(line, &members))
		found[members["msg"].(string)] = members
	}
	require.Equal(t, r.cfg.BrokerSocket, found["serving"]["socket"])
	require.Equal(t, "ha-writer", found["lane stalled"]["lane"])
	require.Equal(t, "write", found["lane stalled"]["op"])
	require.EqualValues(t, 3, found["lane stalled"]["segment"])
	require.GreaterOrEqual(t, found["lane stalled"]["blocked_s"], 0.3)
	require.Equal(t, "held", found["lease"]["state"])
	require.NotEmpty(t, found["lease"]["detail"])
	require.Equal(t, "storage-stalled", found["warning raised"]["code"])
}
