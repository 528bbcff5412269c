package config

import "log/slog"

// Names of the storage drivers.
const (
	DriverPath      = "path"      // the volumes are there already, at the paths that the file names
	DriverNFS       = "nfs"       // NFS through the kernel's client
	DriverGluster   = "glusterfs" // GlusterFS through its mount helper
	DriverPosix     = "posix"     // any file system that mount(8) knows
	DriverISCSI     = "iscsi"     // LUNs of an iSCSI target through iscsiadm, LVM on them
	DriverFC        = "fc"        // LUNs that the kernel finds by itself, LVM on them
	DriverUserspace = "userspace" // NFS files or iSCSI LUNs through a program of the user's space, without the kernel's clients
)

// Storage says what the shared storage is and how it is connected.
type Storage struct {
	// Driver is one of the names above; empty means that no storage is configured.
	Driver string
	// Connection is SERVER:/PATH, or for iSCSI the portals' addresses, IP[:PORT], comma separated.
	Connection string
	// MountOptions are added to the mount's own, comma separated.
	MountOptions string
	// NFSVersion is auto, 3, 4, 4.0, 4.1 or 4.2.
	NFSVersion string
	// VFSType is the file system's type for the driver posix.
	VFSType string
	// ConnectionUUID is VDSM's id of the connection.
	ConnectionUUID string
	// SPUUID is the pool; anything but the blank UUID means the layout of version 3.5, which is refused.
	SPUUID string
	// MountParent is the directory under which domains are mounted.
	MountParent string
	// RunLinks is the directory of the links to prepared volumes.
	RunLinks string
	// Metadata is the whiteboard's volume, Lockspace the lockspace's, Configuration the shared configuration's.
	Metadata, Lockspace, Configuration VolumeID
	// IQN and Tpgt name the iSCSI target and its portal group, User and Password are for CHAP, Port is the portals'. With several
	// portals each may be a comma separated list.
	IQN, Tpgt, User string
	Password        Secret
	Port            string
	// ISCSIBlacklist are the iSCSI paths not to use, IFACE<>PORTAL, comma separated.
	ISCSIBlacklist string
	// Prepare says who makes volumes ready: vdsm, direct, or auto (VDSM where it is used).
	Prepare string
	// UserspaceProgram attaches volumes for the driver userspace.
	UserspaceProgram string
	// UserspaceDir is where it shows them.
	UserspaceDir string
}

// VolumeID names a volume of the storage domain. Both are UUIDs; with DriverUserspace and an IQN Volume is a LUN's number and Image is
// empty.
type VolumeID struct{ Image, Volume string }

// Known reports whether both parts are there.
func (v VolumeID) Known() bool { return v.Image != "" && v.Volume != "" }

// VDSM says how VDSM is reached.
type VDSM struct {
	// Mode is on, off, or auto: on where Certificate is readable.
	Mode string
	// Address is HOST:PORT.
	Address string
	// Certificate, Key and Authority are PEM files.
	Certificate, Key, Authority string
}

// Network is what the agent has tested, and where the engine's page is.
type Network struct {
	FQDN, Gateway, Bridge, Test, TCPAddress, TCPPort string
}

// Secret is a text that is never printed or logged; Reveal gives it to who needs it.
type Secret string

// String hides the secret; an empty one is shown as empty.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "***"
}

// GoString hides the secret.
func (s Secret) GoString() string { return `config.Secret("` + s.String() + `")` }

// LogValue hides the secret.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText hides the secret from JSON and the like.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Reveal returns the secret.
func (s Secret) Reveal() string { return string(s) }
