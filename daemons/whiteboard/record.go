package whiteboard

// Record is what a host publishes for programs: the machine part of its segment.
type Record struct {
	// ParseVersion and FeatureVersion are tokens 0 and 1. Encode writes the constants of the same names and takes 0 as them.
	ParseVersion, FeatureVersion int
	// Timestamp is the agent's clock when it began to collect (token 2): whole seconds of CLOCK_MONOTONIC_RAW of that
	// host, so comparable only with other timestamps of the same host and boot.
	Timestamp int64
	// HostID is token 3, 1 to 2000.
	HostID int
	// Score is token 4, in points, 0 or more.
	Score int
	// EngineStatus is token 5, raw JSON text: an object or null. ParseEngineStatus reads it.
	EngineStatus string
	// HostName is token 6.
	HostName string
	// Maintenance is token 7: the host is in local maintenance.
	Maintenance bool
	// Stopped is token 8: the agent has stopped cleanly.
	Stopped bool
	// CRC is token 9. Encode computes it.
	CRC uint32
	// ConfOnSharedStorage is token 10.
	ConfOnSharedStorage bool
	// ConfTimestamp is token 11, the time of the last refresh of the VM's configuration on the clock of Timestamp; 0 = never.
	ConfTimestamp int64
	// Human is the second part of the segment as text, without padding. Decode fills it; Encode takes a Human value instead.
	Human string
}

// The tokens of the machine part, joined by separator.
const (
	tokenParseVersion = iota
	tokenFeatureVersion
	tokenTimestamp
	tokenHostID
	tokenScore
	tokenEngineStatus
	tokenHostName
	tokenMaintenance
	tokenStopped
	tokenCRC
	tokenConfOnSharedStorage
	tokenConfTimestamp
	tokenCount

	// tokensRequired is the least number of tokens of a record; upstream's readers accept the rest as optional.
	tokensRequired = tokenHostName + 1

	separator = "|"
	blankCRC  = "00000000"
)
