package monitor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/child"
)

// pingTest asks a host for an echo, by the system's ping.
type pingTest struct{ program, address string }

func newPing(o Options, s NetworkSettings) (networkTest, error) {
	address, err := host(o, "addr")
	if err != nil {
		return nil, err
	}
	return pingTest{program: s.PingProgram, address: address}, nil
}

// argv is upstream's command line.
func (p pingTest) argv(timeout time.Duration) []string {
	argv := []string{p.program, "-c", "1", "-W", strings.TrimSuffix(float(timeout.Seconds()), ".0")}
	if strings.Contains(p.address, ":") {
		argv = append(argv, "-6")
	}
	return append(argv, p.address)
}

func (p pingTest) try(ctx context.Context, timeout time.Duration) error {
	_, err := child.Run(ctx, child.Spec{Argv: p.argv(timeout), MaxOutput: 4 << 10, Deadline: timeout + testSlack})
	var exit *child.ExitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &exit), errors.Is(err, child.ErrDeadline):
		return err
	}
	return fmt.Errorf("ping %s: %w: %w", p.address, errCannotTest, err)
}
