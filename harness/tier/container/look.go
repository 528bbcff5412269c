package container

import (
	"context"
	"fmt"

	"github.com/holdfast-ha/holdfast/harness/attendant"
)

// Look tells what is at a path inside the host's container: kind, mode, owner, size, and of a regular file the data (at most
// [attendant.MaxBlock] bytes). It follows no symbolic link.
func (h *Host) Look(ctx context.Context, path string) (attendant.FileInfo, error) {
	info, err := h.Attendant.Look(ctx, path)
	if err != nil {
		return info, fmt.Errorf("%s: %w", h.Name, err)
	}
	return info, nil
}

// PathInside is where a file of the broker's run directory (vm.conf, broker.sock) lies inside a host's container.
func PathInside(name string) string { return inRun + "/" + name }
