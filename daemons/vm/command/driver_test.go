package command

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/vm"
)

const patience = 30 * time.Second

// driver makes a driver whose engine is this binary in the given mode, and makes sure that nothing of it survives.
func driver(t *testing.T, dir, mode string) *Driver {
	t.Helper()
	d, err := New(Options{RunDir: dir, Argv: []string{os.Args[0], mode}, LogPath: filepath.Join(dir, "log")})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := d.Stop(ctx, true); err != nil {
			t.Errorf("stop at the end of the test: %v", err)
		}
		d.Close()
	})
	return d
}

func await(t *testing.T, d *Driver, want string) vm.Status {
	t.Helper()
	var got vm.Status
	require.Eventually(t, func() bool {
		var err error
		got, err = d.Status(t.Context())
		require.NoError(t, err)
		return got.Status == want
	}, patience, 10*time.Millisecond, "the engine does not become %q", want)
	return got
}

// requireGone wants the process to be dead and collected: its id is free.
func requireGone(t *testing.T, pid int) {
	t.Helper()
	require.Eventually(t, func() bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) },
		patience, 10*time.Millisecond, "process %d is still there, perhaps as a zombie", pid)
}

func TestLifeOfAnEngine(t *testing.T) {
	t.Parallel()
	d := driver(t, t.TempDir(), modeEngine)
	status, err := d.Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, vm.Status{}, status, "before the first start")
	require.NoError(t, d.Stop(t.Context(), false), "nothing to stop")

	before := clock.Now()
	require.NoError(t, d.Start(t.Context()))
	status, err = d.Status(t.Context())
	require.NoError(t, err)
	require.True(t, status.Exists)
	require.Contains(t, []string{vm.StatusPoweringUp, vm.StatusUp}, status.Status)
	up := await(t, d, vm.StatusUp)
	require.Positive(t, up.Since.Sub(before), "since when it is up, on this machine's clock")

	require.NoError(t, d.Start(t.Context()), "started twice")
	again := await(t, d, vm.StatusUp)
	require.Equal(t, up.PID, again.PID, "the second start must change nothing")

	require.NoError(t, d.Stop(t.Context(), false))
	down := await(t, d, vm.StatusDown)
	require.True(t, down.Exists, "an engine that ended exists until it is removed")
	require.Equal(t, "stopped on request", down.ExitMessage)
	require.Equal(t, vm.ExitSuccess, down.ExitReason)
	requireGone(t, up.PID)

	require.NoError(t, d.Stop(t.Context(), true))
	status, err = d.Status(t.Context())
	require.NoError(t, err)
	require.False(t, status.Exists, "removed")
	require.NoFileExists(t, d.StatusPath())

	require.NoError(t, d.Start(t.Context()), "a life after that")
	require.NotEqual(t, up.PID, await(t, d, vm.StatusUp).PID)
}

func TestStartTwiceAtOnceStartsOne(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := driver(t, dir, modeEngine)
	var work sync.WaitGroup
	for range 8 {
		work.Go(func() {
			if err := d.Start(t.Context()); err != nil {
				t.Errorf("start: %v", err)
			}
		})
	}
	work.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	require.Len(t, d.reapers, 1, "children")
}

// TestRestartedAgentFindsTheEngine: the engine was started by a process that is gone.
func TestRestartedAgentFindsTheEngine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, exec.Command(os.Args[0], modeStarter, dir).Run())
	d := driver(t, dir, modeEngine)
	status := await(t, d, vm.StatusUp)
	require.NoError(t, d.Start(t.Context()))
	require.Equal(t, status.PID, await(t, d, vm.StatusUp).PID, "a second engine was started")
	require.NoError(t, d.Stop(t.Context(), true))
	status, err := d.Status(t.Context())
	require.NoError(t, err)
	require.False(t, status.Exists)
}

