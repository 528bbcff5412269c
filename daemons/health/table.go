package health

import "time"

// Code names a warnable, in lower case with dashes; it never changes once published.
type Code string

// The warnables. Table says more about each.
const (
	ConfigBad           Code = "config-bad"
	Config              Code = "config"
	ClockJump           Code = "clock-jump"
	StorageDisconnected Code = "storage-disconnected"
	MountFailing        Code = "mount-failing"
	StorageMissing      Code = "storage-missing"
	StorageStalled      Code = "storage-stalled"
	StorageErrors       Code = "storage-errors"
	LaneStalled         Code = "lane-stalled"
	ReaderBlind         Code = "reader-blind"
	HostIDTaken         Code = "host-id-taken"
	LeaseLost           Code = "lease-lost"
	LeaseUnconfirmed    Code = "lease-unconfirmed"
	LeasePending        Code = "lease-pending"
	LeaseNone           Code = "lease-none"
	RecordLate          Code = "record-late"
	SegmentOverwritten  Code = "segment-overwritten"
	SegmentUnreadable   Code = "segment-unreadable"
	DomainInvalid       Code = "domain-invalid"
	EngineUnknown       Code = "engine-unknown"
	OVFStale            Code = "ovf-stale"
	ArchiveInvalid      Code = "archive-invalid"
	NotifyFailing       Code = "notify-failing"
)

// Severity says how bad a warning is.
type Severity string

// Severities, worst first. A low one does not make a daemon unhealthy.
const (
	High   Severity = "high"   // the daemon cannot do its work
	Medium Severity = "medium" // it can, but something needs a look
	Low    Severity = "low"    // a state that is fine if it was meant
)

// Warnable is one row of the table.
type Warnable struct {
	Code      Code
	Title     string // one short sentence without a full stop
	Severity  Severity
	DependsOn []Code        // hidden while one of these is visible, because that one is the cause
	VisibleIn time.Duration // how long it must have lasted before it is shown; 0 = at once
	Remedy    string        // what an operator does about it
}

// count is the number of warnables: the length of the table and of a Board.
const count = 23

// unconnected are the warnables that explain why nothing can be read or written.
var unconnected = [...]Code{StorageDisconnected, MountFailing, StorageMissing}

