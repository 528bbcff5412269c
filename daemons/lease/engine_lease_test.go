package lease

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The tests of this file hold resource leases, from programs of their own.

// TestOneOwner: a resource, two hosts, one owner at a time; and what ends an ownership.
func TestOneOwner(t *testing.T) {
	t.Parallel()
	d1, d2 := startDaemon(t, "host1"), startDaemon(t, "host2")
	l := d1.formatted("hosted-engine")
	d1.join(l)
	t.Logf("second host joined in %v", d2.join(l.as(2)))
	r := d1.resource(l)
	require.Eventually(t, func() bool {
		hosts, err := d1.GetHosts(t.Context(), l.Name, 0)
		return err == nil && len(hosts) == 2 && hosts[0].State == HostLive && hosts[1].State == HostLive
	}, 60*time.Second, 50*time.Millisecond, "host1 must see both hosts alive")

	_, owners, err := d1.ReadResourceOwners(t.Context(), r)
	require.NoError(t, err)
	require.Empty(t, owners, "a new lease has an owner")

	first, second := startRegistrant(t, d1.Socket), startRegistrant(t, d2.Socket)
	got := first.do(errand{Do: "acquire", Resource: r})
	require.Empty(t, got.Error)
	t.Logf("acquired a free lease in %v", got.Took)

	found, owners, err := d2.ReadResourceOwners(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, "engine", found.Name)
	require.Len(t, owners, 1)
	require.Equal(t, uint64(1), owners[0].HostID)

	got = second.do(errand{Do: "acquire", Resource: r})
	require.Equal(t, -243, got.Code, got.Error)
	require.Contains(t, got.Error, "the engine runs on another host")
	t.Logf("refused in %v", got.Took)
	got = second.do(errand{Do: "release", Resource: r})
	require.Equal(t, -1, got.Code, got.Error)

	held := first.do(errand{Do: "inquire"}).Held
	require.Len(t, held, 1)
	require.Equal(t, r.Disks, held[0].Disks)
	require.Equal(t, uint64(1), held[0].LVER)
	held, err = d1.Inquire(t.Context(), first.pid())
	require.NoError(t, err)
	require.Len(t, held, 1)
	_, err = d1.Inquire(t.Context(), second.pid())
	require.ErrorIs(t, err, ErrNotRegistered, "host1's daemon does not know host2's process")

	// Given back: the other may have it.
	require.Empty(t, first.do(errand{Do: "release", Resource: r}).Error)
	require.Empty(t, first.do(errand{Do: "inquire"}).Held)
	got = second.do(errand{Do: "acquire", Resource: r})
	require.Empty(t, got.Error)
	t.Logf("acquired a released lease in %v", got.Took)
	require.Equal(t, -243, first.do(errand{Do: "acquire", Resource: r}).Code)

	// Crashed: the daemon releases it.
	second.kill()
	started := time.Now()
	require.Eventually(t, func() bool {
		return first.do(errand{Do: "acquire", Resource: r}).Code == 0
	}, 60*time.Second, 50*time.Millisecond, "the lease of a crashed process is not released")
	t.Logf("acquired %v after its owner crashed", time.Since(started))
	require.Empty(t, first.do(errand{Do: "release all"}).Error)
}

// TestSecondOwnerWithoutWaiting: NoWait may answer that the daemon cannot tell yet; asking again gives the answer.
func TestSecondOwnerWithoutWaiting(t *testing.T) {
	t.Parallel()
	d1, d2 := startDaemon(t, "host1"), startDaemon(t, "host2")
	l := d1.formatted("hosted-engine")
	d1.join(l)
	d2.join(l.as(2))
	r := d1.resource(l)
	first, second := startRegistrant(t, d1.Socket), startRegistrant(t, d2.Socket)
	require.Empty(t, first.do(errand{Do: "acquire", Resource: r}).Error)
	require.Eventually(t, func() bool {
		got := second.do(errand{Do: "acquire", Resource: r, NoWait: true})
		t.Logf("%d after %v", got.Code, got.Took)
		require.Contains(t, []int{-243, -247}, got.Code, got.Error)
		return got.Code == -243
	}, 60*time.Second, 100*time.Millisecond)
}

