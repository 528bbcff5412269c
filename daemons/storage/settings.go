package storage

import (
	"strings"

	"github.com/holdfast-ha/holdfast/daemons/config"
)

// check refuses settings that no driver could work with. What a driver needs beyond that it checks itself.
func (s Settings) check() error {
	switch s.Driver {
	case "":
		return settingsError("storage_driver", "no storage is configured: want a driver, or whiteboard_path and lockspace_path")
	case config.DriverPath:
		if s.WhiteboardPath == "" {
			return settingsError("whiteboard_path", "is empty, and the driver path needs it")
		}
		if s.LockspacePath == "" {
			return settingsError("lockspace_path", "is empty, and the driver path needs it")
		}
		return nil
	case config.DriverUserspace:
		return nil
	}
	return s.checkDomain()
}

// checkDomain checks the names that become parts of paths and of commands.
func (s Settings) checkDomain() error {
	for _, name := range []struct {
		key, value string
		required   bool
	}{
		{"sd_uuid", s.SDUUID, true},
		{"metadata_image", s.Metadata.Image, s.WhiteboardPath == ""},
		{"metadata_volume", s.Metadata.Volume, s.WhiteboardPath == ""},
		{"lockspace_image", s.Lockspace.Image, s.LockspacePath == ""},
		{"lockspace_volume", s.Lockspace.Volume, s.LockspacePath == ""},
		{"configuration_image", s.Configuration.Image, s.Configuration.Volume != ""},
		{"configuration_volume", s.Configuration.Volume, s.Configuration.Image != ""},
	} {
		if name.value == "" && name.required {
			return settingsError(name.key, "is empty, and the driver %s needs it", s.Driver)
		}
		if err := checkName(name.key, name.value); err != nil {
			return err
		}
	}
	return nil
}

// checkName refuses what is not one component of a path, or looks like an option.
func checkName(key, name string) error {
	if name == "" {
		return nil
	}
	for _, r := range name {
		if r <= ' ' || r > '~' || r == '/' {
			return settingsError(key, "%q is no name: want letters, digits and dashes", name)
		}
	}
	if strings.HasPrefix(name, "-") || name == "." || name == ".." {
		return settingsError(key, "%q is no name: want letters, digits and dashes", name)
	}
	return nil
}

// checkWord refuses blanks and control characters, and what a program would take for an option.
func checkWord(key, word string) error {
	for _, r := range word {
		if r <= ' ' || r > '~' {
			return settingsError(key, "%q contains blanks or characters beyond ASCII", word)
		}
	}
	if strings.HasPrefix(word, "-") {
		return settingsError(key, "%q begins with a dash", word)
	}
	return nil
}

// wanted are the volumes that are named, in a fixed order.
func (s Settings) wanted() []config.VolumeID {
	var volumes []config.VolumeID
	for _, v := range []config.VolumeID{s.Metadata, s.Lockspace, s.Configuration} {
		if v.Volume != "" {
			volumes = append(volumes, v)
		}
	}
	return volumes
}
