package lease

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/stretchr/testify/require"
)

// The tests of this file talk to real daemons.

func TestVersionOfRealDaemon(t *testing.T) {
	t.Parallel()
	d := startDaemon(t, "host1")
	v, err := d.Version(t.Context())
	require.NoError(t, err)
	require.GreaterOrEqual(t, v.Major, 3, "version %s", v)
	require.Equal(t, 1, v.Protocol)
	t.Logf("sanlock %s, protocol %d", v, v.Protocol)
}

func TestWriteLockspace(t *testing.T) {
	t.Parallel()
	d := startDaemon(t, "host1")
	for _, test := range []struct{ sector, hosts int }{{512, 2000}, {4096, 250}} {
		flags, hosts, err := Geometry(test.sector, 1)
		require.NoError(t, err)
		require.Equal(t, test.hosts, hosts)
		l := Lockspace{Name: "hosted-engine", HostID: 1, Path: volume(t), Offset: 1 << 20, Flags: flags}

		_, _, err = d.ReadLockspace(t.Context(), l)
		require.ErrorIs(t, err, ErrNotFormatted)
		require.NoError(t, d.WriteLockspace(t.Context(), l, 2*time.Second))

		found, ioTimeout, err := d.ReadLockspace(t.Context(), Lockspace{Path: l.Path, Offset: l.Offset})
		require.NoError(t, err)
		require.Equal(t, "hosted-engine", found.Name)
		require.Equal(t, 2*time.Second, ioTimeout)
		require.Equal(t, flags, found.Flags&flags, "flags of a lockspace with %d byte sectors", test.sector)

		b, err := os.ReadFile(l.Path)
		require.NoError(t, err)
		area := b[1<<20 : 2<<20]
		for _, id := range []int{1, test.hosts} {
			record := area[(id-1)*test.sector:]
			require.Equal(t, uint32(0x12212010), binary.LittleEndian.Uint32(record), "magic of host id %d", id)
			sum := ^crc32.Update(1, crc32.MakeTable(crc32.Castagnoli), record[:168])
			require.Equal(t, sum, binary.LittleEndian.Uint32(record[168:]), "checksum of host id %d", id)
		}
		if end := test.hosts * test.sector; end < len(area) {
			require.Zero(t, binary.LittleEndian.Uint32(area[end:]), "a record behind the last host id")
		}
	}
}

