package ovf

import (
	"context"
	"fmt"

	"github.com/holdfast-ha/holdfast/daemons/vdsm"
)

// VDSMCalls are the calls that a VDSMCatalog makes; *vdsm.Client has them.
type VDSMCalls interface {
	GetImages(ctx context.Context, domain string) ([]string, error)
	GetVolumes(ctx context.Context, domain, pool, image string) ([]string, error)
	VolumeGetInfo(ctx context.Context, volume vdsm.VolumeID) (vdsm.VolumeInfo, error)
	ImagePrepare(ctx context.Context, volume vdsm.VolumeID) (path string, err error)
}

// VDSMCatalog asks VDSM, which then does what it takes to reach a volume.
type VDSMCatalog struct {
	VDSM VDSMCalls
	// Domain is the storage domain's UUID.
	Domain string
	// Dir is its directory; empty if that is not known.
	Dir string
}

// images lists the domain's images. VDSM refuses to while it is connected to no pool (upstream's bug 1274622); their directories tell then.
func (c VDSMCatalog) images(ctx context.Context) ([]string, error) {
	images, err := c.VDSM.GetImages(ctx, c.Domain)
	if vdsm.KindOf(err) == vdsm.KindRefused && c.Dir != "" {
		found, listErr := listImages(c.Dir)
		if listErr != nil {
			return nil, fmt.Errorf("%w; %w", err, listErr)
		}
		return found, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list images: %w", err)
	}
	return images, nil
}

// Volumes implements Catalog. An image that VDSM refuses to talk about is passed over: upstream gave up the whole search then.
func (c VDSMCatalog) Volumes(ctx context.Context) ([]Volume, error) {
	images, err := c.images(ctx)
	if err != nil {
		return nil, err
	}
	var volumes []Volume
	var refused error
	for _, image := range images[:min(len(images), maxImages)] {
		ids, err := c.VDSM.GetVolumes(ctx, c.Domain, vdsm.BlankPool, image)
		if ctx.Err() != nil {
			return nil, fmt.Errorf("list volumes: %w", context.Cause(ctx))
		}
		if err != nil {
			refused = err
			continue
		}
		for _, id := range ids {
			volumes = append(volumes, Volume{Path: image + "/" + id, Image: image, ID: id})
		}
	}
	if len(volumes) == 0 && refused != nil {
		return nil, fmt.Errorf("list volumes: %w", refused)
	}
	return volumes, nil
}

// Describe implements Catalog.
func (c VDSMCatalog) Describe(ctx context.Context, v Volume) (string, error) {
	info, err := c.VDSM.VolumeGetInfo(ctx, c.name(v))
	return string(info.Description), err
}

// Prepare implements Catalog.
func (c VDSMCatalog) Prepare(ctx context.Context, v Volume) (string, error) {
	return c.VDSM.ImagePrepare(ctx, c.name(v))
}

func (c VDSMCatalog) name(v Volume) vdsm.VolumeID {
	return vdsm.VolumeID{Pool: vdsm.BlankPool, Domain: c.Domain, Image: v.Image, Volume: v.ID}
}
