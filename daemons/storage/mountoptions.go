package storage

import (
	"slices"
	"strings"

	"github.com/holdfast-ha/holdfast/daemons/config"
)

// nfsOptions are VDSM's: an outage makes I/O hang for about a minute and then fail, instead of hanging for ever.
const nfsOptions = "soft,nosharecache,timeo=100,retrans=3"

// mountType returns what mount(8) is told after -t and -o.
func (s Settings) mountType() (fstype, options string, err error) {
	if err := checkWord("mount_options", s.MountOptions); err != nil {
		return "", "", err
	}
	switch s.Driver {
	case config.DriverNFS:
		list := []string{nfsOptions}
		if s.NFSVersion != "" && s.NFSVersion != "auto" {
			list = append(list, "vers="+s.NFSVersion)
		}
		return "nfs", joinOptions(append(list, s.MountOptions)...), nil // of two that contradict each other the later one counts
	case config.DriverGluster:
		return "glusterfs", s.MountOptions, nil
	}
	if s.VFSType == "" {
		return "", "", settingsError("vfs_type", "is empty, and the driver %s needs it: want the type of the file system", s.Driver)
	}
	return s.VFSType, s.MountOptions, checkWord("vfs_type", s.VFSType)
}

// joinOptions joins lists of options and drops what is empty.
func joinOptions(lists ...string) string {
	return strings.Join(slices.DeleteFunc(lists, func(s string) bool { return s == "" }), ",")
}

func hasOption(options, name string) bool { return slices.Contains(strings.Split(options, ","), name) }
