// Package config reads holdfast.conf, the one file that configures both daemons.
//
// The format is `key = value`, one a line; a line whose first visible character is `#` is a comment. Reading is
// strict: an unknown key, a key given twice and a bad value are refused with the file, the line, what was expected and
// the nearest known key, because a cluster member that runs with half of what its operator meant is worse than one that
// does not start. Where it is silent, upstream's own files speak: hosted-engine.conf for what the host is and where its storage
// is, agent.conf for the score; they are read as strictly, and a fault names the file and line that it came from. Every key, its default and its meaning stand in one table (Keys); the commented example file
// packaging/holdfast.conf is printed from that table and a test compares the two.
package config

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

// Ways to run the engine VM.
const (
	VMDriverVDSM    = "vdsm"    // VDSM runs it
	VMDriverCommand = "command" // it is a program
	VMDriverNone    = "none"    // this host never runs it
)

// Config is everything that broker and agent can be told. It is a plain value: copy it freely.
type Config struct {
	// Root is what --root gave: every path below is under it already. Empty is the machine's own root.
	Root string
	// HostedEngineConf is upstream's hosted-engine.conf, AgentConf its agent.conf: where holdfast.conf is silent, they speak. A file that
	// is not there says nothing.
	HostedEngineConf, AgentConf string
	// HostID is this host's id: its sanlock host id and the index of its segment on the whiteboard, 1 to 2000.
	HostID int
	// HostName is published on the whiteboard; empty means what the kernel says (os.Hostname).
	HostName string
	// RunDir holds sockets and small state files; on a local file system.
	RunDir string
	// LocalMaintenanceFile is the host's ha.conf, with upstream's two flags of local maintenance, on a local file system;
	// a file that is not there sets nothing. Empty means that there is no local maintenance.
	LocalMaintenanceFile string
	// BrokerSocket is the path of the broker's RPC socket; never empty after Default, Parse or Load.
	BrokerSocket string
	// SocketMode is the permission of the broker's socket.
	SocketMode os.FileMode
	// OpsSocket is the path of the broker's socket for operations (HTTP, JSON); never empty after Default, Parse or Load.
	OpsSocket string
	// OpsMode is its permission.
	OpsMode os.FileMode
	// SocketOwner is USER:GROUP for both sockets; names that this machine does not know are left alone. Empty: nothing is changed.
	SocketOwner string
	// AllowUsers may connect to the broker's sockets: user names or numbers. Root and the daemon's own user always may.
	AllowUsers []string
	// StateDir holds what survives a reboot, on a local file system.
	StateDir string
	// BrokerConf is the local copy of broker.conf, with [email] and [notify].
	BrokerConf string
	// TemplateDir holds the texts of notifications, EVENT.txt each.
	TemplateDir string
	// VMConf is the engine VM's definition that the broker writes.
	VMConf string
	// WhiteboardPath is the metadata volume; empty means that storage is missing: the broker serves and says so.
	WhiteboardPath string
	// LockspaceName is the name of the sanlock lockspace, at most 48 bytes.
	LockspaceName string
	// LockspacePath is the volume with the lockspace; empty means that storage is missing.
	LockspacePath string
	// SanlockSocket is the command socket of the sanlock daemon.
	SanlockSocket string
	// IOTimeout is sanlock's I/O timeout for the lockspace, whole seconds.
	IOTimeout time.Duration
	// SDUUID names the storage domain.
	SDUUID string
	// SectorSize is that of the lockspace: 512, 4096, or 0 to ask the storage.
	SectorSize int
	// LockspaceAlign is the size of a lockspace in MiB: 1, 2, 4 or 8. With 4096-byte sectors 1 MiB has room for 250 hosts.
	LockspaceAlign int
	// ConfigurationPath is the shared configuration volume; empty means that it is found by Storage, or that there is none.
	ConfigurationPath string
	// DomainPath is what the domain monitor reads the first 4096 bytes of; empty means that it is found by Storage, or the whiteboard.
	DomainPath string
	// DomainIDsPath is the storage domain's own lockspace; empty means that it is found by Storage, or not monitored.
	DomainIDsPath string
	// OVFStorePaths are the volumes in which an OVF_STORE is looked for; empty means that the storage domain is searched.
	OVFStorePaths []string
	// Storage is how the shared storage is connected.
	Storage Storage
	// VDSM is how VDSM is reached.
	VDSM VDSM
	// Network is what the agent has tested.
	Network Network
	// LogLevel is debug, info, warn or error; Level gives it as slog wants it.
	LogLevel string
	// VMDriver says how the engine VM is run: one of the VMDriver constants.
	VMDriver string
	// VMCommand is the program of the command driver and its arguments; no shell is involved.
	VMCommand []string
	// VMHealthURL is asked for the engine's health; empty means that the engine's process is all there is to see.
	VMHealthURL string
	// VMID is the engine VM's UUID.
	VMID string
	// MaxClients limits the connections to the broker's socket.
	MaxClients int
	// MaxBody limits one RPC request, in bytes.
	MaxBody int64
	// Score are the weights of the score; they must be equal on all hosts.
	Score ScoreWeights
	// TimeFactor multiplies every timing that the table calls scaled. It is 1 in production.
	TimeFactor float64
	// Timing are all times and counts of both daemons, already multiplied by TimeFactor.
	Timing Timing
}

// Level returns LogLevel for log/slog.
func (c Config) Level() slog.Level {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.LogLevel)) // the key's parser has accepted it
	return level
}

// Default returns the configuration of an empty file. It lacks a host id, which has no default, and is complete
// otherwise.
func Default() Config {
	c := unscaledDefaults()
	c.complete()
	return c
}

// unscaledDefaults sets every key to the default in the table, as if each stood in the file.
func unscaledDefaults() Config {
	var c Config
	for _, key := range Keys() {
		if key.Default == "" {
			continue
		}
		if err := key.set(&c, key.Default); err != nil {
			// A wrong table is a bug of this package that its tests find; it cannot depend on input.
			panic(fmt.Sprintf("config: default of %s: %v", key.Name, err))
		}
	}
	return c
}

// complete derives what follows from other keys, puts every path under the root and applies the time factor.
func (c *Config) complete() {
	for _, d := range []struct {
		field     *string
		dir, name string
	}{
		{&c.BrokerSocket, c.RunDir, "broker.socket"},
		{&c.OpsSocket, c.RunDir, "ops.socket"},
		{&c.VMConf, c.RunDir, "vm.conf"},
		{&c.Storage.UserspaceDir, c.RunDir, "attached"},
		{&c.BrokerConf, c.StateDir, "broker.conf"},
	} {
		if *d.field == "" {
			*d.field = filepath.Join(d.dir, d.name)
		}
	}
	if c.Storage.Driver == "" && c.WhiteboardPath != "" {
		c.Storage.Driver = DriverPath
	}
	c.underRoot()
	c.Timing.scale(c.TimeFactor)
}

// underRoot puts every path under Root.
func (c *Config) underRoot() {
	if c.Root == "" {
		return
	}
	for _, key := range Keys() {
		if key.path == nil {
			continue
		}
		if field := key.path(c); *field != "" {
			*field = filepath.Join(c.Root, *field)
		}
	}
	for i, path := range c.OVFStorePaths {
		c.OVFStorePaths[i] = filepath.Join(c.Root, path)
	}
}
