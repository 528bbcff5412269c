package lease

import (
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/directio"
)

// DeltaLease is the record of one host id in a lockspace, as it lies on storage.
type DeltaLease struct {
	Lockspace string // its name
	// OwnerName is the name of the sanlock daemon that holds the host id, or held it last; empty if nobody ever did.
	OwnerName string
	// OwnerID is the host id that the owner wrote; 0 if nobody ever did.
	OwnerID uint64
	// Generation is +1 with every join.
	Generation uint64
	// Timestamp is whole seconds of the owner's monotonic clock at its last renewal; 0 means that the host id is free. It can be
	// compared with other timestamps of the same owner only.
	Timestamp uint64
	// IOTimeout is the owner's; whole seconds.
	IOTimeout time.Duration
	// Sector is the lockspace's sector size in bytes, AlignMiB the size of its area in MiB.
	Sector, AlignMiB int
}

// Free says that nobody holds the host id.
func (d DeltaLease) Free() bool { return d.Timestamp == 0 }

// Errors of ReadDeltaLease beside those of the volume.
var (
	// ErrNoRecord: there is no lockspace at the beginning of the volume, or its first record was never completed.
	ErrNoRecord = errors.New("no lockspace record there")
	// ErrBadRecord: the record is damaged, or was read while it was written.
	ErrBadRecord = errors.New("damaged record")
	// ErrNoHostID: the lockspace has no room for that host id.
	ErrNoHostID = errors.New("no such host id")
)

// Layout of a record, in bytes; numbers are little endian. Version 3 in the upper half is that of delta leases.
const (
	leaderSize    = 176
	leaderSummed  = 168 // what the checksum covers; the checksum follows
	leaderMagic   = 0x12212010
	leaderVersion = 3
)

// ReadDeltaLease reads the record of host id hostID from the lockspace at the beginning of the volume at path, directly and not through
// the sanlock daemon. It blocks for as long as the storage does: call it in a lane.
func ReadDeltaLease(path string, hostID int) (DeltaLease, error) {
	first, err := directio.Read(path, 0, leaderSize)
	if err != nil {
		return DeltaLease{}, fmt.Errorf("delta lease %d of %s: %w", hostID, path, err)
	}
	d, err := parseDeltaLease(first)
	if errors.Is(err, ErrNoRecord) || err == nil && hostID == 1 {
		return d, placed(path, hostID, err)
	}
	// A torn first record still tells the geometry.
	limit, limitErr := MaxHosts(d.Sector, d.AlignMiB)
	if limitErr != nil {
		return DeltaLease{}, placed(path, hostID, fmt.Errorf("%w: %w", ErrBadRecord, limitErr))
	}
	if hostID < 1 || hostID > limit {
		return DeltaLease{}, placed(path, hostID, fmt.Errorf("%w: this lockspace (sectors of %d bytes, %d MiB) has 1 to %d", ErrNoHostID, d.Sector, d.AlignMiB, limit))
	}
	record := first
	if hostID != 1 {
		if record, err = directio.Read(path, int64(hostID-1)*int64(d.Sector), leaderSize); err != nil {
			return DeltaLease{}, fmt.Errorf("delta lease %d of %s: %w", hostID, path, err)
		}
	}
	d, err = parseDeltaLease(record)
	return d, placed(path, hostID, err)
}

func placed(path string, hostID int, err error) error {
	if err != nil {
		return fmt.Errorf("delta lease %d of %s: %w", hostID, path, err)
	}
	return nil
}

// parseDeltaLease reads a record. With ErrBadRecord the fields are there, but may be wrong.
func parseDeltaLease(b []byte) (DeltaLease, error) {
	if len(b) < leaderSize {
		return DeltaLease{}, fmt.Errorf("%w: %d bytes, want %d or more", ErrNoRecord, len(b), leaderSize)
	}
	magic, version := order.Uint32(b), order.Uint32(b[4:])
	if magic != leaderMagic {
		return DeltaLease{}, fmt.Errorf("%w: the record begins with %#x, want %#x", ErrNoRecord, magic, uint32(leaderMagic))
	}
	d := DeltaLease{
		Lockspace: text(b[56:104]), OwnerName: text(b[104:152]), OwnerID: order.Uint64(b[32:]), Generation: order.Uint64(b[40:]),
		Timestamp: order.Uint64(b[152:]), IOTimeout: time.Duration(order.Uint16(b[174:])) * time.Second,
		Sector: int(order.Uint32(b[12:])), AlignMiB: alignOf(Flags(order.Uint32(b[8:]))),
	}
	if version>>16 != leaderVersion {
		return d, fmt.Errorf("%w: version %#x, want %d in its upper half", ErrBadRecord, version, leaderVersion)
	}
	// The register starts at 0xfffffffe and is not inverted at the end, other than hash/crc32 does it.
	if got, want := order.Uint32(b[leaderSummed:]), ^crc32.Update(1, crc32.MakeTable(crc32.Castagnoli), b[:leaderSummed]); got != want {
		return d, fmt.Errorf("%w: checksum %#x, want %#x", ErrBadRecord, got, want)
	}
	return d, nil
}

// alignOf returns the size of an area in MiB; records of old daemons have no flag for it and mean 1.
func alignOf(f Flags) int {
	switch {
	case f&Align2M != 0:
		return 2
	case f&Align4M != 0:
		return 4
	case f&Align8M != 0:
		return 8
	}
	return 1
}

// MaxHosts returns the highest host id that a lockspace has room for, by its sector size in bytes (512 or 4096) and its size in MiB (1,
// 2, 4 or 8): 2000 for 512/1; 250, 500, 1000 and 2000 for 4096. Other pairs are an error. Upstream's lockspaces with 4096-byte sectors
// are 1 MiB, so hosts from 251 on can never join them (S29).
func MaxHosts(sectorSize, alignMiB int) (int, error) {
	_, limit, err := Geometry(sectorSize, alignMiB)
	return limit, err
}
