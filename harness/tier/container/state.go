package container

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/holdfast-ha/holdfast/faults/deadmount"
	"github.com/holdfast-ha/holdfast/faults/process"
	"github.com/holdfast-ha/holdfast/harness/attendant"
)

// ProgramState is what is known of a program of a host.
type ProgramState struct {
	Running bool
	PID     int // in the container's PID namespace
	// State is the process's state as /proc has it: R, S, D, T (stopped), Z; "" when it does not run.
	State       string
	Threads     int
	Stopped     int // threads in state T
	Descriptors int
	// ExitCode is how it ended, 128 + N by signal N; -1 while it runs.
	ExitCode int
	// Started and Ended are CLOCK_MONOTONIC seconds; Ended is 0 while it runs.
	Started, Ended float64
}

// ProgramState tells how a program of the host is. One that was never started is an error.
func (h *Host) ProgramState(ctx context.Context, name string) (ProgramState, error) {
	s, err := h.Attendant.State(ctx, name)
	if err != nil {
		return ProgramState{}, fmt.Errorf("%s: state of %s: %w", h.Name, name, err)
	}
	state := ProgramState{
		Running: s.Running, PID: s.PID, State: s.State, Threads: s.Threads, Stopped: s.Stopped, Descriptors: s.Descriptors,
		ExitCode: -1, Started: s.Started, Ended: s.Ended,
	}
	if !s.Running {
		state.ExitCode = exitCode(s.Process)
	}
	return state, nil
}

// Program is one program of a host, as the faults of package process want it.
type Program struct {
	host *Host
	name string
}

// Program returns a handle of the host's program of that name.
func (h *Host) Program(name string) Program { return Program{host: h, name: name} }

// Signal implements process.Signaller.
func (p Program) Signal(ctx context.Context, sig syscall.Signal) error {
	return p.host.Attendant.Signal(ctx, p.name, sig)
}

// State implements process.Signaller.
func (p Program) State(ctx context.Context) (process.State, error) {
	s, err := p.host.ProgramState(ctx, p.name)
	if err != nil {
		return process.State{}, err
	}
	return process.State{PID: s.PID, Running: s.Running, Letter: s.State, Threads: s.Threads, Stopped: s.Stopped}, nil
}

// askWithin is how long a program may take to answer a question that it answers from memory.
const askWithin = time.Second

// Probe asks the program a question of its own protocol, for [askWithin]; errors as package wire has them.
func (p Program) Probe(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	a, err := p.host.Attendant.Ask(ctx, p.name, serviceAddress(p.name), askWithin)
	if err != nil {
		return time.Since(began), err
	}
	return a.Took(), nil
}

// Freeze returns the fault that stops the host's program of that name: "freeze sanlock for=host2".
func (h *Host) Freeze(name string) (*process.Fault, error) {
	if _, ok := h.specs[name]; !ok {
		return nil, fmt.Errorf("freeze %s for=%s: no such program; it has %v", name, h.Name, sortedKeys(h.specs))
	}
	o := process.Options{Host: h.Name, Program: name, Signaller: h.Program(name)}
	if serviceAddress(name) != "" {
		o.Probe = h.Program(name)
	}
	return process.New(o)
}

// DeadMount returns the fault that mounts, below /rhev/data-center/mnt of the host, a file system that answers nothing:
// "mount dead for=host2".
func (h *Host) DeadMount() (*deadmount.Fault, error) {
	return deadmount.New(deadmount.Options{Host: h.Name, Machine: deadMachine{h}})
}

// deadMachine runs what a dead mount needs on the host.
type deadMachine struct{ host *Host }

// deadProgram is the name of the program that serves a dead mount.
const deadProgram = "deadmount"

// Start implements deadmount.Machine.
func (m deadMachine) Start(ctx context.Context, dir string) error {
	_, err := m.host.Attendant.Spawn(ctx, attendant.Spec{
		Name: deadProgram, Unlisted: true, Argv: []string{inBin + "/holdfast-faultfs", "dead", "--mount", dir}, Stdout: inLogs + "/deadmount.log",
	})
	return err
}

// Stop implements deadmount.Machine.
func (m deadMachine) Stop(ctx context.Context) error {
	return stopProgram(ctx, m.host.Name, m.host.Attendant, deadProgram, 5*time.Second)
}

// Mounted implements deadmount.Machine.
func (m deadMachine) Mounted(ctx context.Context, dir string) (bool, error) {
	out, err := m.host.Run(ctx, "cat", "/proc/self/mountinfo")
	if err != nil {
		return false, err
	}
	return deadmount.InMountinfo(out, dir), nil
}

// Touch implements deadmount.Machine.
func (m deadMachine) Touch(ctx context.Context, dir string) error {
	_, err := m.host.Run(ctx, "ls", "-d", dir+"/.")
	if attendant.IsKind(err, attendant.KindTimeout) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", deadmount.ErrSilent, err)
	}
	return err
}
