package ovf

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/ovf/archive"
	fixture "github.com/holdfast-ha/holdfast/fixtures/ovf"
)

func (r *rig) archived(name string) string {
	r.t.Helper()
	files, err := archive.Decode(r.storage.configuration())
	require.NoError(r.t, err)
	return string(files[name])
}

func (r *rig) put(name, text string) error {
	ctx, cancel := context.WithTimeout(r.t.Context(), soon)
	defer cancel()
	return r.PutSharedFile(ctx, name, []byte(text))
}

func TestSharedFilesComeFromMemoryWithTheirAge(t *testing.T) {
	r := newRig(t)
	_, age, err := r.SharedFile("broker.conf")
	require.ErrorContains(t, err, "not been read")
	require.Equal(t, time.Duration(-1), age)
	_, _, err = r.SharedFile("passwd")
	require.ErrorIs(t, err, ErrForeign)
	require.ErrorContains(t, err, "fhanswers.conf")

	require.NoError(t, r.RefreshArchive(t.Context()))
	r.clock.Advance(time.Minute)
	data, age, err := r.SharedFile("hosted-engine.conf")
	require.NoError(t, err)
	require.Contains(t, string(data), "vmid="+vm)
	require.Equal(t, time.Minute, age)
	data[0] = 'X'
	again, _, _ := r.SharedFile("hosted-engine.conf")
	require.NotEqual(t, data, again, "each caller has a copy of its own")
	local, err := os.ReadFile(r.options.BrokerConf)
	require.NoError(t, err)
	require.Equal(t, r.archived("broker.conf"), string(local), "the local copy follows")
}

func TestADamagedArchiveLeavesTheLastGoodCopy_S27(t *testing.T) {
	r := newRig(t)
	require.NoError(t, r.RefreshArchive(t.Context()))
	whole := r.storage.configuration()
	since := r.clock.Now().Add(time.Minute)
	r.clock.Advance(time.Minute)
	torn := bytes.Clone(whole)
	copy(torn[4096:8192], bytes.Repeat([]byte{'x'}, 4096))
	r.storage.set(config, torn)
	require.ErrorContains(t, r.RefreshArchive(t.Context()), "damaged")
	data, age, err := r.SharedFile("broker.conf")
	require.ErrorContains(t, err, "last good copy")
	require.Contains(t, string(data), "[email]")
	require.Equal(t, time.Minute, age)
	s := r.State().Archive
	require.False(t, s.Valid)
	require.True(t, s.Damaged)
	require.Equal(t, since, s.ProblemSince)

	// A write restores the archive from that copy.
	require.NoError(t, r.put("broker.conf", "[email]\n"))
	require.Equal(t, "[email]\n", r.archived("broker.conf"))
	require.Contains(t, r.archived("hosted-engine.conf"), "vmid=")
	require.True(t, r.State().Archive.Valid)

	r.storage.set(config, torn)
	ignorant := r.start()
	err = ignorant.PutSharedFile(t.Context(), "broker.conf", []byte("x"))
	var damaged *archive.DamagedError
	require.ErrorAs(t, err, &damaged)
	require.ErrorContains(t, err, "no good copy")
	require.Equal(t, torn, r.storage.configuration(), "nothing was written")
}

func TestAnArchiveThatAnotherHostJustWritesIsReadAgain(t *testing.T) {
	r := newRig(t)
	whole := r.storage.configuration()
	r.storage.set(config, make([]byte, 1<<20))
	r.storage.hook(func(_, path string, n int) error {
		if path == config && n == 2 {
			r.storage.set(config, whole)
		}
		return nil
	})
	require.NoError(t, r.RefreshArchive(t.Context()))
}

