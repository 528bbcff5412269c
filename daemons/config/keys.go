package config

import (
	"os"
	"time"
)

// Key is one line of the table of all keys: what may stand in holdfast.conf. Documents are checked against it.
type Key struct {
	// Section groups keys in the example file and in documents.
	Section string
	// Name is the key as it stands in the file.
	Name string
	// Upstream is upstream's name for the same thing; empty for what only Holdfast has.
	Upstream string
	// Default is the value of an absent key, as it would stand in the file; empty if there is none.
	Default string
	// Expected says what a value looks like, for errors and documents.
	Expected string
	// Meaning is one sentence without a full stop.
	Meaning string
	// Scaled says that time_factor multiplies the value.
	Scaled bool
	// Required says that the file must have the key.
	Required bool

	set      func(*Config, string) error
	show     func(Config) string
	duration func(*Timing) *time.Duration // of scaled keys
	path     func(*Config) *string        // of keys whose value is one path, which --root moves
	secret   bool                         // the value is never repeated, in errors neither
}

// timesSection is the title of the times and counts in the table.
const timesSection = "Times and counts"

// Keys returns the table of all keys in the order of the example file. The slice is the caller's.
func Keys() []Key {
	var keys []Key
	for _, section := range []struct {
		title string
		keys  []Key
	}{
		{"This host", hostKeys()},
		{"Whiteboard, lockspace and sanlock", lockspaceKeys()},
		{"Storage: how to connect it", storageKeys()},
		{"OVF and shared configuration", ovfKeys()},
		{"VDSM", vdsmKeys()},
		{"Network tests", networkKeys()},
		{"Engine VM", engineKeys()},
		{"Limits", limitKeys()},
		{scoreSection, scoreKeys()},
		{timesSection, append([]Key{timeFactorKey()}, timingKeys()...)},
	} {
		for _, key := range section.keys {
			key.Section = section.title
			keys = append(keys, key)
		}
	}
	return keys
}

func hostKeys() []Key {
	id := integer("host_id", "", 1, maxHostID, func(c *Config) *int { return &c.HostID },
		"this host's id: its sanlock host id and the index of its segment on the whiteboard, different on every host; a lockspace with 4 KiB sectors has room for ids up to 250 only")
	id.Upstream, id.Required = "host_id", true
	return append([]Key{
		id,
		file("hosted_engine_conf", "/etc/ovirt-hosted-engine/hosted-engine.conf", expectPath+", or nothing", orEmpty(absolutePath), func(c *Config) *string { return &c.HostedEngineConf },
			"upstream's configuration of this host; what it says holds where this file is silent, and one that is not there says nothing"),
		file("agent_conf", "/etc/ovirt-hosted-engine-ha/agent.conf", expectPath+", or nothing", orEmpty(absolutePath), func(c *Config) *string { return &c.AgentConf },
			"upstream's score weights; they hold where this file is silent, and a file that is not there says nothing"),
		text("host_name", "", "at most 64 bytes of printable ASCII without blanks, quotes and backslash and without `|`, or nothing", hostName, func(c *Config) *string { return &c.HostName },
			"name that this host publishes; empty means what the kernel says"),
		file("run_dir", "/run/ovirt-hosted-engine-ha", expectPath, absolutePath, func(c *Config) *string { return &c.RunDir },
			"directory of sockets and small state files, on a local file system"),
		file("local_maintenance_file", "/var/lib/ovirt-hosted-engine-ha/ha.conf", expectPath+", or nothing", orEmpty(absolutePath), func(c *Config) *string { return &c.LocalMaintenanceFile },
			"the host's ha.conf with the flags local_maintenance and local_maintenance_manual, on a local file system; one that is not there sets nothing"),
		file("broker_socket", "", expectSocket, orEmpty(socketPath), func(c *Config) *string { return &c.BrokerSocket },
			"the broker's RPC socket; empty means broker.socket in run_dir"),
		mode("socket_mode", "0755", func(c *Config) *os.FileMode { return &c.SocketMode }, "permission of the broker's socket"),
		text("log_level", "info", "debug, info, warn or error", oneOf("debug", "info", "warn", "error"), func(c *Config) *string { return &c.LogLevel },
			"least severe log lines that are written"),
	}, hostFileKeys()...)
}

