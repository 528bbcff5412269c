package monitor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Kernel tells facts from /proc and /sys. It is the HostFacts of hosts without VDSM.
type Kernel struct {
	// Root is put before every path; "" on a real host.
	Root string
}

var _ HostFacts = Kernel{}

// maxKernelFile bounds what is read of one file, in bytes; /proc/stat of a host with many processors is long.
const maxKernelFile = 1 << 20

func (k Kernel) read(path string) (string, error) {
	f, err := os.Open(filepath.Join(k.Root, path))
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxKernelFile))
	return string(b), err
}

// BridgeUp says what VDSM says of a link: it is switched on and runs, or cannot tell whether it runs.
func (k Kernel) BridgeUp(_ context.Context, name string) (bool, error) {
	dir := filepath.Join("/sys/class/net", name)
	state, err := k.read(filepath.Join(dir, "operstate"))
	if err != nil {
		return false, err
	}
	switch strings.TrimSpace(state) {
	case "up":
		return true, nil
	case "unknown": // such as a dummy link's
	default:
		return false, nil
	}
	text, err := k.read(filepath.Join(dir, "flags"))
	if err != nil {
		return false, err
	}
	const isOn = 1 // IFF_UP
	flags, err := strconv.ParseUint(strings.TrimSpace(text), 0, 32)
	if err != nil {
		return false, fmt.Errorf("%s/flags: %w", dir, err)
	}
	return flags&isOn != 0, nil
}

// MemFree is what VDSM counts as free: free memory, buffers and page cache.
func (k Kernel) MemFree(context.Context) (int64, error) {
	text, err := k.read("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	wanted := map[string]bool{"MemFree:": true, "Buffers:": true, "Cached:": true}
	var sum int64
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 2 || !wanted[fields[0]] {
			continue
		}
		n, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil || n < 0 {
			return 0, fmt.Errorf("/proc/meminfo: %s is %q", fields[0], fields[1])
		}
		sum += n
		delete(wanted, fields[0])
	}
	if len(wanted) > 0 {
		return 0, errors.New("/proc/meminfo: MemFree, Buffers and Cached are not all there")
	}
	return sum / 1024, nil
}

// ticks are the kernel's counters of processor time, in clock ticks of all processors together.
type ticks struct{ total, idle uint64 }

// cpu reads the counters, and how many processors there are.
func (k Kernel) cpu() (ticks, int, error) {
	text, err := k.read("/proc/stat")
	if err != nil {
		return ticks{}, 0, err
	}
	var t ticks
	processors, isThere := 0, false
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0 || !strings.HasPrefix(fields[0], "cpu"):
		case fields[0] == "cpu":
			if t, err = parseTicks(fields[1:]); err != nil {
				return ticks{}, 0, fmt.Errorf("/proc/stat: %w", err)
			}
			isThere = true
		default:
			processors++
		}
	}
	if !isThere || processors == 0 {
		return ticks{}, 0, errors.New("/proc/stat: no line about the processors")
	}
	return t, processors, nil
}

// parseTicks adds up user, nice, system, idle, iowait, irq, softirq and steal. Guests' time, which follows, is part of
// user time already.
func parseTicks(fields []string) (ticks, error) {
	if len(fields) < 8 {
		return ticks{}, fmt.Errorf("%d fields of processor time, want 8", len(fields))
	}
	var t ticks
	for i, field := range fields[:8] {
		n, err := strconv.ParseUint(field, 10, 64)
		if err != nil {
			return ticks{}, fmt.Errorf("processor time: %w", err)
		}
		t.total += n
		if i == 3 || i == 4 {
			t.idle += n
		}
	}
	return t, nil
}

// load returns the load average of the last minute.
func (k Kernel) load() (float64, error) {
	text, err := k.read("/proc/loadavg")
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(text, " ")
	load, err := strconv.ParseFloat(first, 64)
	if err != nil || load < 0 {
		return 0, fmt.Errorf("/proc/loadavg: no load average in %.40q", text)
	}
	return load, nil
}
