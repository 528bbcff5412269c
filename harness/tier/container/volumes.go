package container

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/holdfast-ha/holdfast/harness/attendant"
)

// maxVolumeAccess bounds one access to a volume at the server's side, in bytes.
const maxVolumeAccess = 16 << 20

// WriteVolume writes data at an offset of a volume's backing file, at the server's side: below the fault file system and past
// every host's cache, so it never hangs. What a host reads directly afterwards is these bytes. The volume does not grow.
func (c *Cluster) WriteVolume(ctx context.Context, volume string, offset int64, data []byte) error {
	path, err := c.volume(ctx, volume, offset, len(data))
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("volume %s: %w", volume, err)
	}
	_, err = f.WriteAt(data, offset)
	if err == nil {
		err = f.Sync() // a reader past the page cache must find it
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("volume %s: %w", volume, err)
	}
	return nil
}

// ReadVolume reads length bytes at an offset of a volume's backing file, at the server's side, as [Cluster.WriteVolume] writes.
func (c *Cluster) ReadVolume(ctx context.Context, volume string, offset int64, length int) ([]byte, error) {
	path, err := c.volume(ctx, volume, offset, length)
	if err != nil {
		return nil, err
	}
	return attendant.ReadDirect(path, offset, length)
}

func (c *Cluster) volume(ctx context.Context, name string, offset int64, length int) (string, error) {
	path, ok := c.Storage.Volumes[name]
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case !ok:
		return "", fmt.Errorf("no volume %q in this cluster; it has %s", name, strings.Join(sortedKeys(c.Storage.Volumes), ", "))
	case length < 1 || length > maxVolumeAccess || offset < 0 || offset+int64(length) > volumeSize(name):
		return "", fmt.Errorf("volume %s: %d bytes at %d: want 1 to %d bytes within its %d", name, length, offset, maxVolumeAccess, volumeSize(name))
	}
	return path, nil
}
