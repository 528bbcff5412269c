package ops

import "github.com/holdfast-ha/holdfast/daemons/brokerlink"

// Source is the broker as this package sees it. None of its methods blocks.
type Source interface {
	Status() brokerlink.Status
	View() brokerlink.View // with data
	Lanes() brokerlink.Lanes
	Health() brokerlink.Health
	// Changed returns a channel that is closed at the next change of what the others return. Ages are no changes.
	Changed() <-chan struct{}
	// Clients returns how many RPC connections are open.
	Clients() int
}
