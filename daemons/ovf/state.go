package ovf

import (
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// State is what a room knows, for people, health and metrics.
type State struct {
	// VMUUID is the VM of the newest refresh; empty before the first.
	VMUUID string
	// LastSuccess is as Room.LastSuccess; Age is how long ago that was, negative if never.
	LastSuccess clock.Mono
	Age         time.Duration
	// Source is the volume that vm.conf was made from, or "archive"; empty if it was not made yet. Published is when the engine wrote it, by
	// the engine's clock; zero if unknown.
	Source    string
	Published time.Time
	// Problem is why the newest refresh failed, empty if it did not; ProblemSince is when the first one in a row began.
	Problem      string
	ProblemSince clock.Mono
	// Remarks are oddities in the OVF that did not keep it from being used.
	Remarks []string
	// Stores are the OVF_STOREs that the newest refresh saw.
	Stores []StoreState
	// Archive is the state of the shared configuration archive.
	Archive ArchiveState
}

// StoreState is one OVF_STORE as the newest refresh saw it.
type StoreState struct {
	Path      string
	Updated   bool
	Published time.Time // zero if unknown
	Problem   string    // why it was not used; empty if it was, or did not need to be
}

// ArchiveState is the state of the archive.
type ArchiveState struct {
	// ReadAt is when the reading of the cached copy began, 0 if there is none; Age is how long ago, negative if never.
	ReadAt clock.Mono
	Age    time.Duration
	// Valid tells that the newest reading found a whole archive.
	Valid bool
	// Problem is why the newest reading brought none; ProblemSince is when the first such reading in a row began. Damaged tells that storage
	// answered and that what it gave is not a whole archive.
	Problem      string
	ProblemSince clock.Mono
	Damaged      bool
	// CopyProblem is why the local copies, broker.conf and vm.conf.fallback, could not be renewed; empty if they could.
	CopyProblem string
}
