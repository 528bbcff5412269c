package scenario

import "time"

// Condition is what Expect waits for and Saw looks back for. The concrete types are LaneBlocked, Warns, Clear, Fresh, Lease,
// State, Updates, DiskMaintenance, ViewMaintenance, Monitor, Metric, Mail, File and Mode, all by value.
type Condition interface {
	// String is the canonical text between the statement's first word and `within=`.
	String() string

	condition()
}

// LaneBlocked holds while the lane's thread sits in a system call, and /proc and get_lanes agree on it:
// `host2 lane=ha-writer blocked`.
type LaneBlocked struct {
	Host string
	Lane string
}

// Warns holds while get_health of the host shows the warning: `host2 warns storage-stalled late<1s`.
type Warns struct {
	Host string
	Code string
	// Late bounds how late the warning came: seconds after the start of the operation that stalls plus the broker's
	// stall_after limit. 0: not judged.
	Late time.Duration
}

// Clear holds while get_health of the host does not show the warning: `host2 clear storage-stalled`.
type Clear struct {
	Host string
	Code string
}

// Fresh holds once the newest record that the host put is on storage, read on the server's side: `host2 fresh`.
type Fresh struct{ Host string }

// Lease holds while the host's lockspace lease is in the state, as get_view shows it: `host2 lease=held`.
type Lease struct {
	Host  string
	State string
}

// State holds while the agent's latest turn was in the state: `host2 state=EngineDown`.
type State struct {
	Host  string
	State string
}

// Updates holds after so many further turns of the agent that published a record: `host2 updates=10`.
type Updates struct {
	Host  string
	Count int
}

// DiskMaintenance holds while segment 0, read on the server's side, says so: `disk maintenance=global`.
type DiskMaintenance struct{ Maintenance Maintenance }

// ViewMaintenance holds while segment 0, as the host's broker answers it, says so: `view host3 maintenance=global`.
type ViewMaintenance struct {
	Host        string
	Maintenance Maintenance
}

func (LaneBlocked) condition()     {}
func (Warns) condition()           {}
func (Clear) condition()           {}
func (Fresh) condition()           {}
func (Lease) condition()           {}
func (State) condition()           {}
func (Updates) condition()         {}
func (DiskMaintenance) condition() {}
func (ViewMaintenance) condition() {}