// TestLeavingKillsHolders: whoever holds a lease in a lockspace that is left is killed at once, which is why a broker
// never registers and does not leave while its engine runs.
func TestLeavingKillsHolders(t *testing.T) {
	t.Parallel()
	d := startDaemon(t, "host1")
	l := d.formatted("hosted-engine")
	d.join(l)
	r := d.resource(l)
	child := startRegistrant(t, d.Socket)
	require.Empty(t, child.do(errand{Do: "acquire", Resource: r}).Error)

	require.ErrorIs(t, d.RemUnusedLockspace(t.Context(), l, true), ErrBusy)
	found, ok := d.listed(l)
	require.True(t, ok)
	require.True(t, found.Held(), "a refused removal must change nothing")

	require.NoError(t, d.RemLockspace(t.Context(), l, true))
	require.Equal(t, syscall.SIGKILL, child.awaitSignal())
}

// TestLostLockspaceTerminatesHolders: when the daemon finds that its host id lease is gone it asks holders to end, and
// forgets the lockspace.
func TestLostLockspaceTerminatesHolders(t *testing.T) {
	t.Parallel()
	d := startDaemon(t, "host1")
	l := d.formatted("hosted-engine")
	d.join(l)
	r := d.resource(l)
	child := startRegistrant(t, d.Socket)
	require.Empty(t, child.do(errand{Do: "acquire", Resource: r}).Error)

	volume, err := os.OpenFile(l.Path, os.O_WRONLY, 0)
	require.NoError(t, err)
	defer volume.Close()
	wiped := time.Now()
	_, err = volume.WriteAt(make([]byte, 512), 0)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		status, ok, err := d.LockspaceStatus(t.Context(), l.Name)
		require.NoError(t, err)
		return !ok || status.Lost
	}, 60*time.Second, time.Millisecond, "the loss does not show")
	t.Logf("lost after %v", time.Since(wiped))
	require.Equal(t, syscall.SIGTERM, child.awaitSignal())
	t.Logf("SIGTERM after %v", time.Since(wiped))
	require.Eventually(t, func() bool {
		found, ok := d.listed(l)
		return !ok || !found.Held()
	}, 60*time.Second, 20*time.Millisecond, "a lost lockspace is listed as held")
}

func TestAcquireWithoutLockspace(t *testing.T) {
	t.Parallel()
	d := startDaemon(t, "host1")
	l := d.formatted("hosted-engine")
	r := d.resource(l)
	child := startRegistrant(t, d.Socket)
	got := child.do(errand{Do: "acquire", Resource: r})
	require.Equal(t, ErrNoLockspace.Code(), got.Code, got.Error)
	require.Zero(t, child.do(errand{Do: "restrict", Restriction: RestrictSIGKILL}).Code)
}

func TestEventsBetweenHosts(t *testing.T) {
	t.Parallel()
	d1, d2 := startDaemon(t, "host1"), startDaemon(t, "host2")
	l := d1.formatted("hosted-engine")
	d1.join(l)
	d2.join(l.as(2))
	events, err := d2.RegEvent(t.Context(), l.Name)
	require.NoError(t, err)
	defer events.Close()
	require.Eventually(t, func() bool {
		hosts, err := d1.GetHosts(t.Context(), l.Name, 2)
		return err == nil && len(hosts) == 1 && hosts[0].State == HostLive
	}, 60*time.Second, 50*time.Millisecond)
	sent := time.Now()
	require.NoError(t, d1.SetEvent(t.Context(), l.Name,
		HostEvent{HostID: 2, Event: 1, Data: 77}, EventCurrentGeneration))
	d2.Timeout = 60 * time.Second
	events.client.Timeout = 60 * time.Second
	event, err := events.Next(t.Context())
	require.NoError(t, err)
	t.Logf("event after %v: %+v", time.Since(sent), event)
	require.Equal(t, uint64(1), event.FromHostID)
	require.Equal(t, uint64(1), event.Event)
	require.Equal(t, uint64(77), event.Data)
	require.NoError(t, events.EndEvent(t.Context()))
}
