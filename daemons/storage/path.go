package storage

import (
	"cmp"
	"context"
)

// pathDriver takes volumes that others have made ready, where the configuration says they are.
type pathDriver struct{ Settings }

// Connect has nothing to do.
func (d pathDriver) Connect(context.Context) (Volumes, error) {
	return d.overridden(Volumes{Domain: d.WhiteboardPath, Sector: cmp.Or(d.SectorSize, 512)}), nil
}

// Disconnect has nothing to do.
func (d pathDriver) Disconnect(context.Context) error { return nil }

// Describe names the whiteboard.
func (d pathDriver) Describe() string { return "path " + d.WhiteboardPath }

// overridden puts the paths of the configuration in place of those that were found.
func (s Settings) overridden(v Volumes) Volumes {
	v.Whiteboard = cmp.Or(s.WhiteboardPath, v.Whiteboard)
	v.Lockspace = cmp.Or(s.LockspacePath, v.Lockspace)
	v.Configuration = cmp.Or(s.ConfigurationPath, v.Configuration)
	v.Domain = cmp.Or(s.DomainPath, v.Domain)
	v.DomainIDs = cmp.Or(s.DomainIDsPath, v.DomainIDs)
	v.Sector = cmp.Or(s.SectorSize, v.Sector)
	return v
}
