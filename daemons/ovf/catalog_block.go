package ovf

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/holdfast-ha/holdfast/daemons/child"
	"github.com/holdfast-ha/holdfast/daemons/ovf/store"
)

// BlockCatalog is a storage domain on iSCSI or FC: a volume group whose logical volumes carry their image and the number of their metadata
// slot as tags, and whose volume "metadata" holds the slots.
type BlockCatalog struct {
	Device Device
	// Group is the volume group: the domain's UUID.
	Group string
	// LVMConfig is given to LVM's programs as --config. It keeps them from other disks, of which a dead one would hang them (S20).
	LVMConfig string
	// Run runs a program; child.Run is one.
	Run func(ctx context.Context, spec child.Spec) (child.Output, error)
	// Ward keeps a program that cannot be killed from being started again and again; nil starts it.
	Ward *child.Ward
}

// lvm runs one of LVM's programs.
func (c BlockCatalog) lvm(ctx context.Context, program string, argv ...string) (child.Output, error) {
	all := []string{program}
	if c.LVMConfig != "" {
		all = append(all, "--config", c.LVMConfig)
	}
	return c.Run(ctx, child.Spec{Argv: append(all, argv...), MaxOutput: maxListing, Ward: c.Ward})
}

// Where VDSM puts the metadata slots: in domains of version 5, 8 KiB each from 1 MiB on; before, 512 bytes each from the beginning.
const (
	slotBaseV5, slotSizeV5 = 1 << 20, 8 << 10
	slotSizeV4             = 512
	maxSlot                = 1 << 20
	maxListing             = 4 << 20 // bytes of lvs' output
)

// Volumes implements Catalog. The slot travels in Volume.ID: VOLUME, or VOLUME@OFFSET with the slot's byte.
func (c BlockCatalog) Volumes(ctx context.Context) ([]Volume, error) {
	output, err := c.lvm(ctx, "lvs", "--noheadings", "--separator", "|", "--readonly", "-o", "lv_name,lv_tags,vg_tags", c.Group)
	if err != nil {
		return nil, fmt.Errorf("list logical volumes of %s: %w", c.Group, err)
	}
	if output.Truncated {
		return nil, fmt.Errorf("list logical volumes of %s: more than %d bytes", c.Group, maxListing)
	}
	return c.parse(output.Stdout), nil
}

func (c BlockCatalog) parse(listing string) []Volume {
	var volumes []Volume
	for line := range strings.Lines(listing) {
		fields := strings.Split(strings.TrimSpace(line), "|")
		if len(fields) != 3 {
			continue
		}
		v := Volume{Path: "/dev/" + c.Group + "/" + fields[0], ID: fields[0]}
		slot := -1
		for tag := range strings.SplitSeq(fields[1], ",") {
			if image, ok := strings.CutPrefix(tag, "IU_"); ok {
				v.Image = image
			}
			if number, ok := strings.CutPrefix(tag, "MD_"); ok {
				if n, err := strconv.Atoi(number); err == nil && n >= 0 && n < maxSlot {
					slot = n
				}
			}
		}
		if v.Image == "" || slot < 0 || strings.HasPrefix(v.Image, "_remove_me_") {
			continue
		}
		at := slot * slotSizeV4
		for tag := range strings.SplitSeq(fields[2], ",") {
			if version, ok := strings.CutPrefix(tag, "MDT_VERSION="); ok && version >= "5" && len(version) == 1 {
				at = slotBaseV5 + slot*slotSizeV5
			}
		}
		v.ID += "@" + strconv.Itoa(at)
		volumes = append(volumes, v)
	}
	return volumes
}

// Describe implements Catalog.
func (c BlockCatalog) Describe(_ context.Context, v Volume) (string, error) {
	_, number, _ := strings.Cut(v.ID, "@")
	at, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return "", fmt.Errorf("volume %s has no metadata slot", v.Path)
	}
	length := slotSizeV4
	if at >= slotBaseV5 {
		length = metadataLength
	}
	metadata, err := c.Device.Read("/dev/"+c.Group+"/metadata", at, length)
	if err != nil {
		return "", err
	}
	text, ok := store.FromMetadata(metadata)
	if !ok {
		return "", errors.New("the metadata of " + v.Path + " has no DESCRIPTION")
	}
	return text, nil
}

// Prepare implements Catalog: a logical volume is read through its device, which is there while the volume is active.
func (c BlockCatalog) Prepare(ctx context.Context, v Volume) (string, error) {
	name, _, _ := strings.Cut(v.ID, "@")
	if _, err := c.lvm(ctx, "lvchange", "--activate", "y", c.Group+"/"+name); err != nil {
		return "", fmt.Errorf("activate logical volume %s/%s: %w", c.Group, name, err)
	}
	return v.Path, nil
}
