package storage

import (
	"context"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/child"
	"github.com/holdfast-ha/holdfast/daemons/config"
)

// Driver connects one storage domain. Its methods are for the mount lane; see the package's comment.
type Driver interface {
	// Connect makes the volumes usable and tells where they are. It is done when they are; that their storage answers from then on is
	// for their users to see. The error is an *Error.
	Connect(ctx context.Context) (Volumes, error)
	// Disconnect takes everything away again that Connect makes. Nobody may use the volumes any more, the sanlock daemon included;
	// where the driver can tell that somebody does it refuses with KindInUse. The error is an *Error.
	Disconnect(ctx context.Context) error
	// Describe names the driver and the storage in one line, without secrets: "nfs nas.example.com:/exports/he".
	Describe() string
}

// Reconnector is a Driver that knows more to do about storage that fails than to connect again.
type Reconnector interface {
	Driver
	// Reconnect renews those parts that do not work and leaves the others alone.
	Reconnect(ctx context.Context) (Volumes, error)
}

// Reconnect is what to do when connected storage keeps failing: the driver's Reconnect, or Connect where it has none.
func Reconnect(ctx context.Context, d Driver) (Volumes, error) {
	if r, ok := d.(Reconnector); ok {
		return r.Reconnect(ctx)
	}
	return d.Connect(ctx)
}

// Volumes is where a connected domain's volumes are. All paths are absolute; an empty one means that there is no such volume, or that
// the driver does not know it. Values are comparable.
type Volumes struct {
	// Whiteboard is the metadata volume, Lockspace the one with sanlock's leases, Configuration the shared configuration.
	Whiteboard, Lockspace, Configuration string
	// Domain is what the domain monitor reads: the domain's own metadata, a file or a logical volume.
	Domain string
	// DomainIDs is the domain's own lockspace, whose name is the domain's UUID.
	DomainIDs string
	// DomainDir is the domain's directory, with images/IMAGE/VOLUME in it on file domains.
	DomainDir string
	// LVMConfig is what LVM's programs have to be given as --config, so that they look at the domain's own disks only; empty without LVM.
	LVMConfig string
	// Sector is the domain's sector size in bytes, 512 or 4096.
	Sector int
}

// Settings are what a driver needs to know.
type Settings struct {
	config.Storage
	// SDUUID names the storage domain.
	SDUUID string
	// WhiteboardPath to DomainIDsPath are the volumes of the driver path. With other drivers they win over what the driver finds.
	WhiteboardPath, LockspacePath, ConfigurationPath, DomainPath, DomainIDsPath string
	// SectorSize is 512, 4096, or 0 to ask the storage.
	SectorSize int
	// MountTimeout is how long mount(8) may take, SubprocessTimeout how long any other program; 0 means 60 and 20 s.
	MountTimeout, SubprocessTimeout time.Duration
}

// FromConfig takes the settings from the daemon's configuration.
func FromConfig(c config.Config) Settings {
	return Settings{
		Storage: c.Storage, SDUUID: c.SDUUID,
		WhiteboardPath: c.WhiteboardPath, LockspacePath: c.LockspacePath, ConfigurationPath: c.ConfigurationPath,
		DomainPath: c.DomainPath, DomainIDsPath: c.DomainIDsPath, SectorSize: c.SectorSize,
		MountTimeout: c.Timing.MountTimeout, SubprocessTimeout: c.Timing.SubprocessTimeout,
	}
}

// RunFunc runs a program; child.Run is one.
type RunFunc func(ctx context.Context, spec child.Spec) (child.Output, error)

// Deps are what a driver works with. The zero value is the machine itself, without VDSM.
type Deps struct {
	// Run runs programs; nil means child.Run.
	Run RunFunc
	// Files are the local files and the table of mounts; nil means the machine's own.
	Files Files
	// VDSM prepares the volumes where Settings.Prepare is "vdsm", or "auto" and this is not nil.
	VDSM VDSM
	// Note is told of what went wrong without hindering the connection, one line each: a compatibility link that could not be made, an
	// iSCSI path that is down. It is called from the lane and must not block. nil drops the notes.
	Note func(text string)
}

// New returns the driver that Settings.Driver names. It touches nothing. The error is an *Error of KindSettings that names the key of
// holdfast.conf.
func New(s Settings, deps Deps) (Driver, error) {
	if s.MountTimeout <= 0 {
		s.MountTimeout = time.Minute
	}
	if s.SubprocessTimeout <= 0 {
		s.SubprocessTimeout = child.DefaultDeadline
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	h := newHost(s, deps)
	if s.usesVDSM(deps) {
		return newVDSM(h, deps.VDSM)
	}
	switch s.Driver {
	case config.DriverPath:
		return pathDriver{s}, nil
	case config.DriverNFS, config.DriverGluster, config.DriverPosix:
		return newFile(h)
	case config.DriverISCSI:
		i, err := newISCSI(h)
		if err != nil {
			return nil, err
		}
		return &blockDriver{h, i}, nil
	case config.DriverFC:
		return &blockDriver{h, fc{h}}, nil
	case config.DriverUserspace:
		return newUserspace(h)
	}
	return nil, settingsError("storage_driver", "%q is none of path, nfs, glusterfs, posix, iscsi, fc, userspace", s.Driver)
}

// usesVDSM says whether VDSM connects and prepares.
func (s Settings) usesVDSM(deps Deps) bool {
	switch s.Driver {
	case config.DriverPath, config.DriverUserspace:
		return false
	}
	return s.Prepare == "vdsm" || s.Prepare != "direct" && deps.VDSM != nil
}
