package monitor

import (
	"context"
	"fmt"
	"time"
)

// CPULoadType is the type's name in start_monitor.
const CPULoadType = "cpu-load"

// CPULoad returns the type cpu-load: the load average of the last minute for each processor. The text is a number,
// "1.0" when it is not known. The agent does not use it.
func CPULoad(kernel Kernel, interval time.Duration) Kind {
	return Kind{
		Type: CPULoadType, Interval: interval, Deadline: interval,
		New:     func(Options) (Action, error) { return cpuLoad{kernel}, nil },
		Unknown: func(string) string { return "1.0" },
	}
}

type cpuLoad struct{ kernel Kernel }

// Measure reads the load.
func (c cpuLoad) Measure(context.Context) (string, error) {
	load, err := c.kernel.load()
	if err != nil {
		return "", fmt.Errorf("load: %w", err)
	}
	_, processors, err := c.kernel.cpu()
	if err != nil {
		return "", fmt.Errorf("load: %w", err)
	}
	return float(load / float64(processors)), nil
}
