package shell

import (
	"context"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/broker"
	"github.com/holdfast-ha/holdfast/daemons/config"
	"github.com/holdfast-ha/holdfast/daemons/lane"
	"github.com/holdfast-ha/holdfast/daemons/storage"
)

// given is the driver of volumes that are there already: nothing is connected, and that they can be read is for the
// lanes to see.
type given struct{ volumes storage.Volumes }

// Connect returns where the volumes are.
func (g given) Connect(context.Context) (storage.Volumes, error) { return g.volumes, nil }

// Disconnect has nothing to do.
func (given) Disconnect(context.Context) error { return nil }

// Describe names the paths' origin.
func (given) Describe() string { return "path: the volumes as they are" }

// newDriver returns what connects the storage, or says what is missing. must tells whether there is anything to connect;
// bad is what in the configuration no driver could work with: the broker serves all the same, and says so.
func newDriver(options Options, note func(string)) (driver storage.Driver, must bool, missing, bad string) {
	cfg := options.Config
	switch {
	case options.Driver != nil:
		return options.Driver, true, "", ""
	case cfg.Storage.Driver == "" && cfg.WhiteboardPath == "" && options.Storage == nil:
		return given{}, false, "whiteboard_path is not set", ""
	case cfg.Storage.Driver == "" || cfg.Storage.Driver == config.DriverPath:
		if cfg.WhiteboardPath == "" && options.Storage == nil {
			return given{}, false, "whiteboard_path is not set", ""
		}
		return given{storage.Volumes{
			Whiteboard: cfg.WhiteboardPath, Lockspace: cfg.LockspacePath, Configuration: cfg.ConfigurationPath,
			Domain: cfg.DomainPath, DomainIDs: cfg.DomainIDsPath, Sector: cfg.SectorSize,
		}}, false, "", ""
	}
	driver, err := storage.New(storage.FromConfig(cfg), storage.Deps{VDSM: options.MountVDSM, Note: note})
	if err != nil {
		return given{}, false, "the storage is not configured rightly", err.Error()
	}
	return driver, true, "", ""
}

// mountLane connects and disconnects the storage.
type mountLane struct {
	*lane.Lane
	driver storage.Driver
	ended  mounted // belongs to the lane's thread
	// within bounds one operation; every step in it has its own bound as well. It does not end with the broker's own context.
	within func() (context.Context, context.CancelFunc)
}

// mounted is the end of an operation of the mount lane as the loop gets it: first the lanes learn where the volumes are,
// then the core that they may be used.
type mounted struct {
	broker.MountDone
	volumes storage.Volumes
}

func newMountLane(ctx context.Context, driver storage.Driver, limit time.Duration, in *inbox) *mountLane {
	m := &mountLane{driver: driver}
	m.within = func() (context.Context, context.CancelFunc) {
		return context.WithTimeout(context.WithoutCancel(ctx), limit)
	}
	m.Lane = lane.New(broker.MountLane, func(d lane.Done) {
		ended := m.ended
		ended.Err, ended.Started, ended.Ended = d.Err, d.Started, d.Ended
		in.push(ended)
	})
	return m
}

// run starts an operation; false if the lane is busy or closed.
func (m *mountLane) run(op broker.MountOp) bool {
	name := lane.OpConnect
	if op == broker.MountDisconnect {
		name = lane.OpDisconnect
	}
	return m.Start(lane.Request{Op: name, Segment: lane.NoSegment, Run: func() error {
		m.ended = mounted{MountDone: broker.MountDone{Op: op}}
		ctx, cancel := m.within()
		defer cancel()
		volumes, err := m.do(ctx, op)
		if err == nil {
			m.ended.volumes, m.ended.Ready = volumes, readyOf(volumes)
		}
		return err
	}})
}

func (m *mountLane) do(ctx context.Context, op broker.MountOp) (storage.Volumes, error) {
	switch op {
	case broker.MountDisconnect:
		return storage.Volumes{}, m.driver.Disconnect(ctx)
	case broker.MountReconnect:
		return storage.Reconnect(ctx, m.driver)
	case broker.MountConnect:
	}
	return m.driver.Connect(ctx)
}

func readyOf(v storage.Volumes) broker.Ready {
	return broker.Ready{
		Whiteboard: v.Whiteboard, Lockspace: v.Lockspace, Configuration: v.Configuration,
		Domain: v.Domain, DomainIDs: v.DomainIDs, Sector: v.Sector,
	}
}
