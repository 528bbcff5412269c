package scenario

import "time"

// The closed lists of words. Each function returns a fresh slice, in the order in which messages show it.

func firstWords() []string {
	return []string{"cluster", "engine", "always", "never", "hang", "slow", "freeze", "drop", "heal", "wait", "expect", "set", "saw"}
}

func storages() []string {
	return []string{string(StorageNFS), string(StorageISCSI), string(StorageISCSIGotgt)}
}

// LaneNames are the lanes of a broker.
func LaneNames() []string { return []string{"ha-writer", "ha-reader", "ha-lease"} }

// LeaseStates are the states of a host's lockspace lease.
func LeaseStates() []string { return []string{"none", "joining", "held", "lost", "leaving"} }

// AgentStates are the states of an agent.
func AgentStates() []string {
	return []string{
		"ReinitializeFSM", "EngineDown", "EngineStart", "EngineStarting", "EngineUp", "GlobalMaintenance", "StorageBlind",
	}
}

// MediaOps are the requests that a fault of the medium can select.
func MediaOps() []string { return []string{"read", "write", "fsync"} }

// MediaFiles are the shared files of a cluster.
func MediaFiles() []string { return []string{"whiteboard", "lockspace", "lease", "disk"} }

func maintenances() []string { return []string{string(MaintenanceGlobal), string(MaintenanceNone)} }

// Ranges of values.
const (
	maxHosts     = 9
	maxSegment   = 2000
	maxUpdates   = 1000
	maxGrowth    = 10000
	minIOTimeout = time.Second
	maxIOTimeout = 30 * time.Second
	minFactor    = 0.05
	maxFactor    = 10.0
	shortest     = time.Millisecond
	maxWait      = time.Hour
	maxDelay     = time.Minute
)