func TestJoinWatchAndLeave(t *testing.T) {
	t.Parallel()
	d := startDaemon(t, "host1")
	l := d.formatted("hosted-engine")

	started := time.Now()
	require.NoError(t, d.AddLockspace(t.Context(), l, true, testIOTimeout))
	require.Less(t, time.Since(started), 2*time.Second, "an asynchronous join must not wait for storage")
	found, ok := d.listed(l)
	require.True(t, ok)
	require.True(t, found.Joining(), "flags %#x directly after the join began", found.Flags)
	require.False(t, found.Held())
	require.ErrorIs(t, d.AddLockspace(t.Context(), l, true, testIOTimeout), ErrInProgress)
	status, ok, err := d.LockspaceStatus(t.Context(), l.Name)
	require.NoError(t, err)
	require.True(t, ok)
	require.True(t, status.Joining(), "%+v", status)
	membership, err := d.InqLockspace(t.Context(), l, false)
	require.NoError(t, err)
	require.Equal(t, Changing, membership)

	again := false
	require.Eventually(t, func() bool {
		found, ok := d.listed(l)
		require.True(t, ok)
		if !found.Held() {
			return false
		}
		if !again {
			t.Logf("joined after %v", time.Since(started))
		}
		hosts, err := d.GetHosts(t.Context(), l.Name, 1)
		if errors.Is(err, ErrAgain) {
			require.ErrorIs(t, err, syscall.EAGAIN)
			again = true
			return false
		}
		require.NoError(t, err)
		require.Len(t, hosts, 1)
		require.Equal(t, uint64(1), hosts[0].HostID)
		require.Equal(t, uint64(1), hosts[0].Generation)
		require.Equal(t, testIOTimeout, hosts[0].IOTimeout)
		return hosts[0].State == HostLive
	}, 60*time.Second, 5*time.Millisecond)
	t.Logf("get_hosts said EAGAIN directly after joining: %v", again)

	require.ErrorIs(t, d.AddLockspace(t.Context(), l, true, testIOTimeout), ErrAlreadyHeld)
	require.ErrorIs(t, d.AddLockspace(t.Context(), l.as(2), true, testIOTimeout), ErrInvalid)
	membership, err = d.InqLockspace(t.Context(), l, true)
	require.NoError(t, err)
	require.Equal(t, Held, membership)

	status, ok, err = d.LockspaceStatus(t.Context(), l.Name)
	require.NoError(t, err)
	require.True(t, ok)
	require.True(t, status.Safe(), "%+v", status)
	require.Equal(t, testIOTimeout, status.IOTimeout)
	require.InDelta(t, clock.Now().Seconds(), status.Renewed.Seconds(), 60, "the last renewal, on this machine's clock")
	_, ok, err = d.LockspaceStatus(t.Context(), "other")
	require.NoError(t, err)
	require.False(t, ok)

	states, err := d.HostStatus(t.Context(), l.Name)
	require.NoError(t, err)
	require.NotEmpty(t, states)
	require.Equal(t, StateHost, states[0].Type)

	left := time.Now()
	require.NoError(t, d.RemLockspace(t.Context(), l, true))
	require.Eventually(t, func() bool {
		found, ok := d.listed(l)
		return !ok || found.Leaving()
	}, 60*time.Second, 10*time.Millisecond, "never shown as leaving")
	t.Logf("shown as leaving after %v", time.Since(left))
	t.Logf("asked to leave again: %v", d.RemLockspace(t.Context(), l, true))
	t.Logf("asked to join while leaving: %v", d.AddLockspace(t.Context(), l, true, testIOTimeout))
	require.Eventually(t, func() bool {
		_, ok := d.listed(l)
		return !ok
	}, 60*time.Second, 20*time.Millisecond)
	t.Logf("left after %v", time.Since(left))
	membership, err = d.InqLockspace(t.Context(), l, false)
	require.NoError(t, err)
	require.Equal(t, NotHeld, membership)
	require.ErrorIs(t, d.RemLockspace(t.Context(), l, true), ErrNotFound)
	_, err = d.GetHosts(t.Context(), l.Name, 0)
	require.Error(t, err)
	t.Logf("get_hosts of a lockspace that is not held: %v", err)
}

func TestJoinAndLeaveWaiting(t *testing.T) {
	t.Parallel()
	d := startDaemon(t, "host1")
	l := d.formatted("waiting")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	d.Timeout = time.Millisecond * 500 // must not cut short what is meant to wait
	require.NoError(t, d.AddLockspace(ctx, l, false, testIOTimeout))
	d.Timeout = 10 * time.Second
	found, ok := d.listed(l)
	require.True(t, ok)
	require.True(t, found.Held())
	require.NoError(t, d.RemLockspace(ctx, l, false))
	_, ok = d.listed(l)
	require.False(t, ok, "still listed after a removal that waited")
}

func TestJoinErrors(t *testing.T) {
	t.Parallel()
	d := startDaemon(t, "host1")
	ctx := t.Context()
	missing := Lockspace{Name: "x", HostID: 1, Path: filepath.Join(t.TempDir(), "absent")}
	err := d.AddLockspace(ctx, missing, false, testIOTimeout)
	require.ErrorIs(t, err, ErrNoDevice)
	require.ErrorContains(t, err, missing.Path)
	require.ErrorContains(t, err, "check that the path exists")

	blank := Lockspace{Name: "x", HostID: 1, Path: volume(t)}
	require.ErrorIs(t, d.AddLockspace(ctx, blank, false, testIOTimeout), ErrNotFormatted)

	l := d.formatted("right")
	wrong := l
	wrong.Name = "wrong"
	require.ErrorIs(t, d.AddLockspace(ctx, wrong, false, testIOTimeout), ErrLockspaceName)
	require.ErrorIs(t, d.AddLockspace(ctx, l.as(2001), false, testIOTimeout), ErrHostIDTooLarge)

	// The broker's way: accepted, and then simply no longer there.
	require.NoError(t, d.AddLockspace(ctx, blank, true, testIOTimeout))
	require.Eventually(t, func() bool {
		_, ok := d.listed(blank)
		return !ok
	}, 60*time.Second, 20*time.Millisecond, "a join that failed stays listed")
}

