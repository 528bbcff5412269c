package ovf

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/daemons/ovf/store"
)

// metadataLength is how much of a volume's metadata is read, in bytes; VDSM writes a few hundred.
const metadataLength = 4096

// FileCatalog is a storage domain on a file system. VDSM keeps images/IMAGE/VOLUME with VOLUME.meta beside it.
type FileCatalog struct {
	Device Device
	// Dir is the domain's directory, /rhev/data-center/mnt/SERVER:_PATH/DOMAIN.
	Dir string
}

// limits of a domain, against directories that are something else.
const (
	maxImages  = 20_000
	maxEntries = 1_000
)

// Volumes implements Catalog.
func (c FileCatalog) Volumes(ctx context.Context) ([]Volume, error) {
	images, err := listImages(c.Dir)
	if err != nil {
		return nil, err
	}
	var volumes []Volume
	for _, image := range images {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("list images: %w", context.Cause(ctx))
		}
		dir := filepath.Join(c.Dir, "images", image)
		names, err := list(dir, maxEntries)
		if err != nil {
			continue // removed meanwhile, or not ours to read; it is then not an OVF_STORE of this engine
		}
		for _, name := range names {
			if id, ok := strings.CutSuffix(name, ".meta"); ok && id != "" {
				volumes = append(volumes, Volume{Path: filepath.Join(dir, id), Image: image, ID: id})
			}
		}
	}
	return volumes, nil
}

// listImages returns the images below a domain's directory.
func listImages(domain string) ([]string, error) {
	names, err := list(filepath.Join(domain, "images"), maxImages)
	if err != nil {
		return nil, fmt.Errorf("list images: %w (check that the storage domain is mounted)", err)
	}
	// Every image is named by a UUID.
	return slices.DeleteFunc(names, func(name string) bool { return strings.Count(name, "-") < 4 }), nil
}

// Describe implements Catalog.
func (c FileCatalog) Describe(_ context.Context, v Volume) (string, error) {
	return describeFile(c.Device, v.Path+".meta")
}

// Prepare implements Catalog: a file needs no preparing.
func (c FileCatalog) Prepare(_ context.Context, v Volume) (string, error) { return v.Path, nil }

// describeFile reads the description from a volume's metadata file.
func describeFile(device Device, path string) (string, error) {
	metadata, err := device.Read(path, 0, metadataLength)
	if err != nil {
		return "", err
	}
	text, ok := store.FromMetadata(metadata)
	if !ok {
		return "", errors.New("read " + path + ": it has no DESCRIPTION")
	}
	return text, nil
}

// list returns the names in a directory, at most limit of them. Raw system calls only, as in package directio.
func list(dir string, limit int) ([]string, error) {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	defer unix.Close(fd)
	var names []string
	buffer := make([]byte, 32<<10)
	for len(names) < limit {
		n, err := unix.ReadDirent(fd, buffer)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", dir, err)
		}
		if n <= 0 {
			break
		}
		_, _, names = unix.ParseDirent(buffer[:n], limit-len(names), names)
	}
	return names, nil
}
