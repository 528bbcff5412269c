package process

import (
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/config"
	"github.com/holdfast-ha/holdfast/daemons/vdsm"
	"github.com/holdfast-ha/holdfast/daemons/vm"
	"github.com/holdfast-ha/holdfast/daemons/vm/command"
	vmvdsm "github.com/holdfast-ha/holdfast/daemons/vm/vdsm"
)

// UsesVDSM tells whether this host has a VDSM to talk to.
func UsesVDSM(cfg config.VDSM) bool {
	switch cfg.Mode {
	case "on":
		return true
	case "off":
		return false
	}
	return readable(cfg.Certificate) == nil
}

// NewVDSM returns a client that connects when it is first used. No call takes longer than timeout. A nil log is none.
func NewVDSM(cfg config.VDSM, timeout time.Duration, log *slog.Logger) (*vdsm.Client, error) {
	client, err := vdsm.New(vdsm.Options{
		Address: cfg.Address, Certificate: cfg.Certificate, Key: cfg.Key, Authority: cfg.Authority, Timeout: timeout, Log: log,
	})
	if err != nil {
		return nil, fmt.Errorf("vdsm: %w", err)
	}
	return client, nil
}

// EngineDriver returns the driver of the engine VM, nil where there is none, and what ends its goroutines; the engine VM
// itself goes on. An error is one of the configuration: VDSM itself, or the program, need not be there yet.
func EngineDriver(cfg config.Config) (engine vm.Driver, closeDriver func(), err error) {
	switch cfg.VMDriver {
	case config.VMDriverCommand:
		d, err := command.New(command.Options{RunDir: cfg.RunDir, Argv: cfg.VMCommand})
		if err != nil {
			return nil, nil, fmt.Errorf("vm_driver = command: %w", err)
		}
		return d, d.Close, nil
	case config.VMDriverVDSM:
		d, closeDriver, err := throughVDSM(cfg)
		if err != nil {
			return nil, nil, fmt.Errorf("vm_driver = vdsm: %w", err)
		}
		return d, closeDriver, nil
	}
	return nil, func() {}, nil
}

// throughVDSM makes the driver, and a connection of its own for it: the agent has no other, and the broker's questions about the
// host do not wait behind those about the engine VM.
func throughVDSM(cfg config.Config) (engine vm.Driver, closeDriver func(), err error) {
	// vdsm = auto means that there is none where its certificate cannot be read. Here it is needed, so the reason is told.
	for _, file := range []struct{ key, path string }{
		{"vdsm_certificate", cfg.VDSM.Certificate}, {"vdsm_key", cfg.VDSM.Key}, {"vdsm_authority", cfg.VDSM.Authority},
	} {
		if err := readable(file.path); err != nil {
			return nil, nil, fmt.Errorf("VDSM cannot be talked to: %s: %w (check the path and that this daemon's user may read it, or deploy the host)", file.key, err)
		}
	}
	client, err := NewVDSM(cfg.VDSM, cfg.Timing.VDSMTimeout, nil)
	if err != nil {
		return nil, nil, err
	}
	d, err := vmvdsm.New(client, vmvdsm.Options{ID: cfg.VMID, Definition: cfg.VMConf})
	if err != nil {
		client.Close()
		return nil, nil, err
	}
	return d, func() { d.Close(); client.Close() }, nil
}

func readable(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	return file.Close()
}