func TestPutReplacesOneMemberAndReadsBack_S27(t *testing.T) {
	r := newRig(t)
	before := r.storage.configuration()
	require.NoError(t, r.put("broker.conf", "[notify]\n"))
	require.Equal(t, "[notify]\n", r.archived("broker.conf"))
	for _, name := range []string{"version", "fhanswers.conf", "hosted-engine.conf", "vm.conf"} {
		old, err := archive.Decode(before)
		require.NoError(t, err)
		require.Equal(t, string(old[name]), r.archived(name))
	}
	require.Len(t, r.storage.configuration(), len(before), "the volume is not cut")
	data, age, err := r.SharedFile("broker.conf")
	require.NoError(t, err)
	require.Equal(t, "[notify]\n", string(data))
	require.Zero(t, age)
	local, err := os.ReadFile(r.options.BrokerConf)
	require.NoError(t, err)
	require.Equal(t, "[notify]\n", string(local))

	writes := r.storage.count(&r.storage.writes, config)
	require.NoError(t, r.put("broker.conf", "[notify]\n"))
	require.Equal(t, writes, r.storage.count(&r.storage.writes, config), "what is there is not written again")
}

func TestPutRefuses(t *testing.T) {
	r := newRig(t)
	before := r.storage.configuration()
	for _, name := range []string{"vm.conf", "version", "fhanswers.conf", "passwd", ""} {
		require.ErrorIs(t, r.put(name, "x"), ErrForeign, name)
	}
	require.ErrorContains(t, r.put("broker.conf", "a\x00b"), "text")
	require.ErrorContains(t, r.put("broker.conf", "a\xffb"), "text")
	var tooLarge *archive.TooLargeError
	require.ErrorAs(t, r.put("broker.conf", strings.Repeat("x", 20000)), &tooLarge)
	require.ErrorAs(t, r.put("broker.conf", strings.Repeat("x", 100_000)), &tooLarge)
	require.Equal(t, before, r.storage.configuration())
}

func TestPutNoticesAnotherWriter_S27(t *testing.T) {
	r := newRig(t)
	foreign := fixture.Archive(fixture.Spec{MemoryMiB: 9})
	r.storage.hook(func(op, path string, n int) error {
		if path == config && op == "read" && n == 2 {
			r.storage.set(config, append(bytes.Clone(foreign), make([]byte, 1<<20)...))
		}
		return nil
	})
	require.ErrorIs(t, r.put("broker.conf", "x"), ErrConcurrent)
	require.Contains(t, r.archived("vm.conf"), "memSize=9\n", "its archive stays")
	require.Zero(t, r.storage.count(&r.storage.writes, config))

	r.storage.hook(func(op, path string, n int) error {
		if path == config && op == "read" && n == 3 {
			r.storage.set(config, append(bytes.Clone(foreign), make([]byte, 1<<20)...))
		}
		return nil
	})
	require.ErrorIs(t, r.put("broker.conf", "x"), ErrNotKept)
}

func TestAWriteThatStorageRefusesIsRepeatedAndTold(t *testing.T) {
	r := newRig(t)
	broken := errors.New("input/output error")
	r.storage.hook(func(op, _ string, n int) error {
		if op == "write" && n == 1 {
			return broken
		}
		return nil
	})
	require.NoError(t, r.put("broker.conf", "once\n"))
	require.Equal(t, "once\n", r.archived("broker.conf"))
	r.storage.hook(func(op, _ string, _ int) error {
		if op == "write" {
			return broken
		}
		return nil
	})
	require.ErrorIs(t, r.put("broker.conf", "twice\n"), broken)
}

func TestAWriteThatHasNotBegunIsWithdrawn(t *testing.T) {
	r := newRig(t)
	entered, release := r.storage.hang(t, first+".meta")
	ended := make(chan error, 1)
	go func() { ended <- r.refresh() }()
	receive(t, entered)
	err := r.PutSharedFile(r.shortly(), "broker.conf", []byte("late\n"))
	require.ErrorIs(t, err, ErrWithdrawn)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	release()
	_ = receive(t, ended)
	require.NoError(t, r.RefreshArchive(t.Context()))
	require.NotEqual(t, "late\n", r.archived("broker.conf"))
}

func TestAWriteWhoseReadsHangIsWithdrawnToo(t *testing.T) {
	r := newRig(t)
	entered, release := r.storage.hang(t, config)
	err := r.PutSharedFile(r.shortly(), "broker.conf", []byte("late\n"))
	require.ErrorIs(t, err, ErrWithdrawn)
	receive(t, entered)
	release()
	require.NoError(t, r.RefreshArchive(t.Context()))
	require.NotEqual(t, "late\n", r.archived("broker.conf"))
}

