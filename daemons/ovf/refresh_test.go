package ovf

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	fixture "github.com/holdfast-ha/holdfast/fixtures/ovf"
)

func TestOVFTakesTheNewestUpdatedStore_S28(t *testing.T) {
	r := newRig(t)
	r.publish(first, fixture.Spec{MemoryMiB: 4096, Updated: true, When: at(5)})
	r.publish(second, fixture.Spec{MemoryMiB: 2048, Updated: true, When: at(3)}) // the last one found
	require.NoError(t, r.refresh())
	r.requireMemory("4096")

	r.publish(second, fixture.Spec{MemoryMiB: 8192, Updated: false, When: at(9)}) // newest, but not finished
	require.NoError(t, r.refresh())
	r.requireMemory("4096")
	s := r.State()
	require.Empty(t, s.Problem)
	require.Equal(t, first, s.Source)
	require.True(t, at(5).Equal(s.Published))
	require.Len(t, s.Stores, 2)
	require.Equal(t, second, s.Stores[1].Path)
	require.Contains(t, s.Stores[1].Problem, "not finished")

	r.publish(second, fixture.Spec{MemoryMiB: 8192, Updated: true, When: at(9)})
	require.NoError(t, r.refresh())
	r.requireMemory("8192")
	info, err := os.Stat(r.options.VMConf)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), info.Mode().Perm())
}

func TestATornStoreIsPassedOverAndNothingNewerIsLost_S28(t *testing.T) {
	r := newRig(t)
	r.publish(first, fixture.Spec{MemoryMiB: 1111, Updated: true, When: at(1)})
	r.publish(second, fixture.Spec{MemoryMiB: 2222, Updated: true, When: at(2), Torn: true})
	require.NoError(t, r.refresh(), "the other store serves")
	r.requireMemory("1111")

	r.publish(second, fixture.Spec{MemoryMiB: 2222, Updated: true, When: at(2)})
	require.NoError(t, r.refresh())
	r.requireMemory("2222")
	r.clock.Advance(time.Minute)
	success := r.LastSuccess()
	r.publish(second, fixture.Spec{MemoryMiB: 3333, Updated: true, When: at(3), Torn: true})
	err := r.refresh()
	require.ErrorContains(t, err, "older than the vm.conf in place")
	require.ErrorContains(t, err, "torn")
	r.requireMemory("2222")
	require.Equal(t, success, r.LastSuccess(), "no news, so vm.conf gets older")
	require.Equal(t, time.Minute, r.State().Age)
	require.NotEmpty(t, r.State().Problem)

	// Without anything newer that cannot be read, an older date is what the engine says now: it may have been restored.
	r.publish(second, fixture.Spec{MemoryMiB: 4444, Updated: true, When: at(0)})
	require.NoError(t, r.refresh())
	r.requireMemory("1111")
}

func TestAStoreThatTheEngineWritesMeanwhileIsNotUsed_S28(t *testing.T) {
	r := newRig(t)
	r.publish(first, fixture.Spec{MemoryMiB: 1111, Updated: true, When: at(1)})
	r.storage.hook(func(_, path string, n int) error {
		if path == first && n == 1 {
			r.storage.set(first+".meta", fixture.Metadata(fixture.Spec{Updated: false, When: at(1)}))
		}
		return nil
	})
	require.ErrorContains(t, r.refresh(), "while it was read")
	r.storage.hook(nil)
	r.requireMemory("1000") // there was none yet, so the archive's
	require.Zero(t, r.LastSuccess(), "which is not what the engine has")
}

func TestWithoutAStoreTheArchiveServes(t *testing.T) {
	r := newRig(t)
	for _, path := range r.options.StorePaths {
		r.publish(path, fixture.Spec{VMUUID: "0000", Updated: true, When: at(1)}) // stores of another VM
	}
	require.NoError(t, r.refresh(), "as after deployment")
	r.requireMemory("1000")
	require.Equal(t, "archive", r.State().Source)
	require.NotZero(t, r.LastSuccess())
	fallback, err := os.ReadFile(r.options.VMConf + ".fallback")
	require.NoError(t, err)
	require.Contains(t, string(fallback), "memSize=1000\n")

	r.publish(first, fixture.Spec{MemoryMiB: 2000, Updated: true, When: at(1)})
	require.NoError(t, r.refresh())
	r.requireMemory("2000")
	r.publish(first, fixture.Spec{VMUUID: "0000", Updated: true, When: at(2)})
	require.ErrorContains(t, r.refresh(), "is kept")
	r.requireMemory("2000")
}

func TestTheArchiveOfAnotherVMDoesNotServe(t *testing.T) {
	r := newRig(t)
	r.storage.set(config, fixture.Archive(fixture.Spec{VMUUID: "1234"}))
	require.Error(t, r.refresh())
	require.NoFileExists(t, r.options.VMConf)
	require.Zero(t, r.LastSuccess())
	require.Equal(t, time.Duration(-1), r.State().Age)
}

