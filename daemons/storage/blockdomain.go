package storage

import (
	"context"
	"errors"
	"fmt"
	"path"
	"time"
)

// target is how the disks of a block domain are reached.
type target interface {
	// login makes the disks appear; it leaves alone what is there.
	login(ctx context.Context) error
	// rescan looks for disks that have appeared since.
	rescan(ctx context.Context) error
	// release makes sure that nothing but the target's own sessions uses the disks.
	release(ctx context.Context) error
	// logout makes them disappear.
	logout(ctx context.Context) error
	// owns says whether a SCSI disk, by its directory in /sys, is one of the target's.
	owns(device string) bool
}

// blockDriver uses logical volumes of a volume group that is called like the domain: iscsi and fc.
type blockDriver struct {
	*host
	target
}

// rescanPause is how long disks may take to appear after a look for them.
const rescanPause = time.Second

// vgTries is how often the volume group is looked for.
const vgTries = 10

// Describe names the target.
func (d *blockDriver) Describe() string {
	if d.IQN != "" {
		return d.Driver + " " + d.IQN + " at " + d.Connection
	}
	return d.Driver + " volume group " + d.SDUUID
}

// Connect logs in, activates the logical volumes and makes the links to them.
func (d *blockDriver) Connect(ctx context.Context) (Volumes, error) {
	ctx, cancel := d.bounded(ctx)
	defer cancel()
	if err := d.login(ctx); err != nil {
		return Volumes{}, err
	}
	lvm, sector, err := d.volumeGroup(ctx)
	if err != nil {
		return Volumes{}, err
	}
	names := []string{"metadata", "ids"}
	for _, v := range d.wanted() {
		names = append(names, v.Volume)
	}
	if err := lvm.activate(ctx, names); err != nil {
		return Volumes{}, err
	}
	v := d.blockVolumes()
	v.Sector, v.LVMConfig = sector, lvm.config()
	if v, err = d.prepared(ctx, v, blockPreparer{d.host}); err != nil {
		return Volumes{}, err
	}
	d.compatibilityLinks(ctx, v, localLinks{d.host})
	return v, nil
}

// volumeGroup looks for the domain's volume group on the target's disks until it is there or the time is over.
func (d *blockDriver) volumeGroup(ctx context.Context) (lvm, int, error) {
	var err error
	for try := range vgTries {
		if try > 0 {
			if rescanErr := d.rescan(ctx); rescanErr != nil {
				err = errors.Join(err, rescanErr)
			}
			if !pause(ctx, rescanPause) {
				break
			}
		}
		var disks []string
		if disks, err = d.disks(d.owns); err != nil {
			return lvm{}, 0, err
		}
		if len(disks) == 0 {
			err = errors.New("the target shows no disk that runs")
			continue
		}
		l := lvm{d.host, disks}
		var sector int
		if sector, err = l.sector(ctx); err == nil {
			return l, sector, nil
		}
	}
	return lvm{}, 0, d.errorOf("look for the volume group", d.SDUUID, KindMissing, err)
}

// Disconnect takes the links and the logical volumes away and logs out. It refuses while a logical volume of the domain is open.
func (d *blockDriver) Disconnect(ctx context.Context) error {
	ctx, cancel := d.bounded(ctx)
	defer cancel()
	if err := d.removeDeviceMaps(ctx); err != nil {
		return err
	}
	for _, v := range d.wanted() {
		link := path.Join(d.runLink(v.Image), v.Volume)
		if old, err := d.files.Readlink(link); err != nil || old != d.device(v.Volume) {
			continue
		}
		if err := d.files.Remove(link); err != nil && !isGone(err) {
			d.note(fmt.Sprintf("%s: a link stays: %v", d.Driver, err))
		}
		_ = d.files.Remove(d.runLink(v.Image)) // where it is empty
	}
	_ = d.files.Remove(path.Join(d.RunLinks, d.SDUUID))
	if err := d.release(ctx); err != nil {
		return err
	}
	return d.logout(ctx)
}

// device is a logical volume's path.
func (s Settings) device(volume string) string { return path.Join("/dev", s.SDUUID, volume) }

// blockPreparer makes the links through which logical volumes are opened.
type blockPreparer struct{ *host }

// Prepare links RUN/DOMAIN/IMAGE/VOLUME to the logical volume, as VDSM does.
func (p blockPreparer) Prepare(ctx context.Context, image, volume string) (string, error) {
	device := p.device(volume)
	if _, err := p.files.Lstat(device); err != nil {
		return "", &Error{
			Driver: p.Driver, Op: "prepare", Subject: device, Kind: KindMissing, Err: err,
			Cure: "the logical volume is active, but has no name in /dev: check that udev runs",
		}
	}
	link := path.Join(p.runLink(image), volume)
	return link, localLinks(p).link(ctx, device, link)
}

// pause waits, and tells whether it was for the full time.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
