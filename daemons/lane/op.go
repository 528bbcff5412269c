package lane

import "strconv"

// Op says what a lane is doing, for people and metrics. Zero is not an operation: it marks an idle lane.
type Op uint8

// The operations of all lanes. The names are part of log lines, metrics and get_lanes: they do not change.
const (
	OpNone       Op = iota
	OpRead          // one read pass over the segments in use
	OpScan          // one read pass over all segments
	OpWrite         // one segment
	OpReadBack      // the own segment, to see what is really on storage
	OpLease         // a question to sanlock
	OpLeaseJoin     // add_lockspace
	OpLeaseLeave    // rem_lockspace
	OpLeaseInit     // write_lockspace
	OpVMStart
	OpVMStop
	OpVMStatus
	OpConnect    // attach or mount storage
	OpDisconnect // detach or unmount storage
	OpOther      // anything else; the lane's name says more
)

var opNames = [...]string{
	OpNone: "idle", OpRead: "read", OpScan: "full-scan", OpWrite: "write", OpReadBack: "read-back",
	OpLease: "lease", OpLeaseJoin: "lease-join", OpLeaseLeave: "lease-leave", OpLeaseInit: "lease-init",
	OpVMStart: "vm-start", OpVMStop: "vm-stop", OpVMStatus: "vm-status",
	OpConnect: "connect", OpDisconnect: "disconnect", OpOther: "other",
}

// String returns the operation's name, such as "full-scan".
func (o Op) String() string {
	if int(o) < len(opNames) {
		return opNames[o]
	}
	return "op-" + strconv.Itoa(int(o))
}