func TestHungStorageIsNoticedByNobodyElse_S16(t *testing.T) {
	r := newRig(t)
	r.publish(first, fixture.Spec{MemoryMiB: 1111, Updated: true, When: at(1)})
	require.NoError(t, r.refresh())
	success := r.LastSuccess()
	r.publish(first, fixture.Spec{MemoryMiB: 2222, Updated: true, When: at(2)})
	entered, release := r.storage.hang(t, first)

	r.clock.Advance(time.Minute)
	begun := r.clock.Now()
	require.ErrorIs(t, r.Refresh(r.shortly(), vm), context.DeadlineExceeded)
	require.Equal(t, "read", receive(t, entered))
	r.clock.Advance(10 * time.Minute)
	for range 100 { // any number of further callers, each bounded, and none of them piles up work
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		require.Error(t, r.Refresh(ctx, vm))
		require.Error(t, r.RefreshArchive(ctx))
		cancel()
	}
	require.Equal(t, success, r.LastSuccess())
	require.Equal(t, 11*time.Minute, r.State().Age)
	data, age, err := r.SharedFile("broker.conf")
	require.NoError(t, err)
	require.NotEmpty(t, data)
	require.Equal(t, 11*time.Minute, age)
	require.True(t, r.Lane().Busy)
	r.requireMemory("1111")
	r.mu.Lock()
	require.Empty(t, r.queue)
	r.mu.Unlock()

	release()
	require.Eventually(t, func() bool { return r.LastSuccess() != success }, soon, time.Millisecond)
	require.Equal(t, begun, r.LastSuccess(), "what hung for ten minutes may be as old as that")
	r.requireMemory("2222")
}

func TestALateReadDoesNotReplaceWhatASuccessorRead(t *testing.T) {
	r := newRig(t)
	r.publish(first, fixture.Spec{MemoryMiB: 1111, Updated: true, When: at(1)})
	entered, release := r.storage.hang(t, first)
	ended := make(chan error, 1)
	go func() { ended <- r.refresh() }()
	receive(t, entered)

	// The broker was started anew while its predecessor's thread is stuck, and storage is good for it.
	r.clock.Advance(time.Minute)
	successor := *r
	successor.storage = newStorage()
	successor.options.Device = successor.storage
	successor.publish(first, fixture.Spec{MemoryMiB: 2222, Updated: true, When: at(2)})
	successor.publish(second, fixture.Spec{})
	successor.Room = successor.start()
	require.NoError(t, successor.refresh())
	r.requireMemory("2222")

	release()
	require.ErrorIs(t, receive(t, ended), ErrOvertaken)
	r.requireMemory("2222")
	require.Equal(t, successor.LastSuccess(), r.LastSuccess(), "it takes over what is known")
}

func TestAReadFromStorageThatWasDisconnectedIsNotUsed(t *testing.T) {
	r := newRig(t)
	r.publish(first, fixture.Spec{MemoryMiB: 1111, Updated: true, When: at(1)})
	entered, release := r.storage.hang(t, first)
	ended := make(chan error, 1)
	go func() { ended <- r.refresh() }()
	receive(t, entered)
	r.Attach(Sources{})
	release()
	require.ErrorIs(t, receive(t, ended), ErrOvertaken)
	require.NoFileExists(t, r.options.VMConf)
	require.ErrorIs(t, r.refresh(), ErrDetached)
	require.Contains(t, r.State().Problem, "not connected")
	require.ErrorIs(t, r.PutSharedFile(t.Context(), "broker.conf", nil), ErrDetached)
}

func TestCloseAnswersWhoWaitsAndALateReadChangesNothing(t *testing.T) {
	r := newRig(t)
	r.publish(first, fixture.Spec{MemoryMiB: 1111, Updated: true, When: at(1)})
	entered, release := r.storage.hang(t, first)
	ended := make(chan error, 3)
	go func() { ended <- r.refresh() }()
	receive(t, entered)
	go func() { ended <- r.RefreshArchive(t.Context()) }()
	go func() { ended <- r.PutSharedFile(t.Context(), "broker.conf", []byte("x")) }()
	require.Eventually(t, func() bool { r.mu.Lock(); defer r.mu.Unlock(); return len(r.queue) == 2 }, soon, time.Millisecond)
	r.Close()
	for range 3 {
		require.ErrorIs(t, receive(t, ended), ErrClosed)
	}
	release()
	receive(t, r.Ended())
	require.NoFileExists(t, r.options.VMConf)
	require.ErrorIs(t, r.refresh(), ErrClosed)
}

func TestAReaderNeverSeesHalfAFile_S16(t *testing.T) {
	r := newRig(t)
	r.publish(first, fixture.Spec{MemoryMiB: 1000, Updated: true, When: at(1)})
	require.NoError(t, r.refresh())
	stop := make(chan struct{})
	var readers sync.WaitGroup
	reads := 0
	readers.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			text, err := os.ReadFile(r.options.VMConf)
			if err != nil || !strings.HasPrefix(string(text), "# ") || !strings.HasSuffix(string(text), "}\n") {
				t.Errorf("read %q, %v", text, err)
				return
			}
			reads++
		}
	})
	for i := range 60 {
		r.publish(first, fixture.Spec{MemoryMiB: 1000 + i, Disks: 1 + i%5, Updated: true, When: at(1).Add(time.Duration(i) * time.Minute)})
		require.NoError(t, r.refresh())
	}
	close(stop)
	readers.Wait()
	require.Positive(t, reads)
	entries, err := os.ReadDir(strings.TrimSuffix(r.options.VMConf, "/vm.conf"))
	require.NoError(t, err)
	for _, e := range entries {
		require.NotContains(t, e.Name(), ".new", "nothing is left behind")
	}
}

