package brokerlink

// Status is everything about the broker that is not the whiteboard, in one answer.
type Status struct {
	Now      float64       `json:"now"`     // the broker's CLOCK_MONOTONIC in seconds
	Version  string        `json:"version"` // of the broker
	HostID   int           `json:"host_id"` // this host's
	Uptime   float64       `json:"uptime"`  // seconds since the broker started
	Mount    MountView     `json:"mount"`
	Domain   DomainView    `json:"domain"`
	Lease    LeaseView     `json:"lease"`
	Monitors []MonitorView `json:"monitors"` // the submonitors that run
	OVF      OVFView       `json:"ovf"`
	Archive  ArchiveView   `json:"archive"`
	Notify   NotifyView    `json:"notify"`
}

// States of the connection to the shared storage.
const (
	StorageUnconfigured  = "unconfigured"
	StorageConnecting    = "connecting"
	StorageConnected     = "connected"
	StorageFailing       = "failing"
	StorageDisconnecting = "disconnecting"
	StorageDisconnected  = "disconnected" // on command
)

// MountView is the state of the connection to the shared storage.
type MountView struct {
	State         string  `json:"state"`         // StorageUnconfigured, ...
	Since         float64 `json:"since"`         // CLOCK_MONOTONIC seconds at which State began
	Detail        string  `json:"detail"`        // why, for people
	Failures      int     `json:"failures"`      // attempts that failed in a row
	Driver        string  `json:"driver"`        // what connects, for people; without secrets
	Whiteboard    string  `json:"whiteboard"`    // path of the metadata volume; "" not known
	Lockspace     string  `json:"lockspace"`     // path of the lockspace volume; "" not known
	Configuration string  `json:"configuration"` // path of the shared configuration volume; "" none
	Domain        string  `json:"domain"`        // path of the storage domain's metadata; "" none
	Sector        int     `json:"sector"`        // bytes: 512 or 4096; 0 not known
	ReadAge       float64 `json:"read_age"`      // seconds since the last complete read of the whiteboard; -1 never
	ReadProblem   string  `json:"read_problem"`  // why the newest read failed; "" it did not
	ReadBytes     int     `json:"read_bytes"`    // bytes that the last complete read took from storage
	ReadTook      float64 `json:"read_took"`     // seconds that it took
}

// States of the domain monitor.
const (
	DomainNever    = "never" // nobody has asked for it since the broker started
	DomainStarting = "starting"
	DomainOn       = "on"
	DomainStopping = "stopping"
	DomainOff      = "off" // stopped on command: the domain counts as valid
)

// DomainView is what the monitor of the storage domain knows.
type DomainView struct {
	State    string  `json:"state"` // DomainNever, ...
	HostID   int     `json:"host_id"`
	Valid    bool    `json:"valid"`
	Delay    float64 `json:"delay"`    // seconds that the newest check's read took
	Age      float64 `json:"age"`      // seconds since that check; -1 never
	Acquired bool    `json:"acquired"` // the host id in the domain's own lockspace is held
	Detail   string  `json:"detail"`   // what is wrong, for people
}

// MonitorView is a submonitor that runs.
type MonitorView struct {
	Type    string  `json:"type"`
	Text    string  `json:"text"`    // what status_monitor answers
	Age     float64 `json:"age"`     // seconds since the newest measurement ended; -1 none has
	Problem string  `json:"problem"` // why the value is not known; "" it is
}

// OVFView is how fresh the engine VM's configuration is.
type OVFView struct {
	Enabled bool    `json:"enabled"`
	Age     float64 `json:"age"`     // seconds since it was last read from storage; -1 never
	Problem string  `json:"problem"` // of the newest attempt
}

// ArchiveView is what is known of the shared configuration archive.
type ArchiveView struct {
	Enabled bool    `json:"enabled"`
	Age     float64 `json:"age"`   // seconds since it was last read from storage; -1 never
	Valid   bool    `json:"valid"` // what was read last was a sound archive
	Problem string  `json:"problem"`
}

// NotifyView is how the notifications fare.
type NotifyView struct {
	Queued  int     `json:"queued"`  // wait to be sent
	Sent    int     `json:"sent"`    // since the broker started
	Dropped int     `json:"dropped"` // given up or not taken for want of room, since the broker started
	Problem string  `json:"problem"` // why the oldest in the queue has not been sent; "" no trouble
	Since   float64 `json:"since"`   // CLOCK_MONOTONIC seconds at which Problem began; 0 none
}

// PutAnswer is what put_stats_wait answers.
type PutAnswer struct {
	Accepted bool    `json:"accepted"` // taken into memory and queued for the writer
	Durable  bool    `json:"durable"`  // these very data are on storage
	Waited   float64 `json:"waited"`   // seconds from the call to this answer
	Detail   string  `json:"detail"`   // why not accepted or not durable; "" durable
}

// SharedFile is a file of the shared configuration archive as the broker last read it.
type SharedFile struct {
	Data   []byte  `json:"data"`
	Age    float64 `json:"age"`    // seconds since it was read from storage; -1 never
	Valid  bool    `json:"valid"`  // Data are the file's contents, as old as Age says
	Detail string  `json:"detail"` // what is wrong; "" nothing
}