func lockspaceKeys() []Key {
	whiteboard := file("whiteboard_path", "", expectPath+", or nothing", orEmpty(absolutePath), func(c *Config) *string { return &c.WhiteboardPath },
		"the metadata volume, opened with O_DIRECT; empty means that storage is missing: the broker serves and says so")
	return []Key{
		whiteboard,
		file("lockspace_path", "", expectPath+", or nothing", orEmpty(absolutePath), func(c *Config) *string { return &c.LockspacePath },
			"the volume with sanlock's lockspace, at offset 0; empty means that storage is missing"),
		text("lockspace_name", "hosted-engine", "1 to 48 printable ASCII characters without blanks and `:`", lockspaceName, func(c *Config) *string { return &c.LockspaceName },
			"name of the sanlock lockspace; the same on all hosts"),
		file("sanlock_socket", "/run/sanlock/sanlock.sock", expectSocket, socketPath, func(c *Config) *string { return &c.SanlockSocket },
			"command socket of the sanlock daemon"),
		{
			Name: "io_timeout", Default: "10s", Expected: "whole seconds from 1s to 60s",
			Meaning: "sanlock's I/O timeout for the lockspace; a host is dead for sanlock after 8 times this and its watchdog",
			set: func(c *Config, value string) error {
				d, err := time.ParseDuration(value)
				if err != nil || d%time.Second != 0 || d < time.Second || d > time.Minute {
					return errBadValue
				}
				c.IOTimeout = d
				return nil
			},
			show: func(c Config) string { return formatDuration(c.IOTimeout) },
		},
		upstream("sdUUID", text("sd_uuid", "", expectWord, word, func(c *Config) *string { return &c.SDUUID },
			"UUID of the storage domain")),
		choice("sector_size", "0", []int{0, 512, 4096}, func(c *Config) *int { return &c.SectorSize },
			"sector size of the lockspace in bytes; 0 asks the storage, which the drivers path and userspace cannot do: they take 512 then"),
		choice("lockspace_align", "1", []int{1, 2, 4, 8}, func(c *Config) *int { return &c.LockspaceAlign },
			"size of the lockspace in MiB when it is written anew; with 4096-byte sectors 1 MiB has room for 250 hosts, 8 MiB for 2000; equal on all hosts"),
	}
}

func engineKeys() []Key {
	return []Key{
		text("vm_driver", "none", "vdsm, command or none", oneOf(VMDriverVDSM, VMDriverCommand, VMDriverNone), func(c *Config) *string { return &c.VMDriver },
			"how the engine VM is run: vdsm has VDSM run the VM vmid as vm_conf defines it, command runs vm_command, none runs nothing (this host never starts the engine)"),
		{
			Name: "vm_command", Expected: `an absolute path and arguments; "..." around words with blanks, \" and \\ inside; no shell`,
			Meaning: "program that is the engine VM; it must hold the engine's lease for as long as it runs, and must not lie on shared storage",
			set: func(c *Config, value string) (err error) {
				c.VMCommand, err = splitWords(value)
				if err == nil && len(c.VMCommand) > 0 {
					_, err = absolutePath(c.VMCommand[0])
				}
				return err
			},
			show: func(c Config) string { return joinWords(c.VMCommand) },
		},
		text("vm_health_url", "", "http://HOST:PORT/PATH, or nothing", orEmpty(httpURL), func(c *Config) *string { return &c.VMHealthURL },
			"page that answers while the engine is healthy"),
		upstream("vmid", text("vmid", "", expectWord, word, func(c *Config) *string { return &c.VMID },
			"UUID of the engine VM")),
	}
}

func limitKeys() []Key {
	return []Key{
		integer("max_clients", "1024", 1, 65536, func(c *Config) *int { return &c.MaxClients },
			"connections to the broker's socket at one time; further ones are closed at once"),
		{
			Name: "max_body", Default: "1 MiB", Expected: "bytes, or a whole number of KiB or MiB, from 64 KiB to 64 MiB",
			Meaning: "largest RPC request",
			set: func(c *Config, value string) (err error) {
				c.MaxBody, err = byteCount(value, 64<<10, 64<<20)
				return err
			},
			show: func(c Config) string { return formatBytes(c.MaxBody) },
		},
	}
}

func timeFactorKey() Key {
	return Key{
		Name: "time_factor", Default: "1", Expected: "a number from 0.05 to 10",
		Meaning: "multiplies every time below that is marked scaled; other than 1 only for test clusters, and equal on all hosts",
		set: func(c *Config, value string) (err error) {
			c.TimeFactor, err = number(value, 0.05, 10)
			return err
		},
		show: func(c Config) string { return formatNumber(c.TimeFactor) },
	}
}
