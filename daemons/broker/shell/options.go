package shell

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/config"
	"github.com/holdfast-ha/holdfast/daemons/domain"
	"github.com/holdfast-ha/holdfast/daemons/ops"
	"github.com/holdfast-ha/holdfast/daemons/storage"
	"github.com/holdfast-ha/holdfast/daemons/vdsm"
	"github.com/holdfast-ha/holdfast/daemons/vm"
)

// Options are what a broker runs with. Config, Log and VM are required.
type Options struct {
	Config  config.Config
	Log     *slog.Logger // must not block; package journal's does not
	VM      vm.Driver    // only its Status is used
	Version string       // of the program, for get_status

	Driver storage.Driver // nil: as Config.Storage says
	VDSM   *vdsm.Client   // nil: there is no VDSM on this host
	// MountVDSM is VDSM with the time that mounting takes; nil: storage is not connected through VDSM.
	MountVDSM storage.VDSM
	Storage   Storage        // nil: the volume that Driver finds
	Sanlock   Sanlock        // nil: the daemon at Config.SanlockSocket
	Domain    domain.Monitor // nil: the broker reads the domain itself

	// BrokerListener and OpsListener are sockets that the service manager made; nil: they are made at Config's paths.
	BrokerListener, OpsListener net.Listener

	Notify   func(string) error   // tells the service manager READY=1, STATUS, WATCHDOG=1 and STOPPING=1; nil: nobody
	Watchdog time.Duration        // how often the service manager wants WATCHDOG=1; 0: not at all
	Serving  func(address string) // called once the socket is there; nil: nobody

	// Metrics makes what answers /metrics and what hears of every RPC; nil: neither.
	Metrics func(ops.Source) Metrics
}

// Metrics are package ops/metrics's.
type Metrics interface {
	Handler() http.Handler
	ObserveCall(method string, took time.Duration, failed bool)
}

// Check returns what makes the configuration unusable for a broker, beyond what package config finds; nil if nothing does.
func (o Options) Check() error {
	if err := settings(o, true, "").Check(); err != nil {
		return err
	}
	_, err := livelinessOf(o.Config)
	return err
}

// ErrGaveUp is the error of a broker that ended in order and had to leave something undone: a record that storage did
// not take, or a lease that sanlock did not take back.
var ErrGaveUp = errors.New("broker ended, but gave up")

// ErrNoListener is the error of a broker that ended in order because nobody could reach it any more.
var ErrNoListener = errors.New("broker ended, because its socket was lost")