// TestSameHostIDTwice: two hosts that were given the same host id.
// The second one must watch for 8 io timeouts and sanlock's fixed 60 s before it gives up.
func TestSameHostIDTwice(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("SKIPPED, NOT TESTED with -short: takes 70 s")
	}
	d1, d2 := startDaemon(t, "host1"), startDaemon(t, "host2")
	l := d1.formatted("hosted-engine")
	d1.join(l)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	started := time.Now()
	err := d2.AddLockspace(ctx, l, false, testIOTimeout)
	require.ErrorIs(t, err, ErrHostIDHeld)
	require.ErrorContains(t, err, "give this host its own host_id")
	t.Logf("refused after %v", time.Since(started))
	found, ok := d1.listed(l)
	require.True(t, ok)
	require.True(t, found.Held(), "the first owner must keep its host id")
}

func TestShutdown(t *testing.T) {
	t.Parallel()
	d := startDaemon(t, "host1")
	l := d.formatted("hosted-engine")
	d.join(l)
	require.NoError(t, d.Shutdown(t.Context(), false))
	_, err := d.Version(t.Context())
	require.NoError(t, err, "without force the daemon must stay while a lockspace is held")
	require.NoError(t, d.Shutdown(t.Context(), true))
	select {
	case <-d.ended:
	case <-time.After(60 * time.Second):
		t.Fatal("sanlock did not end after a forced shutdown")
	}
	_, err = d.Version(t.Context())
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, KindUnreachable, e.Kind)
	require.ErrorContains(t, err, "check that sanlock runs")
}

// TestStoppedDaemon: a daemon that does not answer must not hold its callers.
func TestStoppedDaemon(t *testing.T) {
	t.Parallel()
	d := startDaemon(t, "host1")
	require.NoError(t, d.cmd.Process.Signal(syscall.SIGSTOP))
	defer func() { require.NoError(t, d.cmd.Process.Signal(syscall.SIGCONT)) }()
	client := Client{Socket: d.Socket, Timeout: 300 * time.Millisecond}
	// More callers than the daemon's backlog has room for: later ones cannot even connect.
	for i := range 20 {
		started := time.Now()
		_, err := client.Version(t.Context())
		var e *Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, KindTimeout, e.Kind, "call %d: %v", i, err)
		require.Less(t, time.Since(started), 10*time.Second)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	_, err := Client{Socket: d.Socket, Timeout: time.Minute}.GetLockspaces(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

func TestStatusListsWhatIsHeld(t *testing.T) {
	t.Parallel()
	d := startDaemon(t, "host1")
	l := d.formatted("hosted-engine")
	d.join(l)
	r := d.resource(l)
	child := startRegistrant(t, d.Socket)
	require.Empty(t, child.do(errand{Do: "acquire", Resource: r}).Error)

	states, err := d.Status(t.Context())
	require.NoError(t, err)
	find := func(typ StateType, match func(State) bool) State {
		i := slices.IndexFunc(states, func(s State) bool { return s.Type == typ && match(s) })
		require.GreaterOrEqual(t, i, 0, "no state of type %d in %+v", typ, states)
		return states[i]
	}
	all := func(State) bool { return true }
	require.Equal(t, "host1", find(StateDaemon, all).Fields["our_host_name"])
	lockspace := find(StateLockspace, all)
	require.Equal(t, l.Path, lockspace.Lockspace.Path)
	require.Equal(t, uint64(1), lockspace.Lockspace.HostID)
	require.Equal(t, "1", lockspace.Fields["renewal_last_result"], "%v", lockspace.Fields)
	resource := find(StateResource, all)
	require.Equal(t, r.Name, resource.Resource.Name)
	require.Equal(t, r.Disks, resource.Resource.Disks)
	require.Equal(t, uint32(child.pid()), resource.Data32)
	find(StateClient, func(s State) bool { return s.Data32 == uint32(child.pid()) })
}
