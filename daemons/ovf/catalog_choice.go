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
	// VDSM, if not nil, is asked instead of looking at the storage.
	VDSM VDSMCalls
}

// CatalogOf returns how to search the domain; nil if there is no way.
func CatalogOf(device Device, d Domain) Catalog {
	switch {
	case d.VDSM != nil && d.UUID != "":
		return VDSMCatalog{VDSM: d.VDSM, Domain: d.UUID}
	case d.Block && d.UUID != "":
		return BlockCatalog{Device: device, Group: d.UUID, Run: child.Run}
	case d.Dir != "" && path.IsAbs(d.Dir):
		return FileCatalog{Device: device, Dir: d.Dir}
	}
	return nil
}
