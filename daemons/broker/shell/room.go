package shell

import (
	"time"

	"github.com/holdfast-ha/holdfast/daemons/config"
	"github.com/holdfast-ha/holdfast/daemons/ovf"
	"github.com/holdfast-ha/holdfast/daemons/storage"
)

// newRoom makes what keeps vm.conf and the shared configuration.
func newRoom(cfg config.Config) *ovf.Room {
	return ovf.New(ovf.Options{
		VMConf: cfg.VMConf, BrokerConf: cfg.BrokerConf, StorePaths: cfg.OVFStorePaths, Device: ovf.DirectDevice{},
		CatalogWait: cfg.Timing.SubprocessTimeout,
	})
}

// sourcesOf tells the room where to read.
func (s *shell) sourcesOf(v storage.Volumes) ovf.Sources {
	cfg := s.Config
	domain := ovf.Domain{
		UUID: cfg.SDUUID, Dir: v.DomainDir, LVMConfig: v.LVMConfig,
		Block: cfg.Storage.Driver == config.DriverISCSI || cfg.Storage.Driver == config.DriverFC,
	}
	if s.VDSM != nil {
		domain.VDSM = s.VDSM
	}
	return ovf.Sources{Configuration: v.Configuration, Connected: true, Catalog: s.room.CatalogOf(domain)}
}

// mountLimit bounds one operation of the mount lane: a few mounts or logins, and the programs around them.
func mountLimit(cfg config.Config) time.Duration {
	t := cfg.Timing
	return 2*t.MountTimeout + 10*t.SubprocessTimeout
}
