package child_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/daemons/child"
)

// hungMount mounts a FUSE file system that takes every request and answers none. Whoever touches it sleeps in the
// kernel and cannot be killed. heal makes all requests fail and unmounts it.
func hungMount(t *testing.T) (dir string, heal func()) {
	t.Helper()
	dir = t.TempDir()
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err == nil {
		err = unix.Mount("hung", dir, "fuse", 0, "fd="+strconv.Itoa(fd)+",rootmode=40000,user_id=0,group_id=0")
	}
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("needs FUSE and the right to mount: %v", err)
		}
		t.Skipf("SKIPPED: needs FUSE and the right to mount: %v", err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		swallow(fd)
	}()
	isHealed := false
	heal = func() {
		if isHealed {
			return
		}
		isHealed = true
		if err := unix.Unmount(dir, unix.MNT_FORCE|unix.MNT_DETACH); err != nil { // FORCE fails all requests
			t.Errorf("unmount %s: %v", dir, err)
		}
		<-served
		_ = unix.Close(fd)
	}
	t.Cleanup(heal)
	return dir, heal
}

// swallow answers the kernel's greeting, reads everything else, and returns when the file system is gone.
func swallow(fd int) {
	const greeting, headerSize, greetingReply = 26, 40, 64
	request := make([]byte, 1<<17)
	for {
		n, err := unix.Read(fd, request)
		if err == unix.EINTR || err == unix.ENOENT {
			continue
		}
		if err != nil || n < headerSize {
			return
		}
		if binary.NativeEndian.Uint32(request[4:]) == greeting {
			reply := make([]byte, 16, 16+greetingReply)
			binary.NativeEndian.PutUint32(reply, 16+greetingReply)
			copy(reply[8:], request[8:16]) // the request's number
			reply = binary.NativeEndian.AppendUint32(reply, 7)
			reply = binary.NativeEndian.AppendUint32(reply, 31)
			reply = append(reply, make([]byte, greetingReply-8)...)
			binary.NativeEndian.PutUint32(reply[16+20:], 1<<16) // bytes of one write
			_, _ = unix.Write(fd, reply)
		}
	}
}

func threads(t *testing.T) int {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	require.NoError(t, err)
	return len(tasks)
}

func TestAChildThatCannotDieIsAbandonedAndNotStartedAgain(t *testing.T) {
	dir, heal := hungMount(t)
	var ward child.Ward
	spec := self(modeTouch, filepath.Join(dir, "file"))
	spec.Ward, spec.Deadline = &ward, 2*time.Second
	goroutines := runtime.NumGoroutine()

	began := time.Now()
	_, err := child.Run(t.Context(), spec)
	require.ErrorIs(t, err, child.ErrAbandoned)
	require.ErrorIs(t, err, child.ErrDeadline)
	require.Less(t, time.Since(began), patience)
	stuck := ward.Stuck()
	require.Len(t, stuck, 1)
	require.Equal(t, os.Args[0], stuck[0].Program)
	require.True(t, alive(stuck[0].PID))
	require.LessOrEqual(t, runtime.NumGoroutine(), goroutines+1, "one goroutine is left, and it has no thread")

	before := threads(t)
	for range 100 {
		_, err = child.Run(t.Context(), spec)
		require.ErrorIs(t, err, child.ErrStuck)
	}
	require.LessOrEqual(t, threads(t), before+1)
	require.Len(t, ward.Stuck(), 1)

	other := self(modeShow)
	other.Ward = &ward
	_, err = child.Run(t.Context(), other)
	require.NoError(t, err, "other commands are not held up")

	heal()
	require.Eventually(t, func() bool { return ward.Ended() == 1 }, patience, 10*time.Millisecond, "it is collected when it ends")
	require.Empty(t, ward.Stuck())
	require.False(t, alive(stuck[0].PID))
}

// Looking whether the program is there would hang.
func TestAProgramOnSharedStorageIsRefusedWithoutTouchingIt(t *testing.T) {
	dir, _ := hungMount(t)
	link := filepath.Join(t.TempDir(), "program")
	require.NoError(t, os.Symlink(filepath.Join(dir, "bin", "mount"), link))
	_, err := child.Run(t.Context(), child.Spec{Argv: []string{filepath.Join(dir, "bin", "mount")}})
	require.ErrorIs(t, err, child.ErrRemote)
	require.ErrorContains(t, err, dir)
	_, err = child.Run(t.Context(), child.Spec{Argv: []string{link}})
	require.ErrorIs(t, err, child.ErrRemote, "through a link")
	_, err = child.Run(t.Context(), child.Spec{Argv: []string{"mount"}, Env: []string{"PATH=" + dir}})
	require.ErrorIs(t, err, child.ErrRemote, "through PATH")
	out, err := child.Run(t.Context(), child.Spec{Argv: []string{"echo"}, Env: []string{"PATH=" + dir + ":/bin"}})
	require.NoError(t, err, "the next directory has it")
	require.Equal(t, "\n", out.Stdout)
}