// TestEngineThatWasNotNotedIsFound: its starter died between starting it and writing engine.json.
func TestEngineThatWasNotNotedIsFound(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := driver(t, dir, modeEngine)
	require.NoError(t, d.Start(t.Context()))
	pid := await(t, d, vm.StatusUp).PID
	require.NoError(t, os.Remove(d.recordPath()))
	require.Equal(t, pid, await(t, d, vm.StatusUp).PID)
	require.NoError(t, d.Start(t.Context()))
	require.Equal(t, pid, await(t, d, vm.StatusUp).PID, "a second engine was started")
}

// TestCloseLeavesTheEngineAlone and a driver made later takes over.
func TestCloseLeavesTheEngineAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := driver(t, dir, modeEngine)
	require.NoError(t, first.Start(t.Context()))
	pid := await(t, first, vm.StatusUp).PID
	first.Close()
	first.Close()
	second := driver(t, dir, modeEngine)
	require.Equal(t, pid, await(t, second, vm.StatusUp).PID)
	require.NoError(t, second.Stop(t.Context(), true))
	require.ErrorContains(t, first.Start(t.Context()), "driver is closed")
	// This process is still the parent and has given up its reaper, so it collects the child here.
	var status syscall.WaitStatus
	_, err := syscall.Wait4(pid, &status, 0, nil)
	require.NoError(t, err)
	require.Equal(t, syscall.SIGKILL, status.Signal())
}

// TestReusedProcessID: engine.json names an id that another process has by now. It must not be signalled.
func TestReusedProcessID(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bystander := exec.Command(os.Args[0], modeGrandchild)
	require.NoError(t, bystander.Start())
	defer func() {
		require.NoError(t, bystander.Process.Kill(), "the bystander must have survived")
		_ = bystander.Wait()
	}()
	ticks, err := StartTicks(bystander.Process.Pid)
	require.NoError(t, err)
	d := driver(t, dir, modeEngine)
	require.NoError(t, writeJSON(d.recordPath(), record{PID: bystander.Process.Pid, StartTicks: ticks - 1}))

	status, err := d.Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, vm.StatusDown, status.Status)
	require.NoError(t, d.Stop(t.Context(), false))
	require.NoError(t, d.Stop(t.Context(), true))
	require.NoError(t, bystander.Process.Signal(syscall.Signal(0)))
	require.NoError(t, d.Start(t.Context()))
	require.NotEqual(t, bystander.Process.Pid, await(t, d, vm.StatusUp).PID)
}

// TestForcedStopEndsTheWholeSession, whatever the program thinks of it, within its deadline.
func TestForcedStopEndsTheWholeSession(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := driver(t, dir, modeStubborn)
	require.NoError(t, d.Start(t.Context()))
	pid := await(t, d, vm.StatusUp).PID
	b, err := os.ReadFile(filepath.Join(dir, "grandchild"))
	require.NoError(t, err)
	grandchild, err := strconv.Atoi(string(b))
	require.NoError(t, err)

	require.NoError(t, d.Stop(t.Context(), false))
	time.Sleep(200 * time.Millisecond)
	require.Equal(t, vm.StatusUp, await(t, d, vm.StatusUp).Status, "a polite request is not obeyed by this program")

	started := time.Now()
	require.NoError(t, d.Stop(t.Context(), true))
	require.Less(t, time.Since(started), patience)
	requireGone(t, pid)
	require.Eventually(t, func() bool { return !isAlive(grandchild) }, patience, 10*time.Millisecond)
}

// isAlive says whether a process that is not our child still runs; as a zombie it does not.
func isAlive(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return !strings.HasPrefix(rest, "Z")
}

// TestKilledButNotGone: a process in a storage call outlives SIGKILL. Here it is the record that says so, of a process
// that lives.
func TestKilledButNotGone(t *testing.T) {
	t.Parallel()
	d := driver(t, t.TempDir(), modeEngine)
	require.NoError(t, d.Start(t.Context()))
	pid := await(t, d, vm.StatusUp).PID
	ticks, err := StartTicks(pid)
	require.NoError(t, err)
	require.NoError(t, writeJSON(d.recordPath(), record{PID: pid, StartTicks: ticks, Killed: true}))
	await(t, d, vm.StatusPoweringDown)
	require.ErrorContains(t, d.Start(t.Context()), "was killed and is not gone yet")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h, running, err := openProcess(pid, ticks)
	require.NoError(t, err)
	require.True(t, running)
	defer h.close()
	require.NoError(t, h.signal(unix.SIGSTOP))
	require.Error(t, d.Stop(ctx, true), "a forced stop ends with its context")
}

