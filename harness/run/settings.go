package run

import (
	"context"
	"fmt"
	"strings"

	"github.com/holdfast-ha/holdfast/harness/scenario"
	"github.com/holdfast-ha/holdfast/harness/tier/container"
)

// configure changes a host's holdfast.conf.
func (r *runner) configure(s *scenario.Configure) (detail string, err error) {
	host, err := r.cluster.Host(s.Host)
	if err != nil {
		return "", err
	}
	if err := host.Configure(values(s.Settings)); err != nil {
		return "", err
	}
	return "holds from the next start on", nil
}

// tell tells a host's stand-in what to do.
func (r *runner) tell(ctx context.Context, s *scenario.Tell) (ok bool, detail string) {
	host, err := r.cluster.Host(s.Host)
	if err != nil {
		return false, err.Error()
	}
	told := values(s.Settings)
	var state string
	err = within(ctx, rpcDeadline, func(ctx context.Context) (err error) {
		state, err = host.Tell(ctx, string(s.Program), told)
		return err
	})
	if err != nil {
		return false, err.Error()
	}
	var now []string
	for line := range strings.Lines(state) {
		key, _, _ := strings.Cut(line, "=")
		if _, asked := told[key]; asked {
			now = append(now, strings.TrimSpace(line))
		}
	}
	return true, "it says " + strings.Join(now, " ")
}

// publish writes the engine's OVF into a store.
func (r *runner) publish(ctx context.Context, s *scenario.Publish) (detail string, err error) {
	spec := container.OVFSpec{Memory: s.Memory, Updated: s.Updated, Torn: s.Torn}
	if err := within(ctx, rpcDeadline, func(ctx context.Context) error { return r.cluster.PublishOVF(ctx, s.Store, spec) }); err != nil {
		return "", err
	}
	return fmt.Sprintf("OVF_STORE %d has it", s.Store), nil
}

func values(list []scenario.Setting) map[string]string {
	all := map[string]string{}
	for _, s := range list {
		all[s.Key] = s.Value
	}
	return all
}
