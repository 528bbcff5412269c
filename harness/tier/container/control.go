package container

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/harness/attendant"
)

// StartProgram starts a program of the host that does not run, with the configuration as it is now, and returns when it serves:
// the broker answers get_health, sanlock its version, the stand-ins a greeting. The agent and the probe serve nobody; for them it
// returns when the process is there. The context bounds the waiting.
func (h *Host) StartProgram(ctx context.Context, name string) error {
	if err := h.Start(ctx, name); err != nil {
		return err
	}
	return h.awaitServing(ctx, name)
}

// StopProgram sends SIGTERM to a program of the host and waits, until the context ends, for its end. It never sends SIGKILL: a
// program that does not end is an error. The exit code is 128 + N when signal N ended it. A sanlock daemon with a lockspace
// refuses to end, so stop the broker and the engine before it, or kill it.
func (h *Host) StopProgram(ctx context.Context, name string) (took time.Duration, exitCode int, err error) {
	return h.endProgram(ctx, name, syscall.SIGTERM)
}

// KillProgram sends SIGKILL to a program of the host and waits, until the context ends, for its end. A program with a thread that is
// blocked in the kernel does not end: an error.
func (h *Host) KillProgram(ctx context.Context, name string) error {
	_, _, err := h.endProgram(ctx, name, syscall.SIGKILL)
	return err
}

func (h *Host) endProgram(ctx context.Context, name string, sig syscall.Signal) (time.Duration, int, error) {
	began := time.Now()
	if err := h.Attendant.Signal(ctx, name, sig); err != nil {
		return 0, 0, fmt.Errorf("%s: %s: %w", h.Name, name, err)
	}
	p, err := h.Attendant.Wait(ctx, name, untilDeadline(ctx))
	took := time.Since(began)
	if err != nil {
		if attendant.IsKind(err, attendant.KindTimeout) || ctx.Err() != nil {
			err = fmt.Errorf("%s: %s did not end within %s of %s: %w", h.Name, name, took.Round(time.Millisecond), unix.SignalName(sig), errors.Join(ctx.Err(), err))
		}
		return took, 0, err
	}
	return took, exitCode(p), nil
}

// exitCode is the code as a shell shows it: 128 + N when signal N ended the program.
func exitCode(p attendant.Process) int {
	if p.Signal != "" {
		return 128 + int(unix.SignalNum(p.Signal))
	}
	return p.ExitCode
}

// waitDefault bounds a wait whose context has no deadline.
const waitDefault = 30 * time.Second

// untilDeadline is the time that a context leaves, a little less, so that the answer still arrives.
func untilDeadline(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return waitDefault
	}
	left := time.Until(deadline)
	return max(left-min(left/20, 200*time.Millisecond), time.Millisecond)
}

// Configure changes lines of the host's holdfast.conf, in one step: name to value; an empty value takes the line away, so that the
// default holds. Programs read it when they start.
func (h *Host) Configure(values map[string]string) error {
	path := filepath.Join(h.Dir, confFile)
	old, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("%s: configure: %w", h.Name, err)
	}
	text, err := changeConf(string(old), values)
	if err != nil {
		return fmt.Errorf("%s: configure: %w", h.Name, err)
	}
	if err := writeWhole(path, []byte(text)); err != nil {
		return fmt.Errorf("%s: configure: %w", h.Name, err)
	}
	return nil
}

// changeConf replaces, adds and removes lines of a holdfast.conf.
func changeConf(old string, values map[string]string) (string, error) {
	for name, value := range values {
		if name == "" || strings.ContainsAny(name, "=# \t\r\n") || strings.ContainsAny(value, "\r\n") {
			return "", fmt.Errorf("%q = %q: want a name without blanks and a value on one line", name, value)
		}
	}
	var b strings.Builder
	for line := range strings.Lines(old) {
		name, _, _ := strings.Cut(line, "=")
		if _, changed := values[strings.TrimSpace(name)]; !changed {
			b.WriteString(line)
		}
	}
	for _, name := range sortedKeys(values) {
		if values[name] != "" {
			fmt.Fprintf(&b, "%s = %s\n", name, values[name])
		}
	}
	return b.String(), nil
}

// writeWhole replaces a file in one step.
func writeWhole(path string, data []byte) error {
	if err := os.WriteFile(path+".new", data, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