// TestLockConflictIsPassedOn word for word: engine-health goes by it.
func TestLockConflictIsPassedOn(t *testing.T) {
	t.Parallel()
	d := driver(t, t.TempDir(), modeRefused)
	require.NoError(t, d.Start(t.Context()))
	status := await(t, d, vm.StatusDown)
	require.True(t, strings.HasSuffix(status.ExitMessage, "Failed to acquire lock: error -243"), status.ExitMessage)
}

func TestSilentEnd(t *testing.T) {
	t.Parallel()
	d := driver(t, t.TempDir(), modeSilent)
	require.NoError(t, d.Start(t.Context()))
	require.Eventually(t, func() bool {
		status, err := d.Status(t.Context())
		require.NoError(t, err)
		require.True(t, status.Exists)
		return strings.Contains(status.ExitMessage, "exit status 7") && status.ExitReason == vm.ExitGenericError
	}, patience, 10*time.Millisecond)
}

func TestCleanEnvironment(t *testing.T) {
	t.Setenv("SECRET", "x")
	dir := t.TempDir()
	d := driver(t, dir, modeEmpty)
	require.NoError(t, d.Start(t.Context()))
	await(t, d, vm.StatusDown)
	b, err := os.ReadFile(filepath.Join(dir, "log"))
	require.NoError(t, err)
	require.ElementsMatch(t, []string{
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", StatusEnv + "=" + d.StatusPath(),
		"cwd " + dir, "leads its session true",
	}, strings.Split(strings.TrimSpace(string(b)), "\n"))
}

func TestWhatCannotWork(t *testing.T) {
	t.Parallel()
	_, err := New(Options{RunDir: "relative"})
	require.ErrorContains(t, err, "absolute")
	_, err = New(Options{RunDir: "/x", Argv: []string{"engine"}})
	require.ErrorContains(t, err, `"engine"`)

	d, err := New(Options{RunDir: t.TempDir()})
	require.NoError(t, err)
	require.ErrorContains(t, d.Start(t.Context()), "set vm_command")
	d, err = New(Options{RunDir: t.TempDir(), Argv: []string{"/absent/engine"}})
	require.NoError(t, err)
	require.ErrorIs(t, d.Start(t.Context()), os.ErrNotExist)
	status, err := d.Status(t.Context())
	require.NoError(t, err)
	require.False(t, status.Exists)

	// A file that cannot be understood starts no second engine.
	require.NoError(t, os.WriteFile(d.recordPath(), []byte("{"), 0o600))
	require.ErrorContains(t, d.Start(t.Context()), d.recordPath())
	_, err = d.Status(t.Context())
	require.ErrorContains(t, err, "then remove the file")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = d.Status(ctx)
	require.ErrorIs(t, err, context.Canceled)
	<-d.turn
	require.ErrorIs(t, d.Start(ctx), context.Canceled)
}

func TestStartTicks(t *testing.T) {
	t.Parallel()
	ticks, err := StartTicks(os.Getpid())
	require.NoError(t, err)
	require.Positive(t, ticks)
	_, err = StartTicks(1 << 30)
	require.ErrorIs(t, err, os.ErrNotExist)
	got, err := parseStartTicks([]byte("7 (a) b) c) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242 20 21"))
	require.NoError(t, err)
	require.Equal(t, uint64(4242), got, "of a program whose name has parentheses and blanks")
	for _, bad := range []string{"", "7 x", "7 (x) S 1", "7 (x) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 x"} {
		_, err := parseStartTicks([]byte(bad))
		require.Error(t, err, "line %q", bad)
	}
}
