package ovf

import (
	"path"

	"github.com/holdfast-ha/holdfast/daemons/child"
)

// Domain is what is known of a storage domain when storage was connected.
type Domain struct {
	// UUID of the domain.
	UUID string
	// Dir is its directory with images/IMAGE/VOLUME in it; empty if it has none.
	Dir string
	// Block tells that it is on iSCSI or FC: a volume group, named by the UUID.
	Block bool
	// LVMConfig is what LVM's programs are to be told so that they look at the domain's own disks only; see storage.Volumes.
	LVMConfig string
	// VDSM, if not nil, is asked instead of looking at the storage.
	VDSM VDSMCalls
}

// CatalogOf returns how to search the domain; nil if there is no way.
func (r *Room) CatalogOf(d Domain) Catalog {
	switch {
	case d.VDSM != nil && d.UUID != "":
		return VDSMCatalog{VDSM: d.VDSM, Domain: d.UUID, Dir: d.Dir}
	case d.Block && d.UUID != "":
		return BlockCatalog{Device: r.options.Device, Group: d.UUID, LVMConfig: d.LVMConfig, Run: child.Run, Ward: &r.ward}
	case d.Dir != "" && path.IsAbs(d.Dir):
		return FileCatalog{Device: r.options.Device, Dir: d.Dir}
	}
	return nil
}
