package monitor

import (
	"bytes"
	"context"
	"fmt"
	"strconv"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/vm"
)

// clockTicks is how many clock ticks of processor time the kernel counts in a second, on every machine that Go runs on.
const clockTicks = 100

// EngineProcess returns what CPULoadNoEngine needs to know of an engine that is a process on this host: the time that
// the kernel counts for the process between two calls. It is for one caller at a time.
func EngineProcess(driver vm.Driver, kernel Kernel, clk clock.Clock) func(context.Context) (EngineCPU, error) {
	p := &engineProcess{driver: driver, kernel: kernel, clk: clk}
	return p.look
}

type engineProcess struct {
	driver vm.Driver
	kernel Kernel
	clk    clock.Clock

	before processTime // the newest reading; its pid is 0 before the first
}

// processTime is a reading of a process's counter.
type processTime struct {
	pid   int
	ticks uint64 // user and system time
	began uint64 // start of the process; tells it from a later one with the same id
	at    clock.Mono
}

func (p *engineProcess) look(ctx context.Context) (EngineCPU, error) {
	status, err := p.driver.Status(ctx)
	if err != nil {
		return EngineCPU{}, fmt.Errorf("status of the engine VM: %w", err)
	}
	before := p.before
	p.before = processTime{}
	if !status.Exists || status.Status == vm.StatusDown {
		return EngineCPU{}, nil
	}
	if status.PID == 0 {
		return EngineCPU{Here: true}, nil
	}
	now, err := p.read(status.PID)
	if err != nil {
		return EngineCPU{}, fmt.Errorf("processor time of the engine VM, process %d: %w", status.PID, err)
	}
	p.before = now
	if before.pid != now.pid || before.began != now.began || now.at <= before.at || now.ticks < before.ticks {
		return EngineCPU{Here: true}, nil
	}
	seconds := float64(now.ticks-before.ticks) / clockTicks
	return EngineCPU{Here: true, Actual: true, Percent: 100 * seconds / now.at.Sub(before.at).Seconds()}, nil
}

// read reads fields 14, 15 and 22 of the process's stat line. The second field may contain anything, so counting
// begins behind its closing parenthesis.
func (p *engineProcess) read(pid int) (processTime, error) {
	text, err := p.kernel.read("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return processTime{}, err
	}
	end := bytes.LastIndexByte([]byte(text), ')')
	fields := bytes.Fields([]byte(text)[end+1:]) // the first one is field 3
	if end < 0 || len(fields) < 20 {
		return processTime{}, fmt.Errorf("stat line %.60q is too short", text)
	}
	var numbers [3]uint64
	for i, field := range []int{14, 15, 22} {
		if numbers[i], err = strconv.ParseUint(string(fields[field-3]), 10, 64); err != nil {
			return processTime{}, fmt.Errorf("stat line: field %d: %w", field, err)
		}
	}
	return processTime{pid: pid, ticks: numbers[0] + numbers[1], began: numbers[2], at: p.clk.Now()}, nil
}