func TestARestartedBrokerKnowsHowOldVMConfIs(t *testing.T) {
	r := newRig(t)
	r.publish(first, fixture.Spec{MemoryMiB: 1111, Updated: true, When: at(1)})
	require.NoError(t, r.refresh())
	r.clock.Advance(7 * time.Minute)
	require.Equal(t, 7*time.Minute, r.State().Age)
	again := r.start()
	require.Equal(t, r.LastSuccess(), again.LastSuccess())
	require.Equal(t, first, again.State().Source)

	// A vm.conf that somebody else wrote is not what was read then.
	require.NoError(t, os.WriteFile(r.options.VMConf, []byte("memSize=1\n"), 0o600))
	require.NoError(t, os.Chmod(r.options.VMConf, 0o600))
	require.Zero(t, r.start().LastSuccess())
	require.NoError(t, r.refresh())
	r.requireMemory("1111")
	info, err := os.Stat(r.options.VMConf)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "its mode stays")

	// systemd has cleared the runtime directory (S41).
	require.NoError(t, os.Remove(r.options.VMConf))
	require.Zero(t, r.start().LastSuccess())
	require.NoError(t, r.refresh())
	r.requireMemory("1111")

	// The machine was booted: the clock counts anew.
	r.clock = clock.NewFake(5, time.Now())
	r.options.Clock = r.clock
	require.Zero(t, r.start().LastSuccess())
}

func TestAnUnchangedVMConfIsNotWrittenAgain(t *testing.T) {
	r := newRig(t)
	r.publish(first, fixture.Spec{Updated: true, When: at(1)})
	require.NoError(t, r.refresh())
	before, err := os.Stat(r.options.VMConf)
	require.NoError(t, err)
	r.clock.Advance(time.Minute)
	require.NoError(t, r.refresh())
	after, err := os.Stat(r.options.VMConf)
	require.NoError(t, err)
	require.True(t, os.SameFile(before, after))
	require.Zero(t, r.State().Age)
}

func TestAStoreWithoutADescriptionSpeaksForItself(t *testing.T) {
	r := newRig(t)
	r.publish(first, fixture.Spec{MemoryMiB: 1111, When: at(1)})
	r.publish(second, fixture.Spec{MemoryMiB: 2222, When: at(2)})
	for _, path := range r.options.StorePaths {
		r.storage.mu.Lock()
		delete(r.storage.volumes, path+".meta")
		r.storage.mu.Unlock()
	}
	require.NoError(t, r.refresh())
	r.requireMemory("2222")
}

func TestErrorsOfStorageAreTold(t *testing.T) {
	r := newRig(t)
	r.publish(first, fixture.Spec{MemoryMiB: 1111, Updated: true, When: at(1)})
	require.NoError(t, r.refresh())
	broken := errors.New("input/output error")
	r.storage.hook(func(string, string, int) error { return broken })
	r.clock.Advance(time.Minute)
	require.ErrorContains(t, r.refresh(), "input/output error")
	require.Equal(t, time.Minute, r.State().Age)
	require.Equal(t, r.clock.Now(), r.State().ProblemSince)
	r.requireMemory("1111")
	r.storage.hook(nil)
	require.NoError(t, r.refresh())
	require.Empty(t, r.State().Problem)
	require.Zero(t, r.State().ProblemSince)
}

func TestAnOVFThatMakesNoSenseLeavesTheLastGoodFile(t *testing.T) {
	r := newRig(t)
	r.publish(first, fixture.Spec{MemoryMiB: 1111, Updated: true, When: at(1)})
	require.NoError(t, r.refresh())
	r.publish(first, fixture.Spec{Name: "two\nlines", Updated: true, When: at(2)})
	require.ErrorContains(t, r.refresh(), "control character")
	r.requireMemory("1111")
}

func TestOtherVMsAndBadNames(t *testing.T) {
	r := newRig(t)
	r.publish(first, fixture.Spec{MemoryMiB: 1111, Updated: true, When: at(1)})
	require.NoError(t, r.refresh())
	require.NotZero(t, r.LastSuccess())
	for _, id := range []string{"", "../x", strings.Repeat("a", 65), "a b"} {
		require.ErrorContains(t, r.Refresh(t.Context(), id), "vmid")
	}
	require.Error(t, r.Refresh(t.Context(), "ffff"))
	require.Zero(t, r.LastSuccess(), "it was that of another VM")
	r.requireMemory("1111")
	require.NoError(t, r.refresh())
	require.NotZero(t, r.LastSuccess())
}
