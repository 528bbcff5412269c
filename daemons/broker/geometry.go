package broker

import "fmt"

// MaxHostID returns the highest host id that a lockspace has room for. sector is the storage's sector size in bytes, 512
// or 4096; alignMiB is the size of the lockspace, 1, 2, 4 or 8, where 0 stands for 1. Each host id takes one sector; with
// sectors of 4096 bytes a lockspace of 1 MiB ends at host id 250 although the whiteboard has 2000 segments (S29).
func MaxHostID(sector, alignMiB int) (int, error) {
	if alignMiB == 0 {
		alignMiB = 1
	}
	switch alignMiB {
	case 1, 2, 4, 8:
	default:
		return 0, fmt.Errorf("lockspace_align is %d; it must be 1, 2, 4 or 8 (MiB)", alignMiB)
	}
	switch sector {
	case 512:
		return 2000, nil
	case 4096:
		return 250 * alignMiB, nil
	}
	return 0, fmt.Errorf("sector size is %d; it must be 512 or 4096 (bytes)", sector)
}

// hostIDLimit refuses a host id that the lockspace has no room for (S29). Until the sector size is known nothing is
// refused.
func (c *Core) hostIDLimit() error {
	sector := c.set.Sector
	if sector == 0 {
		sector = c.mount.ready.Sector
	}
	if sector == 0 {
		return nil
	}
	limit, err := MaxHostID(sector, c.set.LockspaceAlign)
	if err != nil {
		return err
	}
	if c.set.HostID <= limit {
		return nil
	}
	return fmt.Errorf("host_id %d has no place in the lockspace: with sectors of %d bytes and lockspace_align %d (MiB) it ends at %d; "+
		"set lockspace_align to 2, 4 or 8 on all hosts and write the lockspace anew, or give this host a smaller host_id",
		c.set.HostID, sector, max(c.set.LockspaceAlign, 1), limit)
}
