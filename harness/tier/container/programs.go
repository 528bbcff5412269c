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

	"github.com/holdfast-ha/holdfast/harness/attendant"
)

// startProgram starts the program of that name as it was started at first.
func startProgram(ctx context.Context, where string, a *attendant.Client, specs map[string]attendant.Spec, name string) error {
	spec, ok := specs[name]
	if !ok {
		return fmt.Errorf("%s: no program %q; it has %s", where, name, strings.Join(sortedKeys(specs), ", "))
	}
	if _, err := a.Spawn(ctx, spec); err != nil {
		return fmt.Errorf("%s: start %s: %w", where, name, err)
	}
	return nil
}

func stopProgram(ctx context.Context, where string, a *attendant.Client, name string, grace time.Duration) error {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		err := a.Signal(ctx, name, sig)
		if attendant.IsKind(err, attendant.KindUnknownName) {
			return nil // it does not run
		}
		if err != nil {
			return fmt.Errorf("%s: stop %s: %w", where, name, err)
		}
		_, err = a.Wait(ctx, name, grace)
		if err == nil {
			return nil
		}
		if !attendant.IsKind(err, attendant.KindTimeout) {
			return fmt.Errorf("%s: stop %s: %w", where, name, err)
		}
	}
	return fmt.Errorf("%s: %s did not end within %s of SIGKILL: a thread of it is blocked in the kernel; clear the fault first", where, name, grace)
}

// pollEvery is the pause between two questions whether something is ready.
const pollEvery = 10 * time.Millisecond

// awaitReady asks until check succeeds. When the program has ended meanwhile it stops at once and quotes the end of its log.
func awaitReady(ctx context.Context, where string, a *attendant.Client, spec attendant.Spec, log string, check func(context.Context) error) error {
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		p, serr := a.Status(ctx, spec.Name)
		switch {
		case serr == nil && !p.Running:
			return fmt.Errorf("%s: %s ended (exit code %d %s) before it was ready; its log %s ends: %s",
				where, spec.Name, p.ExitCode, p.Signal, log, logTail(log))
		case ctx.Err() != nil:
			return fmt.Errorf("%s: %s was not ready in time: %w; its log %s ends: %s", where, spec.Name, errors.Join(ctx.Err(), err), log, logTail(log))
		}
		select {
		case <-ctx.Done():
		case <-time.After(pollEvery):
		}
	}
}

// logTail returns the last lines of a log, at most 600 bytes, for an error message.
func logTail(path string) string {
	b, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		return err.Error()
	}
	s := strings.TrimSpace(string(b))
	if len(s) > 600 {
		s = "..." + s[len(s)-600:]
	}
	if s == "" {
		return "(empty)"
	}
	return s
}
