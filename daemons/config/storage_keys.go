package config

import (
	"os"
	"strings"
	"time"
)

const (
	blankUUID  = "00000000-0000-0000-0000-000000000000"
	expectWord = "printable ASCII without blanks, or nothing"
)

// hostFileKeys are the sockets and files of this host, beside those in hostKeys.
func hostFileKeys() []Key {
	return []Key{
		file("ops_socket", "", expectSocket, orEmpty(socketPath), func(c *Config) *string { return &c.OpsSocket },
			"the broker's socket for operations: HTTP with JSON, metrics and profiles; empty means ops.socket in run_dir"),
		mode("ops_mode", "0600", func(c *Config) *os.FileMode { return &c.OpsMode }, "permission of the broker's socket for operations"),
		text("socket_owner", "vdsm:kvm", "USER:GROUP, or nothing", owner, func(c *Config) *string { return &c.SocketOwner },
			"owner of both sockets; a name that this machine does not know is left alone"),
		list("allow_users", "root, vdsm", "user names or numbers, comma separated", word, func(c *Config) *[]string { return &c.AllowUsers },
			"who may connect to the broker's sockets, beside root and the daemon's own user; others are cut off, whatever the sockets' modes"),
		file("state_dir", "/var/lib/ovirt-hosted-engine-ha", expectPath, absolutePath, func(c *Config) *string { return &c.StateDir },
			"directory of what survives a reboot, on a local file system"),
		file("broker_conf", "", expectPath+", or nothing", orEmpty(absolutePath), func(c *Config) *string { return &c.BrokerConf },
			"the local copy of the shared broker.conf, with [email] and [notify]; empty means broker.conf in state_dir"),
		file("notification_templates", "/etc/ovirt-hosted-engine-ha/notifications", expectPath, absolutePath, func(c *Config) *string { return &c.TemplateDir },
			"directory of the mails' texts, EVENT.txt each"),
	}
}

