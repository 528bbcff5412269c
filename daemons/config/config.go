// Package config reads holdfast.conf, the one file that configures both daemons.
//
// The format is `key = value`, one a line; a line whose first visible character is `#` is a comment. Reading is
// strict: an unknown key, a key given twice and a bad value are refused with the file, the line, what was expected and
// the nearest known key, because a cluster member that runs with half of what its operator meant is worse than one that
// does not start. Every key, its default and its meaning stand in one table (Keys); the commented example file
// packaging/holdfast.conf is printed from that table and a test compares the two.
package config

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

// Config is everything that broker and agent can be told. It is a plain value: copy it freely.
type Config struct {
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
	// SDUUID names the storage domain, for the storage-domain submonitor.
	SDUUID string
	// LogLevel is debug, info, warn or error; Level gives it as slog wants it.
	LogLevel string
	// VMDriver says how the engine VM is run: "command" or "none".
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

// complete derives what follows from other keys and applies the time factor.
func (c *Config) complete() {
	if c.BrokerSocket == "" {
		c.BrokerSocket = filepath.Join(c.RunDir, "broker.socket")
	}
	c.Timing.scale(c.TimeFactor)
}

// maxFile bounds what Load reads, in bytes: a path that names a device or a log file by mistake must not fill the memory.
const maxFile = 1 << 20

// Load reads and checks the file at path. All faults found are reported together (errors.Join); each is an *Error
// unless the file cannot be read at all.
func Load(path string) (Config, error) {
	file, err := os.Open(path)
	if err != nil {
		cure := "check the path and its permissions"
		if errors.Is(err, os.ErrNotExist) {
			cure = "copy the commented example holdfast.conf there and set host_id"
		}
		return Config{}, fmt.Errorf("read configuration: %w (%s)", err, cure)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return Config{}, fmt.Errorf("read configuration %s: %w", path, err)
	}
	return Parse(path, text)
}
