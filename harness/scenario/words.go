package scenario

import "time"

// The closed lists of words. Each function returns a fresh slice, in the order in which messages show it.

func firstWords() []string {
	words := append([]string{"cluster", "engine", "always", "never"}, faultWords()...)
	return append(words, "heal", "wait", "expect", "set", "saw",
		"stop", "kill", "start", "configure", "vdsm", "smtp", "write", "publish", "call", "load")
}

func faultWords() []string { return []string{"hang", "slow", "fail", "freeze", "drop", "mount"} }

func programs() []Program {
	return []Program{ProgramBroker, ProgramAgent, ProgramSanlock, ProgramVDSM, ProgramSMTP}
}

func damages() []string {
	var words []string
	for _, d := range []Damage{
		DamagePoison, DamageBadBlock, DamageForeign, DamageMultibyte, DamageTooNew, DamageTorn, DamageZero,
	} {
		words = append(words, string(d))
	}
	return words
}

func answerWords() []string {
	return []string{string(AnswerOK), string(AnswerNil), string(AnswerAny), string(AnswerFault)}
}

func storages() []string {
	return []string{string(StorageNFS), string(StorageISCSI), string(StorageISCSIGotgt)}
}

// LaneNames are the lanes of a broker.
func LaneNames() []string {
	return []string{"ha-writer", "ha-reader", "ha-lease", "ha-mount", "ha-domain", "ha-ovf", "ha-notify"}
}

// MonitorTypes are the types of a broker's submonitors.
func MonitorTypes() []string {
	return []string{
		"network", "ping", "mgmt-bridge", "mem-free", "cpu-load", "cpu-load-no-engine", "engine-health", "storage-domain", "ovf",
	}
}

// MediaErrors are the errors that a failing medium can answer with.
func MediaErrors() []string { return []string{"EIO", "ENOSPC", "ESTALE", "EROFS"} }

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
func MediaFiles() []string {
	return []string{"whiteboard", "lockspace", "lease", "disk", "conf", "ovf1", "ovf2"}
}

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
	maxFirst     = 1000000
	maxMemory    = 1 << 20 // MiB
	maxClients   = 5000
	maxLoad      = 10 * time.Minute
	maxName      = 120 // bytes
	plainSector  = 512
)
