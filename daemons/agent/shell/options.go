package shell

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/agent"
	"github.com/holdfast-ha/holdfast/daemons/brokerlink"
	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/config"
	"github.com/holdfast-ha/holdfast/daemons/vm"
)

// Broker is what the agent needs of the broker. *brokerlink.Link is one.
type Broker interface {
	GetView(ctx context.Context) (brokerlink.View, error)
	PutStats(ctx context.Context, hostID int, data []byte) (ok bool, err error)
	PushHostsState(ctx context.Context, alive []int) (ok bool, err error)
	LockHostID(ctx context.Context, id int) (held bool, err error)
	ReleaseHostID(ctx context.Context) (ok bool, err error)
	StartMonitor(ctx context.Context, typ string, options map[string]any) (id string, ok bool, err error)
	StatusMonitor(ctx context.Context, id string) (text string, ok bool, err error)
	Notify(ctx context.Context, event, detail string, options map[string]any) (result string, ok bool, err error)
}

var _ Broker = (*brokerlink.Link)(nil)

// Options are what an agent runs with.
type Options struct {
	// Config is the configuration, as config.Load returns it.
	Config config.Config
	// HostName is published and stands in notifications.
	HostName string
	// Broker is the broker of this host.
	Broker Broker
	// Engine drives the engine VM; nil on a host that never runs it.
	Engine vm.Driver
	// Clock is where the time comes from.
	Clock clock.Clock
	// Log takes the log lines; its handler must not block.
	Log *slog.Logger
	// LocalMaintenanceFile is a ha.conf with the flags local_maintenance and local_maintenance_manual, on a local file
	// system. Empty: there is no local maintenance.
	LocalMaintenanceFile string
	// Notify, if not nil, gets the service manager's messages: READY=1, STATUS=..., WATCHDOG=1, STOPPING=1. It may block; its
	// errors are logged once.
	Notify func(message string) error
}

// Check tells what is wrong with the options, apart from the log, so that a configuration can be judged without running.
func (o Options) Check() error {
	switch {
	case o.Broker == nil:
		return errors.New("agent: no broker")
	case o.Clock == nil:
		return errors.New("agent: no clock")
	case o.Config.Timing.Tick <= 0 || o.Config.Timing.RPCTimeout <= 0 || o.Config.Timing.ShutdownGrace <= 0:
		return errors.New("agent: tick, rpc_timeout and shutdown_grace must be positive")
	}
	_, err := agent.New(o.settings())
	return err
}

func (o Options) settings() agent.Settings {
	return agent.Settings{
		HostID: o.Config.HostID, HostName: o.HostName, Timing: o.Config.Timing, Score: o.Config.Score, HasDriver: o.Engine != nil,
	}
}

// firstResult is how long a submonitor that was just started is asked again and again for its first result. It is shorter
// than the core's patience with a turn, so that the turn gets the result.
func (o Options) firstResult() time.Duration {
	return min(o.Config.Timing.RPCTimeout, o.Config.Timing.LoopDelay/2) * 3 / 4
}