// storageKeys are how the shared storage is connected.
func storageKeys() []Key {
	path := func(name, byDefault string, field func(*Config) *string, meaning string) Key {
		return file(name, byDefault, expectPath+", or nothing", orEmpty(absolutePath), field, meaning)
	}
	plain := func(name, byDefault, expected string, field func(*Config) *string, meaning string) Key {
		return text(name, byDefault, expected, word, field, meaning)
	}
	password := Key{
		Name: "iscsi_password", Upstream: "password", Expected: expectWord, secret: true,
		Meaning: "password for CHAP; never printed or logged",
		set: func(c *Config, value string) error {
			value, err := word(value)
			c.Storage.Password = Secret(value)
			return err
		},
		show: func(c Config) string { return c.Storage.Password.String() },
	}
	return append([]Key{
		upstream("domainType", text("storage_driver", "", "path, nfs, glusterfs, posix, iscsi, fc or userspace, or nothing",
			orEmpty(oneOf(DriverPath, DriverNFS, DriverGluster, DriverPosix, DriverISCSI, DriverFC, DriverUserspace)), func(c *Config) *string { return &c.Storage.Driver },
			"how the volumes are connected; path takes whiteboard_path, lockspace_path and the others as they are, and is meant when only those are given")),
		upstream("storage", plain("storage_connection", "", "SERVER:/PATH, or portals IP[:PORT],..., or nothing", func(c *Config) *string { return &c.Storage.Connection },
			"the file server's export, or the iSCSI target's portals")),
		upstream("mnt_options", plain("mount_options", "", expectWord, func(c *Config) *string { return &c.Storage.MountOptions },
			"mount options, comma separated, added to the driver's own")),
		upstream("nfs_version", text("nfs_version", "auto", "auto, 3, 4, 4.0, 4.1 or 4.2 (also v3, v4, v4_0, v4_1, v4_2)", nfsVersion, func(c *Config) *string { return &c.Storage.NFSVersion },
			"version of the NFS protocol")),
		plain("vfs_type", "", expectWord, func(c *Config) *string { return &c.Storage.VFSType },
			"type of the file system for the driver posix"),
		upstream("connectionUUID", plain("connection_uuid", "e29cf818-5ee5-46e1-85c1-8aeefa33e95d", expectWord, func(c *Config) *string { return &c.Storage.ConnectionUUID },
			"VDSM's id of the connection")),
		upstream("spUUID", text("sp_uuid", blankUUID, "the blank UUID "+blankUUID, blankPool, func(c *Config) *string { return &c.Storage.SPUUID },
			"storage pool of the domain")),
		path("mount_parent", "/rhev/data-center/mnt", func(c *Config) *string { return &c.Storage.MountParent },
			"directory under which domains are mounted"),
		path("run_links", "/run/vdsm/storage", func(c *Config) *string { return &c.Storage.RunLinks },
			"directory of the links to prepared volumes"),
		upstream("metadata_image_UUID", plain("metadata_image", "", expectWord, func(c *Config) *string { return &c.Storage.Metadata.Image },
			"UUID of the whiteboard's image")),
		upstream("metadata_volume_UUID", plain("metadata_volume", "", expectWord, func(c *Config) *string { return &c.Storage.Metadata.Volume },
			"UUID of the whiteboard's volume; with storage_driver = userspace and iscsi_target it is the number of the volume's LUN, and the image stays empty")),
		upstream("lockspace_image_UUID", plain("lockspace_image", "", expectWord, func(c *Config) *string { return &c.Storage.Lockspace.Image },
			"UUID of the lockspace's image")),
		upstream("lockspace_volume_UUID", plain("lockspace_volume", "", expectWord, func(c *Config) *string { return &c.Storage.Lockspace.Volume },
			"UUID of the lockspace's volume; a LUN's number where metadata_volume is one")),
		upstream("conf_image_UUID", plain("configuration_image", "", expectWord, func(c *Config) *string { return &c.Storage.Configuration.Image },
			"UUID of the shared configuration's image")),
		upstream("conf_volume_UUID", plain("configuration_volume", "", expectWord, func(c *Config) *string { return &c.Storage.Configuration.Volume },
			"UUID of the shared configuration's volume; a LUN's number where metadata_volume is one")),
		upstream("iqn", plain("iscsi_target", "", expectWord, func(c *Config) *string { return &c.Storage.IQN },
			"name of the iSCSI target; comma separated where portals differ")),
		upstream("portal", plain("iscsi_portal_group", "", expectWord, func(c *Config) *string { return &c.Storage.Tpgt },
			"the target's portal group; comma separated where portals differ")),
		upstream("port", plain("iscsi_port", "", expectWord, func(c *Config) *string { return &c.Storage.Port },
			"port of the portals, comma separated; 3260 where none is given")),
		upstream("user", plain("iscsi_user", "", expectWord, func(c *Config) *string { return &c.Storage.User },
			"user name for CHAP; empty means none")),
		password,
		upstream("iscsi_paths_blacklist", plain("iscsi_paths_blacklist", "", "IFACE<>PORTAL,..., or nothing", func(c *Config) *string { return &c.Storage.ISCSIBlacklist },
			"iSCSI paths not to use")),
		text("storage_prepare", "auto", "auto, vdsm or direct", oneOf("auto", "vdsm", "direct"), func(c *Config) *string { return &c.Storage.Prepare },
			"who connects the storage and makes volumes ready: VDSM, or the broker itself; auto means VDSM where it is used"),
		text("userspace_program", "/usr/bin/qemu-storage-daemon", expectPath, absolutePath, func(c *Config) *string { return &c.Storage.UserspaceProgram },
			"program that attaches volumes for the driver userspace, on a local file system"),
		path("userspace_dir", "", func(c *Config) *string { return &c.Storage.UserspaceDir },
			"directory in which that program shows the volumes; empty means attached in run_dir"),
	}, domainKeys()...)
}

