package lease

import (
	"errors"
	"fmt"
	"time"
)

func appendDisk(b []byte, d Disk) ([]byte, error) {
	if err := checkPath(d.Path); err != nil {
		return nil, err
	}
	var s [diskSize]byte
	copy(s[:pathSize], d.Path)
	order.PutUint64(s[pathSize:], d.Offset)
	return append(b, s[:]...), nil
}

func parseDisk(b []byte) Disk {
	return Disk{Path: text(b[:pathSize]), Offset: order.Uint64(b[pathSize:])}
}

func appendLockspace(b []byte, l Lockspace) ([]byte, error) {
	if err := checkName("lockspace", l.Name); err != nil {
		return nil, err
	}
	var s [64]byte
	copy(s[:MaxName], l.Name)
	order.PutUint64(s[48:], l.HostID)
	order.PutUint32(s[56:], uint32(l.Flags))
	return appendDisk(append(b, s[:]...), Disk{Path: l.Path, Offset: l.Offset})
}

// parseLockspace reads one lockspace from the beginning of b.
func parseLockspace(b []byte) (Lockspace, error) {
	if len(b) < lockspaceSize {
		return Lockspace{}, fmt.Errorf("%w: lockspace of %d bytes, want %d", errProtocol, len(b), lockspaceSize)
	}
	d := parseDisk(b[64:])
	return Lockspace{
		Name: text(b[:MaxName]), HostID: order.Uint64(b[48:]), Flags: Flags(order.Uint32(b[56:])),
		Path: d.Path, Offset: d.Offset,
	}, nil
}

// appendResource appends the resource, and its disks when withDisks is set.
func appendResource(b []byte, r Resource, withDisks bool) ([]byte, error) {
	if err := errors.Join(checkName("lockspace", r.Lockspace), checkName("resource", r.Name)); err != nil {
		return nil, err
	}
	if withDisks && (len(r.Disks) < 1 || len(r.Disks) > MaxDisks) {
		return nil, fmt.Errorf("resource %s has %d disks, want 1 to %d", r, len(r.Disks), MaxDisks)
	}
	var s [resourceSize]byte
	copy(s[:MaxName], r.Lockspace)
	copy(s[48:48+MaxName], r.Name)
	order.PutUint64(s[96:], r.LVER)
	order.PutUint64(s[104:], r.Data64)
	order.PutUint32(s[112:], r.Data32)
	order.PutUint32(s[120:], uint32(r.Flags))
	if withDisks {
		order.PutUint32(s[124:], uint32(len(r.Disks)))
	}
	b = append(b, s[:]...)
	if !withDisks {
		return b, nil
	}
	for _, d := range r.Disks {
		var err error
		if b, err = appendDisk(b, d); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// parseResource reads one resource from the beginning of b, without disks, and returns how many disks it names.
func parseResource(b []byte) (Resource, int, error) {
	if len(b) < resourceSize {
		return Resource{}, 0, fmt.Errorf("%w: resource of %d bytes, want %d", errProtocol, len(b), resourceSize)
	}
	disks := order.Uint32(b[124:])
	if disks > MaxDisks {
		return Resource{}, 0, fmt.Errorf("%w: resource with %d disks, at most %d exist", errProtocol, disks, MaxDisks)
	}
	return Resource{
		Lockspace: text(b[:MaxName]), Name: text(b[48 : 48+MaxName]),
		LVER: order.Uint64(b[96:]), Data64: order.Uint64(b[104:]), Data32: order.Uint32(b[112:]),
		Flags: Flags(order.Uint32(b[120:])),
	}, int(disks), nil
}

// parseHosts reads count hosts.
func parseHosts(b []byte, count uint32) ([]Host, error) {
	if uint64(len(b)) < uint64(count)*hostSize {
		return nil, fmt.Errorf("%w: %d bytes for %d hosts, want %d", errProtocol, len(b), count, uint64(count)*hostSize)
	}
	hosts := make([]Host, count)
	for i := range hosts {
		h := b[i*hostSize:]
		hosts[i] = Host{
			HostID: order.Uint64(h), Generation: order.Uint64(h[8:]), Timestamp: order.Uint64(h[16:]),
			IOTimeout: time.Duration(order.Uint32(h[24:])) * time.Second,
			State:     HostState(order.Uint32(h[28:]) & 0xf),
		}
	}
	return hosts, nil
}

// parseLockspaces reads count lockspaces.
func parseLockspaces(b []byte, count uint32) ([]Lockspace, error) {
	if uint64(len(b)) < uint64(count)*lockspaceSize {
		return nil, fmt.Errorf("%w: %d bytes for %d lockspaces, want %d",
			errProtocol, len(b), count, uint64(count)*lockspaceSize)
	}
	list := make([]Lockspace, count)
	for i := range list {
		var err error
		if list[i], err = parseLockspace(b[i*lockspaceSize:]); err != nil {
			return nil, err
		}
	}
	return list, nil
}
