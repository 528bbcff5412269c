package child

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// dyingTime is how long a killed child may take to die before it is abandoned.
	dyingTime = 2 * time.Second
	// pipeTime is how long the output of a child that has ended is waited for: a daemon that it started may hold the
	// pipe open for ever.
	pipeTime = 500 * time.Millisecond
	// maxWords bounds what an error quotes of standard error, in bytes.
	maxWords = 300
)

// Run runs a program and waits for its end, at most for Spec.Deadline and dyingTime more. Whatever the error, Output
// holds what was written until then. An exit status other than 0 is an *ExitError; the other errors wrap one of the
// package's Err variables, the cause of ctx, or what the kernel said when the child was started.
//
// A daemon that the child leaves running in a session of its own is not touched.
func Run(ctx context.Context, spec Spec) (Output, error) {
	out := Output{Code: -1}
	if err := spec.check(); err != nil {
		return out, err
	}
	name := spec.Argv[0]
	if err := context.Cause(ctx); err != nil {
		return out, fmt.Errorf("%s: not started: %w", name, err)
	}
	if spec.Ward.holds(spec.Argv) {
		return out, fmt.Errorf("%s: %w", name, ErrStuck)
	}
	program, err := find(name, spec.path())
	if err != nil {
		return out, fmt.Errorf("%s: %w", name, err)
	}
	if spec.Deadline <= 0 {
		spec.Deadline = DefaultDeadline
	}
	if spec.MaxOutput <= 0 {
		spec.MaxOutput = DefaultMaxOutput
	}
	p, err := start(spec, program)
	if err != nil {
		return out, fmt.Errorf("%s: %w", name, err)
	}
	return p.await(ctx, spec)
}

// process is a child that was started.
type process struct {
	cmd     *exec.Cmd
	pidfd   *os.File
	streams *streams
	// ended gets one value when the child can be collected without waiting. After abandoned is closed, the goroutine
	// that would send it collects the child itself.
	ended     chan struct{}
	abandoned chan struct{}
}

// start starts the child and the goroutine that waits for its end.
func start(spec Spec, program string) (*process, error) {
	pipes, err := openStreams(spec)
	if err != nil {
		return nil, err
	}
	pidfd := -1
	cmd := &exec.Cmd{
		Path: program, Args: spec.Argv, Env: spec.environment(), Dir: "/",
		SysProcAttr: &unix.SysProcAttr{Setsid: true, PidFD: &pidfd},
	}
	pipes.give(cmd)
	if err := cmd.Start(); err != nil {
		pipes.close()
		return nil, err
	}
	p := &process{cmd: cmd, streams: pipes, ended: make(chan struct{}), abandoned: make(chan struct{})}
	pipes.run(spec)
	if err := p.watch(pidfd); err != nil { // an old kernel; nothing that the daemons run on
		_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
		pipes.close()
		_ = cmd.Process.Release()
		return nil, err
	}
	go p.wait(spec)
	return p, nil
}

// watch hands the pidfd to Go's poller, so that waiting for the child takes a goroutine and no thread.
func (p *process) watch(pidfd int) error {
	if pidfd < 0 {
		return errors.New("the kernel gives no pidfd; Linux 5.3 or newer is needed")
	}
	if err := unix.SetNonblock(pidfd, true); err != nil {
		_ = unix.Close(pidfd)
		return fmt.Errorf("pidfd: %w", err)
	}
	p.pidfd = os.NewFile(uintptr(pidfd), "pidfd")
	return nil
}

// wait is the goroutine that outlives Run if the child does.
func (p *process) wait(spec Spec) {
	p.untilEnded()
	select {
	case p.ended <- struct{}{}:
	case <-p.abandoned:
		_ = p.collect()
		spec.Ward.release(spec.Argv)
	}
}

// untilEnded returns when every thread of the child has ended.
func (p *process) untilEnded() {
	hasEnded := false
	if raw, err := p.pidfd.SyscallConn(); err == nil {
		_ = raw.Read(func(fd uintptr) bool { // its error shows in hasEnded
			n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
			hasEnded = err == nil && n > 0
			return hasEnded || err != nil && !errors.Is(err, unix.EINTR)
		})
	}
	for !hasEnded { // no poller: wait in a thread
		err := unix.Waitid(unix.P_PID, p.cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		hasEnded = !errors.Is(err, unix.EINTR)
	}
}

// collect frees the process id of a child that has ended.
func (p *process) collect() error {
	_ = p.pidfd.Close()
	return p.cmd.Wait()
}

// await waits for the child within its limits and returns what came of it.
func (p *process) await(ctx context.Context, spec Spec) (Output, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, spec.Deadline, fmt.Errorf("%w, after %s", ErrDeadline, spec.Deadline))
	defer cancel()
	var cause error
	select {
	case <-p.ended:
	case <-ctx.Done():
		cause = context.Cause(ctx)
		if !errors.Is(cause, ErrDeadline) {
			cause = fmt.Errorf("killed: %w", cause)
		}
		// The child has not been collected, so its id and its group's are its own.
		_ = unix.Kill(-p.cmd.Process.Pid, unix.SIGKILL)
		dying := time.NewTimer(dyingTime)
		defer dying.Stop()
		select {
		case <-p.ended:
		case <-dying.C:
			spec.Ward.take(spec.Argv, p.cmd.Process.Pid)
			close(p.abandoned)
			return p.streams.finish(0), fmt.Errorf("%s: %w: %w", spec.Argv[0], cause, ErrAbandoned)
		}
	}
	_ = p.collect() // its error repeats what ProcessState says
	out := p.streams.finish(pipeTime)
	if cause != nil {
		return out, fmt.Errorf("%s: %w", spec.Argv[0], cause)
	}
	state := p.cmd.ProcessState
	if out.Code = state.ExitCode(); out.Code != 0 {
		return out, &ExitError{Program: spec.Argv[0], Code: out.Code, State: state.String(), Stderr: words(out.Stderr)}
	}
	return out, nil
}

// words makes one short line of what a child said.
func words(text string) string {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f }), " ")
	if len(text) > maxWords {
		text = strings.ToValidUTF8(text[:maxWords], "") + " ..."
	}
	return text
}