func domainKeys() []Key {
	return []Key{
		file("domain_path", "", expectPath+", or nothing", orEmpty(absolutePath), func(c *Config) *string { return &c.DomainPath },
			"file or device whose first 4096 bytes the domain monitor reads; empty means the domain's metadata where the driver finds it, else the whiteboard"),
		file("domain_ids_path", "", expectPath+", or nothing", orEmpty(absolutePath), func(c *Config) *string { return &c.DomainIDsPath },
			"the storage domain's own lockspace; empty means where the driver finds it, or none"),
	}
}

func ovfKeys() []Key {
	return []Key{
		file("configuration_path", "", expectPath+", or nothing", orEmpty(absolutePath), func(c *Config) *string { return &c.ConfigurationPath },
			"the shared configuration volume for the driver path; empty means that there is none"),
		list("ovf_store_paths", "", "absolute paths, comma separated, or nothing", absolutePath, func(c *Config) *[]string { return &c.OVFStorePaths },
			"volumes in which the engine's OVF_STORE is looked for; empty means that the storage domain is searched"),
		upstream("conf", file("vm_conf", "", expectPath+", or nothing", orEmpty(absolutePath), func(c *Config) *string { return &c.VMConf },
			"the engine VM's definition, which the broker writes; empty means vm.conf in run_dir")),
	}
}

func vdsmKeys() []Key {
	return []Key{
		text("vdsm", "auto", "auto, on or off", oneOf("auto", "on", "off"), func(c *Config) *string { return &c.VDSM.Mode },
			"whether VDSM is asked about the host, the storage and the engine VM; auto means yes where vdsm_certificate can be read"),
		text("vdsm_address", "localhost:54321", "HOST:PORT", hostPort, func(c *Config) *string { return &c.VDSM.Address },
			"where VDSM listens"),
		file("vdsm_certificate", "/etc/pki/vdsm/certs/vdsmcert.pem", expectPath, absolutePath, func(c *Config) *string { return &c.VDSM.Certificate },
			"certificate that this host shows to VDSM"),
		file("vdsm_key", "/etc/pki/vdsm/keys/vdsmkey.pem", expectPath, absolutePath, func(c *Config) *string { return &c.VDSM.Key },
			"its key"),
		file("vdsm_authority", "/etc/pki/vdsm/certs/cacert.pem", expectPath, absolutePath, func(c *Config) *string { return &c.VDSM.Authority },
			"certificate of the authority that VDSM's own must be from"),
		period("vdsm_timeout", "VDSCLI_SSL_TIMEOUT", 10*time.Second, unscaled, func(t *Timing) *time.Duration { return &t.VDSMTimeout },
			"deadline of one call to VDSM"),
	}
}

func networkKeys() []Key {
	plain := func(name string, field func(*Config) *string, meaning string) Key {
		return upstream(name, text(name, "", expectWord, word, field, meaning))
	}
	return []Key{
		plain("fqdn", func(c *Config) *string { return &c.Network.FQDN }, "the engine's full name, where its health page is"),
		plain("gateway", func(c *Config) *string { return &c.Network.Gateway }, "address for the network test ping"),
		plain("bridge", func(c *Config) *string { return &c.Network.Bridge }, "name of the management network"),
		upstream("network_test", text("network_test", "", "ping, dns, tcp, none, or nothing, which means ping", orEmpty(oneOf("ping", "dns", "tcp", "none")), func(c *Config) *string { return &c.Network.Test },
			"how the network is tested")),
		plain("tcp_t_address", func(c *Config) *string { return &c.Network.TCPAddress }, "address for the network test tcp"),
		plain("tcp_t_port", func(c *Config) *string { return &c.Network.TCPPort }, "port for the network test tcp"),
	}
}

// nfsVersion accepts upstream's spellings and ours: v4_1 and 4.1 are the same.
func nfsVersion(value string) (string, error) {
	if value == "" {
		return "auto", nil
	}
	return oneOf("auto", "3", "4", "4.0", "4.1", "4.2")(strings.ReplaceAll(strings.TrimPrefix(value, "v"), "_", "."))
}
