// Package domain watches the storage domain: whether its metadata can be read, how long that takes, and whether this host holds its host
// id in the domain's own lockspace.
//
// There are two monitors. Direct reads the storage itself; VDSM has VDSM's own monitor do it and reads what that found. Their methods are
// for the domain lane (package lane), one at a time: Direct may hang there for as long as the storage does.
package domain

import (
	"context"
	"time"
)

// Facts are what one check found.
type Facts struct {
	// Valid: the domain's metadata was read, and it is this domain's.
	Valid bool
	// Delay is how long the read took; 0 if nothing was read. Whether that is too long is for others to judge.
	Delay time.Duration
	// Acquired: this host's id is held in the domain's own lockspace.
	Acquired bool
	// Detail says in one line why the domain is not valid or not acquired; empty if it is both.
	Detail string
}

// Monitor is one way to watch a domain.
type Monitor interface {
	// Start begins to watch and begins to acquire the host id, 1 to 2000. It does not wait for either; Check tells. Starting again
	// with the same id changes nothing.
	Start(ctx context.Context, hostID int) error
	// Check looks once. With an error too it returns what it can: Facts that are not Valid and say why.
	Check(ctx context.Context) (Facts, error)
	// Stop ends the watch and gives the host id up, unless something still holds a lease under it. Stopping twice is fine.
	Stop(ctx context.Context) error
}
