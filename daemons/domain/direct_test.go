package domain

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/lease"
)

const testDomain = "0b6b4d4e-3b0e-4d5b-9d4c-1c9d5a6f7e80"

// FakeLocks is a sanlock daemon with room for one lockspace.
type FakeLocks struct {
	status  lease.LockspaceStatus
	known   bool
	asked   []lease.Lockspace
	removed []lease.Lockspace
	addErr  error
	remErr  error
	err     error
}

var (
	_ Locks = lease.Client{}
	_ Locks = (*FakeLocks)(nil)
)

func (f *FakeLocks) AddLockspace(_ context.Context, l lease.Lockspace, async bool, _ time.Duration) error {
	if !async {
		return errors.New("the domain lane would wait for sanlock")
	}
	f.asked = append(f.asked, l)
	return f.addErr
}

func (f *FakeLocks) RemUnusedLockspace(_ context.Context, l lease.Lockspace, async bool) error {
	if !async {
		return errors.New("the domain lane would wait for sanlock")
	}
	f.removed = append(f.removed, l)
	return f.remErr
}

func (f *FakeLocks) LockspaceStatus(context.Context, string) (lease.LockspaceStatus, bool, error) {
	return f.status, f.known, f.err
}

// scene is a monitor with everything around it faked.
type scene struct {
	*Direct
	locks   *FakeLocks
	clock   *clock.Fake
	data    string
	readErr error
	slow    time.Duration
	path    string
	ids     string
}

func newScene() *scene {
	s := &scene{
		locks: &FakeLocks{}, clock: clock.NewFake(clock.Mono(time.Hour), time.Time{}),
		data: "CLASS=Data\nSDUUID=" + testDomain + "\n", path: "/d/dom_md/metadata", ids: "/d/dom_md/ids",
	}
	s.Direct = NewDirect(DirectOptions{
		Where: func() (string, string) { return s.path, s.ids }, SDUUID: testDomain, Locks: s.locks, Clock: s.clock,
		Read: func(_ string, length int) ([]byte, error) {
			s.clock.Advance(s.slow)
			return []byte(s.data)[:min(len(s.data), length)], s.readErr
		},
	})
	return s
}

func (s *scene) held(hostID uint64) {
	s.locks.known = true
	s.locks.status = lease.LockspaceStatus{Lockspace: lease.Lockspace{Name: testDomain, HostID: hostID, Path: s.ids}}
}

func TestDirectWatchesAndAcquires(t *testing.T) {
	s := newScene()
	require.NoError(t, s.Start(t.Context(), 3))
	want := lease.Lockspace{Name: testDomain, HostID: 3, Path: s.ids}
	require.Equal(t, []lease.Lockspace{want}, s.locks.asked)

	s.locks.known = true
	s.locks.status = lease.LockspaceStatus{Lockspace: lease.Lockspace{Name: testDomain, HostID: 3, Flags: lease.LockspaceAdding}}
	s.slow = 40 * time.Millisecond
	f, err := s.Check(t.Context())
	require.NoError(t, err)
	require.Equal(t, Facts{Valid: true, Delay: 40 * time.Millisecond, Detail: "acquiring host id 3 in the domain's lockspace"}, f)

	s.held(3)
	f, err = s.Check(t.Context())
	require.NoError(t, err)
	require.Equal(t, Facts{Valid: true, Delay: 40 * time.Millisecond, Acquired: true}, f)
	require.Len(t, s.locks.asked, 1)

	s.locks.known = false // sanlock was restarted, or has dropped it
	f, err = s.Check(t.Context())
	require.NoError(t, err)
	require.False(t, f.Acquired)
	require.Len(t, s.locks.asked, 2, "asked for again")

	require.NoError(t, s.Stop(t.Context()))
	require.Equal(t, []lease.Lockspace{want}, s.locks.removed)
	require.NoError(t, s.Stop(t.Context()))
	require.Len(t, s.locks.removed, 1, "twice")
	f, err = s.Check(t.Context())
	require.NoError(t, err)
	require.True(t, f.Valid)
	require.False(t, f.Acquired)
	require.Len(t, s.locks.asked, 2, "not while it is stopped")
}