func TestAWriteThatHangsMayStillTakeEffect(t *testing.T) {
	r := newRig(t)
	entered, gate := make(chan struct{}), make(chan struct{})
	r.storage.hook(func(op, _ string, _ int) error {
		if op == "write" {
			close(entered)
			<-gate
		}
		return nil
	})
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { ended <- r.PutSharedFile(ctx, "broker.conf", []byte("slow\n")) }()
	receive(t, entered)

	// Another broker of this host does not write over it: it says who holds the lock.
	other := r.start()
	err := other.PutSharedFile(t.Context(), "broker.conf", []byte("fast\n"))
	var locked *LockedError
	require.ErrorAs(t, err, &locked)
	require.ErrorContains(t, err, "to write broker.conf in the shared configuration")
	require.ErrorContains(t, err, "process ")

	cancel()
	err = receive(t, ended)
	require.ErrorContains(t, err, "may still take effect")
	require.ErrorIs(t, err, context.Canceled)
	close(gate)
	require.NoError(t, r.RefreshArchive(t.Context()))
	require.Equal(t, "slow\n", r.archived("broker.conf"))
}

func TestTheQueueOfWritesIsBounded(t *testing.T) {
	r := newRig(t)
	entered, release := r.storage.hang(t, first+".meta")
	ended := make(chan error, 20)
	go func() { ended <- r.refresh() }()
	receive(t, entered)
	for range 16 {
		go func() { ended <- r.put("broker.conf", "x\n") }()
	}
	require.Eventually(t, func() bool { r.mu.Lock(); defer r.mu.Unlock(); return len(r.queue) == 16 }, soon, time.Millisecond)
	require.ErrorIs(t, r.put("broker.conf", "y\n"), ErrFull)
	release()
	for range 17 {
		_ = receive(t, ended)
	}
	require.Equal(t, "x\n", r.archived("broker.conf"))
}

func TestALockOfADeadProcessIsFree(t *testing.T) {
	r := newRig(t)
	flock, err := exec.LookPath("flock")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("MISSING in CI: flock (%v)", err)
		}
		t.Skipf("SKIPPED, NOT TESTED: this test needs flock (%v)", err)
	}
	holding := exec.CommandContext(t.Context(), flock, "--no-fork", r.options.VMConf+".lock", "sleep", "600")
	require.NoError(t, holding.Start())
	r.publish(first, fixture.Spec{MemoryMiB: 1111, Updated: true, When: at(1)})
	require.Eventually(t, func() bool {
		var locked *LockedError
		return errors.As(r.refresh(), &locked)
	}, soon, time.Millisecond)
	require.NoError(t, holding.Process.Kill())
	_ = holding.Wait()
	require.NoError(t, r.refresh())
	r.requireMemory("1111")
}

func TestALockFileThatWasRemovedIsMadeAnew(t *testing.T) {
	path := t.TempDir() + "/lock"
	inside := 0
	require.NoError(t, withLock(path, "test", time.Second, func() error {
		inside++
		require.NoError(t, os.Remove(path))
		return withLock(path, "test", time.Second, func() error { inside++; return nil })
	}))
	require.Equal(t, 2, inside)
	require.ErrorContains(t, withLock(t.TempDir()+"/no/lock", "test", time.Second, func() error { return nil }), "directory")
}

func TestLocalCopiesThatCannotBeWrittenAreTold(t *testing.T) {
	r := newRig(t)
	require.NoError(t, os.Mkdir(r.options.BrokerConf, 0o700))
	require.NoError(t, os.WriteFile(r.options.BrokerConf+"/x", nil, 0o600))
	require.Error(t, r.RefreshArchive(t.Context()))
	require.Contains(t, r.State().Archive.CopyProblem, "broker.conf")
	require.True(t, r.State().Archive.Valid)
	_, _, err := r.SharedFile("broker.conf")
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(r.options.BrokerConf))
	require.NoError(t, r.RefreshArchive(t.Context()))
	require.Empty(t, r.State().Archive.CopyProblem)
}
