package container

import (
	"context"
	"errors"
	"time"
)

// OVFSpec is what [Cluster.PublishOVF] writes into one of the two OVF_STOREs.
type OVFSpec struct {
	// Memory of the engine VM in MiB; 0 means 4096.
	Memory int
	// Updated is what the store's description says of itself: false marks a store that the engine did not finish.
	Updated bool
	// When is the time of the last update in the description; the zero time means now.
	When time.Time
	// Torn leaves out the second half of the archive.
	Torn bool
}

// PublishOVF writes the engine's OVF into a store (1 or 2) as the engine does, straight at the server's backing file.
func (c *Cluster) PublishOVF(ctx context.Context, store int, spec OVFSpec) error {
	return errors.New("not yet")
}
