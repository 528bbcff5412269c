package storage

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

const sysBlock = "/sys/block"

// disks returns the devices that LVM may look at: of those SCSI disks that a target owns and that run, the multipath maps above them, or
// the disks themselves. All of this is in /sys, which no disk can make hang.
func (h *host) disks(owns func(device string) bool) ([]string, error) {
	names, err := h.diskNames(owns)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, name := range names {
		if h.sysText(name, "device/state") != "running" {
			continue
		}
		device := "/dev/" + name
		if above, ok := h.multipathOf(name); ok {
			device = "/dev/mapper/" + above
		}
		found = append(found, device)
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

// diskNames are the SCSI disks that a target owns, sda and so on, whether they run or not.
func (h *host) diskNames(owns func(device string) bool) ([]string, error) {
	names, err := h.files.ReadDir(sysBlock)
	if err != nil {
		return nil, h.errorOf("list", sysBlock, KindLocal, err)
	}
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, "sd") || !owns(h.realDevice(name)) }), nil
}

// multipathOf returns the name of the multipath map above a disk.
func (h *host) multipathOf(disk string) (name string, ok bool) {
	for _, holder := range h.holders(disk) {
		if strings.HasPrefix(h.sysText(holder, "dm/uuid"), "mpath-") {
			return h.sysText(holder, "dm/name"), true
		}
	}
	return "", false
}

// holders are the devices above a disk, as far as the kernel knows them.
func (h *host) holders(disk string) []string {
	names, err := h.files.ReadDir(path.Join(sysBlock, disk, "holders"))
	if err != nil {
		return nil
	}
	return names
}

// unused says what still uses a disk, or the multipath map above it: logical volumes of other groups, file systems.
func (h *host) unused(disk string) error {
	table, err := h.mounts()
	if err != nil {
		return err
	}
	users := h.holders(disk)
	devices := []string{"/dev/" + disk}
	for _, holder := range slices.Clone(users) {
		if strings.HasPrefix(h.sysText(holder, "dm/uuid"), "mpath-") {
			users = slices.DeleteFunc(users, func(name string) bool { return name == holder })
			users = append(users, h.holders(holder)...)
			devices = append(devices, "/dev/"+holder, "/dev/mapper/"+h.sysText(holder, "dm/name"))
		}
	}
	for _, m := range table {
		if slices.Contains(devices, m.Source) {
			users = append(users, "the file system on "+m.Point)
		}
	}
	for i, user := range users {
		if name := h.sysText(user, "dm/name"); name != "" {
			users[i] = name
		}
	}
	if len(users) > 0 {
		return fmt.Errorf("disk %s is used by %s", disk, strings.Join(users, ", "))
	}
	return nil
}

// realDevice is a disk's directory under /sys/devices, whose components tell how the disk is reached.
func (h *host) realDevice(name string) string {
	target, err := h.files.Readlink(path.Join(sysBlock, name))
	if err != nil {
		return ""
	}
	return path.Join(sysBlock, target)
}

func (h *host) sysText(disk, file string) string {
	text, err := h.files.ReadFile(path.Join(sysBlock, disk, file))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// owns says whether a disk belongs to a session with one of the targets.
func (i iscsi) owns(device string) bool {
	for part := range strings.SplitSeq(device, "/") {
		if !strings.HasPrefix(part, "session") {
			continue
		}
		name, err := i.h.files.ReadFile("/sys/class/iscsi_session/" + part + "/targetname")
		if err != nil {
			return false
		}
		return slices.ContainsFunc(i.portals, func(p iscsiPath) bool { return p.IQN == strings.TrimSpace(string(name)) })
	}
	return false
}
