package storage

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// lvm runs LVM's programs on the target's disks and on no others: a dead disk of somebody else would hang them.
type lvm struct {
	*host
	disks []string
}

// config is what every command gets: only these disks, nothing remembered from others, and no file of devices that leaves them out.
func (l lvm) config() string {
	filter := make([]string, 0, len(l.disks)+1)
	for _, disk := range l.disks {
		filter = append(filter, `"a|^`+regexp.QuoteMeta(disk)+`$|"`)
	}
	filter = append(filter, `"r|.*|"`)
	return "devices { filter=[" + strings.Join(filter, ",") + `] use_devicesfile=0 hints="none" ignore_suspended_devices=1 } global { use_lvmpolld=0 } backup { backup=0 archive=0 }`
}

func (l lvm) command(ctx context.Context, argv ...string) (string, error) {
	return l.program(ctx, append([]string{argv[0], "--config", l.config()}, argv[1:]...)...)
}

// sector looks for the domain's volume group and returns its sector size, from its tags.
func (l lvm) sector(ctx context.Context) (int, error) {
	out, err := l.command(ctx, "vgs", "--noheadings", "--options", "vg_tags", "--", l.SDUUID)
	if err != nil {
		return 0, err
	}
	return parseTags(out, l.SDUUID)
}

// parseTags reads the tags that VDSM gives a volume group; the domain's keys are in them with a prefix.
func parseTags(text, domain string) (int, error) {
	lines := strings.ReplaceAll(strings.TrimSpace(text), ",", "\n")
	return parseMetadata(strings.ReplaceAll(lines, "MDT_SDUUID=", "SDUUID="), domain)
}

// activate makes the logical volumes usable. Those that are stay as they are.
func (l lvm) activate(ctx context.Context, names []string) error {
	argv := []string{"lvchange", "--activate", "y", "--"}
	for _, name := range names {
		argv = append(argv, l.SDUUID+"/"+name)
	}
	_, err := l.command(ctx, argv...)
	kind := KindProgram
	if err != nil && strings.Contains(err.Error(), "Failed to find logical volume") {
		kind = KindMissing
	}
	return l.errorOf("activate the logical volumes of", l.SDUUID, kind, err)
}

// removeDeviceMaps takes the domain's logical volumes away, if none of them is open. It asks the kernel's device mapper and not LVM,
// which would read the disks: they may be dead, and are about to go.
func (h *host) removeDeviceMaps(ctx context.Context) error {
	const op = "deactivate the logical volumes of"
	out, err := h.program(ctx, "dmsetup", "info", "--columns", "--noheadings", "--separator", "\t", "--options", "name,open")
	if err != nil {
		return h.errorOf(op, h.SDUUID, KindProgram, err)
	}
	maps, err := parseDeviceMaps(out, h.SDUUID)
	if err != nil {
		return h.errorOf(op, h.SDUUID, KindProgram, err)
	}
	for _, m := range maps {
		if m.open > 0 {
			return h.errorOf(op, h.SDUUID, KindInUse, fmt.Errorf("%s is open", m.name))
		}
	}
	for _, m := range maps {
		if _, err := h.program(ctx, "dmsetup", "remove", "--retry", "--", m.name); err != nil {
			return h.errorOf(op, h.SDUUID, KindProgram, err)
		}
	}
	return nil
}

type deviceMap struct {
	name string
	open int
}

// parseDeviceMaps picks a volume group's maps out of a list of names and how often each is open. In a map's name the dashes of the
// group's are doubled.
func parseDeviceMaps(text, group string) ([]deviceMap, error) {
	prefix := strings.ReplaceAll(group, "-", "--") + "-"
	var maps []deviceMap
	for line := range strings.Lines(text) {
		name, open, ok := strings.Cut(strings.TrimSpace(line), "\t")
		rest, ours := strings.CutPrefix(name, prefix)
		if !ok || !ours || strings.HasPrefix(rest, "-") { // a dash more: a longer group's name
			continue
		}
		n, err := strconv.Atoi(strings.TrimSpace(open))
		if err != nil {
			return nil, errors.New("dmsetup says " + strconv.Quote(line))
		}
		maps = append(maps, deviceMap{name, n})
	}
	return maps, nil
}
