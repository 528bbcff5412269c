package monitor_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/monitor"
	"github.com/holdfast-ha/holdfast/daemons/vm"
)

// kernel writes files below a new root.
func kernel(t *testing.T, files map[string]string) monitor.Kernel {
	t.Helper()
	k := monitor.Kernel{Root: t.TempDir()}
	for path, text := range files {
		put(t, k, path, text)
	}
	return k
}

func put(t *testing.T, k monitor.Kernel, path, text string) {
	t.Helper()
	path = filepath.Join(k.Root, path)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

func TestBridge(t *testing.T) {
	k := kernel(t, map[string]string{
		"/sys/class/net/ovirtmgmt/operstate": "up\n",
		"/sys/class/net/unplugged/operstate": "down\n",
		"/sys/class/net/dummy0/operstate":    "unknown\n", "/sys/class/net/dummy0/flags": "0x83\n",
		"/sys/class/net/dummy1/operstate": "unknown\n", "/sys/class/net/dummy1/flags": "0x82\n",
		"/sys/class/net/odd/operstate": "unknown\n", "/sys/class/net/odd/flags": "many\n",
	})
	kind := monitor.Bridge(k, time.Second, time.Second)
	require.Equal(t, "None", kind.Unknown(""))
	for name, want := range map[string]string{"ovirtmgmt": "True", "unplugged": "False", "dummy0": "True", "dummy1": "False"} {
		got, err := measure(t, kind, monitor.Options{"address": "0", "use_ssl": "true", "bridge_name": name})
		require.NoError(t, err)
		require.Equal(t, want, got, name)
	}
	_, err := measure(t, kind, monitor.Options{"bridge_name": "missing"})
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = measure(t, kind, monitor.Options{"bridge_name": "odd"})
	require.ErrorContains(t, err, "odd/flags")
	for _, bad := range []monitor.Options{nil, {"bridge_name": int64(1)}, {"bridge_name": ""}, {"bridge_name": "../../etc"}, {"bridge_name": ".."}} {
		_, err := kind.New(bad)
		require.ErrorContains(t, err, "bridge_name")
	}
}

func TestMemFreeCountsAsVDSMDoes(t *testing.T) {
	k := kernel(t, map[string]string{"/proc/meminfo": "MemTotal: 16000000 kB\nMemFree:  1048576 kB\nMemAvailable: 9 kB\n" +
		"Buffers: 1024 kB\nCached: 2048 kB\nSwapCached: 77777 kB\n"})
	kind := monitor.MemFree(k, time.Second, time.Second)
	got, err := measure(t, kind, nil)
	require.NoError(t, err)
	require.Equal(t, "1027", got)
	for text, want := range map[string]string{
		"":                  "not all there",
		"MemFree: many kB":  `MemFree: is "many"`,
		"MemFree: -1 kB":    `MemFree: is "-1"`,
		"MemFree:\nCached:": "not all there",
	} {
		_, err := measure(t, monitor.MemFree(kernel(t, map[string]string{"/proc/meminfo": text}), time.Second, time.Second), nil)
		require.ErrorContains(t, err, want)
	}
	_, err = measure(t, monitor.MemFree(monitor.Kernel{}, time.Second, time.Second), nil)
	require.NoError(t, err, "this machine's own")
}

func TestCPULoad(t *testing.T) {
	k := kernel(t, map[string]string{"/proc/loadavg": "1.50 0.1 0.2 1/2 3\n", "/proc/stat": stat(0, 0)})
	kind := monitor.CPULoad(k, time.Second)
	got, err := measure(t, kind, nil)
	require.NoError(t, err)
	require.Equal(t, "0.75", got)
	require.Equal(t, "1.0", kind.Unknown(""))
	put(t, k, "/proc/loadavg", "high\n")
	_, err = measure(t, kind, nil)
	require.ErrorContains(t, err, "no load average")
	_, err = measure(t, monitor.CPULoad(kernel(t, map[string]string{"/proc/loadavg": "1 2 3"}), time.Second), nil)
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = measure(t, monitor.CPULoad(monitor.Kernel{}, time.Second), nil)
	require.NoError(t, err, "this machine's own")
}

// cpuRig is a cpu-load-no-engine with two processors, a clock and an engine that a test moves.
type cpuRig struct {
	t          *testing.T
	k          monitor.Kernel
	clk        *clock.Fake
	engine     monitor.EngineCPU
	err        error
	busy, idle int
	action     monitor.Action
}

func newCPURig(t *testing.T) *cpuRig {
	r := &cpuRig{t: t, k: kernel(t, nil), clk: clock.NewFake(clock.Mono(time.Hour), time.Unix(0, 0)), busy: 1000, idle: 9000}
	kind := monitor.CPULoadNoEngine(r.k, func(context.Context) (monitor.EngineCPU, error) { return r.engine, r.err }, r.clk,
		monitor.CPUTiming{First: 10 * time.Second, Interval: time.Minute, Keep: 300 * time.Second, Deadline: time.Second})
	require.Equal(t, "None", kind.Unknown(""))
	_, err := kind.New(monitor.Options{"address": "0"})
	require.ErrorContains(t, err, "vm_uuid is required")
	r.action, err = kind.New(monitor.Options{"vm_uuid": "1"})
	require.NoError(t, err)
	_, err = r.sample(0, 0, 0)
	require.ErrorContains(t, err, "no result yet")
	return r
}

// sample lets time pass in which the processors were busy and idle for so many ticks, and measures.
func (r *cpuRig) sample(after time.Duration, busy, idle int) (string, error) {
	r.clk.Advance(after)
	r.busy, r.idle = r.busy+busy, r.idle+idle
	put(r.t, r.k, "/proc/stat", stat(r.busy, r.idle))
	return r.action.Measure(r.t.Context())
}

func (r *cpuRig) want(want string, after time.Duration, busy, idle int) {
	r.t.Helper()
	got, err := r.sample(after, busy, idle)
	require.NoError(r.t, err)
	require.Equal(r.t, want, got)
}

// age is how old the value that was just returned is.
func (r *cpuRig) age() time.Duration { return r.clk.Now().Sub(r.action.(monitor.Dated).At()) }

func (r *cpuRig) interval() time.Duration { return r.action.(monitor.Paced).Pace().Interval }

func TestCPULoadWithoutTheEngine(t *testing.T) {
	r := newCPURig(t)
	require.Equal(t, 10*time.Second, r.interval(), "the first sample is short")
	r.want("0.2500", 10*time.Second, 500, 1500)
	require.Zero(t, r.interval(), "all others have the type's interval")
	r.engine = monitor.EngineCPU{Here: true, Actual: true, Percent: 40} // 0.4 of one of two processors
	r.want("0.3000", time.Minute, 500, 500)
	r.engine.Percent = 150
	r.want("0.0000", time.Minute, 500, 500)
	require.Zero(t, r.age())
	r.engine = monitor.EngineCPU{}
	r.want("0.1235", time.Minute, 12346, 100000-12346)
}

func TestCPULoadKeepsTheOldValueWhileTheEnginesShareIsNotReal(t *testing.T) {
	r := newCPURig(t)
	r.want("0.2500", 10*time.Second, 500, 1500)
	r.engine = monitor.EngineCPU{Here: true}
	for i := range 5 {
		r.want("0.2500", time.Minute, 900, 100)
		require.Equal(t, time.Duration(i+1)*time.Minute, r.age(), "the old value with its own age")
	}
	r.want("0.9000", time.Minute, 900, 100)
	require.Zero(t, r.age(), "after 300 s the share of everything counts")
	r.engine.Actual = true
	r.want("0.9000", time.Minute, 900, 100)
}

func TestCPULoadBeforeAnythingIsKnownOfTheEngine(t *testing.T) {
	r := newCPURig(t)
	r.engine = monitor.EngineCPU{Here: true}
	r.want("0.2500", 10*time.Second, 500, 1500)
}

func TestCPULoadIsUnknownWhenTheDriverFailsForLong_S24(t *testing.T) {
	r := newCPURig(t)
	r.want("0.2500", 10*time.Second, 500, 1500)
	r.err = errors.New("driver is away")
	r.want("0.2500", time.Minute, 900, 100)
	require.Equal(t, time.Minute, r.age())
	_, err := r.sample(241*time.Second, 900, 100)
	require.ErrorContains(t, err, "driver is away")
	r.err = nil
	r.want("0.1000", time.Minute, 100, 900)
}

func TestCPULoadRefusesImpossibleReadings(t *testing.T) {
	r := newCPURig(t)
	_, err := r.sample(time.Second, 500, 500)
	require.ErrorContains(t, err, "no result yet", "asked again at once: too short for a sample")
	_, err = r.sample(10*time.Second, -500, -500)
	require.ErrorContains(t, err, "did not advance")
	_, err = r.sample(10*time.Second, 600, -500)
	require.ErrorContains(t, err, "did not advance")
	for _, text := range []string{"", "cpu 1 2\ncpu0 1\n", "cpu a b c d e f g h\ncpu0 1\n", "cpu 1 2 3 4 5 6 7 8\n", "cpu0 1 2 3 4 5 6 7 8\n"} {
		put(t, r.k, "/proc/stat", text)
		r.clk.Advance(time.Minute)
		_, err = r.action.Measure(t.Context())
		require.ErrorContains(t, err, "/proc/stat", "%q", text)
	}
}

// processStat is a stat line with a name that tries to confuse.
func processStat(user, system, began string) string {
	return "42 (qemu) R 1 (x) S 1 2 3 4 5 6 7 8 9 10 " + user + " " + system + " 16 17 18 19 20 21 " + began + " 23\n"
}

func TestEngineProcess(t *testing.T) {
	k := kernel(t, map[string]string{"/proc/42/stat": processStat("1000", "500", "7")})
	clk := clock.NewFake(clock.Mono(time.Hour), time.Unix(0, 0))
	driver := &fakeDriver{}
	look := monitor.EngineProcess(driver, k, clk)
	want := func(want monitor.EngineCPU, status vm.Status) {
		t.Helper()
		driver.status = status
		got, err := look(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	up := vm.Status{Exists: true, Status: vm.StatusUp, PID: 42}
	unmeasured := monitor.EngineCPU{Here: true}
	want(monitor.EngineCPU{}, vm.Status{})
	want(monitor.EngineCPU{}, vm.Status{Exists: true, Status: vm.StatusDown, PID: 42})
	want(unmeasured, vm.Status{Exists: true, Status: vm.StatusUp})
	want(unmeasured, up)
	clk.Advance(10 * time.Second)
	put(t, k, "/proc/42/stat", processStat("1300", "700", "7"))
	want(monitor.EngineCPU{Here: true, Actual: true, Percent: 50}, up)
	clk.Advance(10 * time.Second)
	put(t, k, "/proc/42/stat", processStat("1400", "700", "8"))
	want(unmeasured, up)

	for text, problem := range map[string]string{"42 (q) R 1": "too short", "": "too short", processStat("x", "1", "1"): "field 14"} {
		put(t, k, "/proc/42/stat", text)
		_, err := look(t.Context())
		require.ErrorContains(t, err, problem)
	}
	driver.err = errors.New("driver is away")
	_, err := look(t.Context())
	require.ErrorContains(t, err, "driver is away")
}

// stat is a /proc/stat of two processors. Guests' time, the last two numbers, is not counted twice.
func stat(busy, idle int) string {
	return fmt.Sprintf("cpu  %d 0 0 %d %d 0 0 0 99999 99999\ncpu0 1 2 3 4\ncpu1 1 2 3 4\nintr 5\n", busy, idle/2, idle-idle/2)
}
