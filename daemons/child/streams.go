package child

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// streams are the child's standard streams: pipes whose near ends are here, and the goroutines that serve them. All of
// them end in finish.
type streams struct {
	in, out, failure pipe // in.near is nil when there is nothing to write
	serving          sync.WaitGroup
	stdout, stderr   bounded
}

type pipe struct{ near, far *os.File }

// openStreams makes the pipes.
func openStreams(spec Spec) (*streams, error) {
	s := &streams{}
	var errs [3]error
	s.out.near, s.out.far, errs[0] = os.Pipe()
	s.failure.near, s.failure.far, errs[1] = os.Pipe()
	if len(spec.Stdin) > 0 {
		s.in.far, s.in.near, errs[2] = os.Pipe()
	}
	if err := errors.Join(errs[:]...); err != nil {
		s.close()
		return nil, fmt.Errorf("pipe: %w", err)
	}
	return s, nil
}

// give puts the far ends into the command. Without input the child reads /dev/null.
func (s *streams) give(cmd *exec.Cmd) {
	cmd.Stdout, cmd.Stderr = s.out.far, s.failure.far
	if s.in.far != nil {
		cmd.Stdin = s.in.far
	}
}

// run closes the far ends, which the child has by now, and serves the near ones.
func (s *streams) run(spec Spec) {
	for _, p := range []*pipe{&s.in, &s.out, &s.failure} {
		if p.far != nil {
			_ = p.far.Close()
			p.far = nil
		}
	}
	s.stdout.room, s.stderr.room = spec.MaxOutput, spec.MaxOutput
	s.serving.Go(func() { _, _ = io.Copy(&s.stdout, s.out.near) })
	s.serving.Go(func() { _, _ = io.Copy(&s.stderr, s.failure.near) })
	if s.in.near != nil {
		s.serving.Go(func() {
			_, _ = s.in.near.Write(spec.Stdin) // a child that does not read its input is fine
			_ = s.in.near.Close()
		})
	}
}

// finish waits at most so long for the end of the output, ends the goroutines and returns what they read.
func (s *streams) finish(wait time.Duration) Output {
	deadline := time.Now().Add(wait)
	_ = s.out.near.SetReadDeadline(deadline)
	_ = s.failure.near.SetReadDeadline(deadline)
	if s.in.near != nil {
		_ = s.in.near.SetWriteDeadline(time.Unix(1, 0)) // nobody reads it any more
	}
	s.serving.Wait()
	s.close()
	return Output{
		Stdout: string(s.stdout.kept), Stderr: string(s.stderr.kept), Code: -1,
		Truncated: s.stdout.cut || s.stderr.cut,
	}
}

// close closes whatever is open.
func (s *streams) close() {
	for _, p := range []pipe{s.in, s.out, s.failure} {
		for _, f := range []*os.File{p.near, p.far} {
			if f != nil {
				_ = f.Close()
			}
		}
	}
}

// bounded keeps the first bytes written to it and drops the rest.
type bounded struct {
	kept []byte
	room int
	cut  bool
}

// Write never fails.
func (b *bounded) Write(p []byte) (int, error) {
	n := min(len(p), b.room)
	b.kept = append(b.kept, p[:n]...)
	b.room -= n
	b.cut = b.cut || n < len(p)
	return len(p), nil
}
