package storage

import (
	"context"
	"path"

	"github.com/holdfast-ha/holdfast/daemons/config"
)

// preparer makes a volume of a connected domain usable.
type preparer interface {
	// Prepare returns the path under which the volume is to be opened.
	Prepare(ctx context.Context, image, volume string) (path string, err error)
}

// prepared prepares the volumes that are named and fills in their paths.
func (h *host) prepared(ctx context.Context, v Volumes, p preparer) (Volumes, error) {
	for _, one := range []struct {
		config.VolumeID
		overridden string
		path       *string
	}{
		{h.Metadata, h.WhiteboardPath, &v.Whiteboard},
		{h.Lockspace, h.LockspacePath, &v.Lockspace},
		{h.Configuration, h.ConfigurationPath, &v.Configuration},
	} {
		if one.Volume == "" || one.overridden != "" {
			continue
		}
		var err error
		if *one.path, err = p.Prepare(ctx, one.Image, one.Volume); err != nil {
			return Volumes{}, err
		}
	}
	return h.overridden(v), nil
}

// fileVolumes is what is known about a file domain under a mount point.
func (s Settings) fileVolumes(mountPoint string) Volumes {
	dir := path.Join(mountPoint, s.SDUUID)
	return Volumes{DomainDir: dir, Domain: path.Join(dir, "dom_md", "metadata"), DomainIDs: path.Join(dir, "dom_md", "ids")}
}

// blockVolumes is what is known about a domain on logical volumes.
func (s Settings) blockVolumes() Volumes {
	return Volumes{
		DomainDir: path.Join(s.MountParent, "blockSD", s.SDUUID),
		Domain:    path.Join("/dev", s.SDUUID, "metadata"), DomainIDs: path.Join("/dev", s.SDUUID, "ids"),
	}
}

// runLink is where a prepared volume is opened: a link to an image's directory on file domains, a directory with links to logical volumes
// on block domains.
func (s Settings) runLink(image string) string { return path.Join(s.RunLinks, s.SDUUID, image) }
