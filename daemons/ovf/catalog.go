package ovf

import (
	"context"
	"errors"
	"io/fs"
)

// Volume is one volume that may be an OVF_STORE.
type Volume struct {
	// Path of the volume once it is prepared, and its name for people.
	Path string
	// Image and ID name it within the storage domain; empty where only the path is known.
	Image, ID string
}

// Catalog knows the volumes of the storage domain. It is called in the lane, so it may block, but keeps to ctx where it can.
type Catalog interface {
	// Volumes lists all volumes that may be an OVF_STORE; others may be among them.
	Volumes(ctx context.Context) ([]Volume, error)
	// Describe reads the description of a volume. ErrNoDescription: there is none to be had, and the volume speaks for itself.
	Describe(ctx context.Context, v Volume) (string, error)
	// Prepare makes a volume readable and returns the path to read.
	Prepare(ctx context.Context, v Volume) (string, error)
}

// ErrNoDescription says that nobody keeps a description of the volume.
var ErrNoDescription = errors.New("the volume has no description")

// PathCatalog are volumes that were named by their path. A file PATH.meta beside one holds its description as VDSM keeps it.
type PathCatalog struct {
	Device Device
	Paths  []string
}

// Volumes implements Catalog.
func (c PathCatalog) Volumes(context.Context) ([]Volume, error) {
	volumes := make([]Volume, 0, len(c.Paths))
	for _, path := range c.Paths {
		volumes = append(volumes, Volume{Path: path})
	}
	return volumes, nil
}

// Describe implements Catalog.
func (c PathCatalog) Describe(_ context.Context, v Volume) (string, error) {
	text, err := describeFile(c.Device, v.Path+".meta")
	if errors.Is(err, fs.ErrNotExist) {
		return "", ErrNoDescription
	}
	return text, err
}

// Prepare implements Catalog.
func (c PathCatalog) Prepare(_ context.Context, v Volume) (string, error) { return v.Path, nil }