// table is the order in which warnings are shown: causes before consequences.
var table = [count]Warnable{
	{
		Code: ConfigBad, Title: "The configuration holds a value that cannot be used", Severity: High,
		Remedy: "Correct the file, line and key that the detail names. The last good value, if there is one, stays in force.",
	},
	{
		Code: Config, Title: "The configuration lacks something or is for tests only", Severity: Low,
		Remedy: "Correct holdfast.conf as the detail says and restart the daemon.",
	},
	{
		Code: ClockJump, Title: "The host's clock jumped, or the host stood still", Severity: Medium,
		Remedy: "Look for a suspended or starved machine and for who sets the clock. Ages are measured on a clock that is " +
			"never set, so nothing here depends on the time of day.",
	},
	{
		Code: StorageDisconnected, Title: "The storage is disconnected, on command", Severity: Low,
		Remedy: "Connect it again with hosted-engine --connect-storage when the work on it is done.",
	},
	{
		Code: MountFailing, Title: "The storage cannot be connected", Severity: High, DependsOn: []Code{StorageDisconnected},
		Remedy: "Look at the error in the detail, at the storage server and at the network to it. The broker tries again by " +
			"itself, with pauses of reconnect_min to reconnect_max.",
	},
	{
		Code: StorageMissing, Title: "The whiteboard is not there", Severity: High,
		DependsOn: []Code{StorageDisconnected, MountFailing},
		Remedy: "Set whiteboard_path, attach the storage and check that the file or volume exists. " +
			"The broker goes on by itself as soon as it can open it.",
	},
	{
		Code: StorageStalled, Title: "Storage does not answer", Severity: High,
		Remedy: "Look at the storage server, the network to it, and the thread that the detail names. " +
			"The broker goes on by itself as soon as the call returns; restarting it does not help.",
	},
	{
		Code: StorageErrors, Title: "Storage answers with errors", Severity: High,
		DependsOn: []Code{StorageDisconnected, StorageMissing},
		Remedy:    "Look at the error in the detail and at the kernel's log. The broker retries by itself.",
	},
	{
		Code: LaneStalled, Title: "Work beside the whiteboard does not come to an end", Severity: Medium,
		Remedy: "Look at what the thread in the detail waits for: ha-mount for a storage server, ha-domain and ha-ovf for the " +
			"storage domain, ha-lease for sanlock, ha-notify for the mail server. Nothing else waits for it.",
	},
	{
		Code: ReaderBlind, Title: "The other hosts' records are too old to rely on", Severity: High,
		DependsOn: unconnected[:],
		Remedy:    "Nothing may be started on old records; repair the storage. A stalled or failing reader lane is the usual cause.",
	},
	{
		Code: HostIDTaken, Title: "Another host uses this host's host_id", Severity: High,
		Remedy: "Two hosts are configured with one host_id. Stop the agents on both, give one of them a free host_id in its " +
			"hosted-engine.conf, and start them again. The detail names the other host.",
	},
	{
		Code: LeaseLost, Title: "The host id lease was lost", Severity: High, DependsOn: []Code{StorageDisconnected},
		Remedy: "Look at sanlock's log and at the lockspace's storage. The broker joins again by itself.",
	},
	{
		Code: LeaseUnconfirmed, Title: "sanlock does not answer", Severity: High, VisibleIn: 3 * time.Second,
		Remedy: "Check that sanlock runs and that sanlock_socket is right.",
	},
	{
		Code: LeasePending, Title: "The host id lease is wanted but not held yet", Severity: Low,
		DependsOn: []Code{HostIDTaken, LeaseLost, LeaseUnconfirmed},
		Remedy: "Joining takes two to three I/O timeouts, and minutes after an unclean reboot under another name. " +
			"If it lasts, look at the detail and at sanlock's log.",
	},
	{
		Code: LeaseNone, Title: "The host id lease is not held, nobody asked for it", Severity: Low,
		VisibleIn: 5 * time.Second, DependsOn: []Code{StorageDisconnected},
		Remedy: "Start the agent; it asks for the lease.",
	},
	{
		Code: RecordLate, Title: "This host's record does not reach storage, others will take it for dead", Severity: High,
		DependsOn: unconnected[:],
		Remedy:    "Repair the storage or the host id lease; see the other warnings for which of them it is.",
	},
	{
		Code: SegmentOverwritten, Title: "Something else wrote this host's segment", Severity: Medium,
		Remedy: "Check that no other host uses this host_id. A write that was stuck before a restart is harmless: " +
			"the record has been published again.",
	},
	{
		Code: SegmentUnreadable, Title: "Some segments of the whiteboard cannot be read as records", Severity: Medium,
		Remedy: "Clean the segments named in the detail if their hosts are gone; otherwise look at those hosts.",
	},
	{
		Code: DomainInvalid, Title: "The storage domain is not valid", Severity: High, DependsOn: unconnected[:],
		Remedy: "Look at the detail: the domain cannot be read, is too slow, or has not been checked for too long. The engine " +
			"is not started here until it is good again.",
	},
	{
		Code: EngineUnknown, Title: "The state of the engine VM is not known", Severity: Medium, VisibleIn: 5 * time.Second,
		Remedy: "Look at the VM driver's error in the detail.",
	},
	{
		Code: OVFStale, Title: "The engine VM's definition has not been refreshed for long", Severity: Medium,
		DependsOn: unconnected[:],
		Remedy: "Look at the error in the detail. The last good vm.conf stays in use; changes made in the engine since then " +
			"are not in it.",
	},
	{
		Code: ArchiveInvalid, Title: "The shared configuration cannot be read", Severity: Medium, DependsOn: unconnected[:],
		Remedy: "Look at the error in the detail. The last good copies of the shared files stay in use. If the volume is " +
			"damaged, write the files again with hosted-engine --set-shared-config.",
	},
	{
		Code: NotifyFailing, Title: "Notifications cannot be sent", Severity: Low, VisibleIn: 5 * time.Second,
		Remedy: "Check smtp-server, smtp-port and the addresses in broker.conf, and the mail server. What could not be sent in " +
			"time is dropped and counted.",
	},
}

// Table returns all warnables in the order in which they are shown. The slice is the caller's.
func Table() []Warnable {
	rows := make([]Warnable, 0, count)
	for _, w := range table {
		w.DependsOn = append([]Code(nil), w.DependsOn...)
		rows = append(rows, w)
	}
	return rows
}

// Lookup returns the row of a code, and false for a code that is not in the table.
func Lookup(code Code) (Warnable, bool) {
	if i := index(code); i >= 0 {
		return Table()[i], true
	}
	return Warnable{}, false
}

// index returns the position of a code in the table, -1 if it is not there.
func index(code Code) int {
	for i := range table {
		if table[i].Code == code {
			return i
		}
	}
	return -1
}