func TestDirectTellsWhyTheDomainIsNotValid(t *testing.T) {
	s := newScene()
	require.NoError(t, s.Start(t.Context(), 1))
	s.held(1)
	s.readErr = unix.EIO
	f, err := s.Check(t.Context())
	require.ErrorIs(t, err, unix.EIO)
	require.False(t, f.Valid)
	require.True(t, f.Acquired)
	require.Contains(t, f.Detail, "input/output error")

	s.readErr, s.data = nil, ""
	f, err = s.Check(t.Context())
	require.Error(t, err)
	require.False(t, f.Valid)
	require.Contains(t, f.Detail, "is empty")

	s.data = "SDUUID=another\n"
	f, err = s.Check(t.Context())
	require.Error(t, err)
	require.False(t, f.Valid)
	require.Contains(t, f.Detail, `belongs to the storage domain "another"`)

	s.data = string(make([]byte, 4096))
	f, err = s.Check(t.Context())
	require.NoError(t, err, "a logical volume's metadata says nothing there")
	require.True(t, f.Valid)

	s.path = ""
	f, err = s.Check(t.Context())
	require.Error(t, err)
	require.Equal(t, "no storage is connected", f.Detail)
	require.ErrorContains(t, s.Start(t.Context(), 1), "no storage is connected")
}

func TestDirectTellsWhyNothingIsAcquired(t *testing.T) {
	s := newScene()
	require.NoError(t, s.Start(t.Context(), 1))
	for _, test := range []struct {
		change func()
		want   string
	}{
		{func() { s.held(2) }, "this machine holds host id 2"},
		{func() { s.held(1); s.locks.status.Lost = true }, "is lost"},
		{func() { s.held(1); s.locks.status.Flags = lease.LockspaceRemoving }, "is being given up"},
		{func() { s.locks.err = errors.New("sanlock is frozen") }, "sanlock is frozen"},
		{func() { s.locks.err, s.locks.known, s.locks.addErr = nil, false, lease.ErrInvalid }, lease.ErrInvalid.Error()},
	} {
		test.change()
		f, err := s.Check(t.Context())
		require.NoError(t, err, "the domain is valid all the same")
		require.True(t, f.Valid)
		require.False(t, f.Acquired)
		require.Contains(t, f.Detail, test.want)
	}
}

func TestDirectAnswersOfSanlockThatAreFine(t *testing.T) {
	for _, err := range []error{lease.ErrAlreadyHeld, lease.ErrInProgress, lease.ErrAgain} {
		s := newScene()
		s.locks.addErr = err
		require.NoError(t, s.Start(t.Context(), 1), "%v", err)
	}
	// A process holds a lease under the host id: taking it away would kill the process.
	for _, err := range []error{lease.ErrNotFound, lease.ErrInProgress, lease.ErrBusy} {
		s := newScene()
		s.locks.remErr = err
		require.NoError(t, s.Start(t.Context(), 1))
		require.NoError(t, s.Stop(t.Context()), "%v", err)
	}
	s := newScene()
	s.locks.addErr = lease.ErrInvalid
	require.ErrorIs(t, s.Start(t.Context(), 1), lease.ErrInvalid)
	for _, id := range []int{0, -1, 2001} {
		require.ErrorContains(t, s.Start(t.Context(), id), "want 1 to 2000")
	}
}

func TestDirectWithAnotherHostID(t *testing.T) {
	s := newScene()
	require.NoError(t, s.Start(t.Context(), 1))
	require.NoError(t, s.Start(t.Context(), 2))
	require.Equal(t, uint64(1), s.locks.removed[0].HostID)
	require.Equal(t, uint64(2), s.locks.asked[1].HostID)
}

func TestDirectWithoutALockspace(t *testing.T) {
	s := newScene()
	s.ids = ""
	require.NoError(t, s.Start(t.Context(), 1))
	f, err := s.Check(t.Context())
	require.NoError(t, err)
	require.Equal(t, Facts{Valid: true, Acquired: true}, f, "there is nothing to acquire")
	require.NoError(t, s.Stop(t.Context()))
	require.Empty(t, s.locks.asked)
}

func TestDirectReadsForReal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metadata")
	require.NoError(t, os.WriteFile(path, []byte("SDUUID="+testDomain+"\n"), 0o600))
	if fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECT|unix.O_CLOEXEC, 0); err == nil {
		require.NoError(t, unix.Close(fd))
	} else if os.Getenv("CI") == "true" {
		t.Fatal("THE FILE SYSTEM OF THE TEMPORARY DIRECTORY REFUSES O_DIRECT")
	} else {
		t.Skip("THE FILE SYSTEM OF THE TEMPORARY DIRECTORY REFUSES O_DIRECT: set TMPDIR to a directory on ext4 or xfs")
	}
	d := NewDirect(DirectOptions{Where: func() (string, string) { return path, "" }, SDUUID: testDomain})
	require.NoError(t, d.Start(t.Context(), 1))
	f, err := d.Check(t.Context())
	require.NoError(t, err)
	require.True(t, f.Valid)
	require.Positive(t, f.Delay)
	require.NoError(t, os.Remove(path))
	f, err = d.Check(t.Context())
	require.ErrorIs(t, err, unix.ENOENT)
	require.False(t, f.Valid)
}
