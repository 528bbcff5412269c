package shell

import (
	"time"

	"github.com/holdfast-ha/holdfast/daemons/config"
	"github.com/holdfast-ha/holdfast/daemons/directio"
	"github.com/holdfast-ha/holdfast/daemons/ovf"
	"github.com/holdfast-ha/holdfast/daemons/storage"
)

// newRoom makes what keeps vm.conf and the shared configuration.
func newRoom(cfg config.Config) *ovf.Room {
	return ovf.New(ovf.Options{
		VMConf: cfg.VMConf, BrokerConf: cfg.BrokerConf, StorePaths: cfg.OVFStorePaths, Device: device{},
	})
}

// device reads and writes volumes with O_DIRECT.
type device struct{}

func (device) Read(path string, offset int64, length int) ([]byte, error) {
	return directio.Read(path, offset, length)
}

func (device) Write(path string, offset int64, data []byte) error {
	return directio.Write(path, offset, data)
}

// sourcesOf tells the room where to read.
func sourcesOf(_ config.Config, v storage.Volumes) ovf.Sources {
	return ovf.Sources{Configuration: v.Configuration}
}

// mountLimit bounds one operation of the mount lane: a few mounts or logins, and the programs around them.
func mountLimit(cfg config.Config) time.Duration {
	t := cfg.Timing
	return 2*t.MountTimeout + 10*t.SubprocessTimeout
}
