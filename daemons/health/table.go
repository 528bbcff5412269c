package health

import "time"

// Code names a warnable, in lower case with dashes; it never changes once published.
type Code string

// The warnables. Table says more about each.
const (
	Config             Code = "config"
	StorageMissing     Code = "storage-missing"
	StorageStalled     Code = "storage-stalled"
	StorageErrors      Code = "storage-errors"
	ReaderBlind        Code = "reader-blind"
	RecordLate         Code = "record-late"
	SegmentOverwritten Code = "segment-overwritten"
	SegmentUnreadable  Code = "segment-unreadable"
	LeaseNone          Code = "lease-none"
	LeasePending       Code = "lease-pending"
	LeaseLost          Code = "lease-lost"
	LeaseUnconfirmed   Code = "lease-unconfirmed"
	EngineUnknown      Code = "engine-unknown"
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
const count = 13

// table is the order in which warnings are shown: causes before consequences.
var table = [count]Warnable{
	{
		Code: Config, Title: "The configuration lacks something or is for tests only", Severity: Low,
		Remedy: "Correct holdfast.conf as the detail says and restart the daemon.",
	},
	{
		Code: StorageMissing, Title: "The whiteboard is not there", Severity: High,
		Remedy: "Set whiteboard_path, attach the storage and check that the file or volume exists. " +
			"The broker goes on by itself as soon as it can open it.",
	},
	{
		Code: StorageStalled, Title: "Storage does not answer", Severity: High,
		Remedy: "Look at the storage server, the network to it, and the thread that the detail names. " +
			"The broker goes on by itself as soon as the call returns; restarting it does not help.",
	},
	{
		Code: StorageErrors, Title: "Storage answers with errors", Severity: High, DependsOn: []Code{StorageMissing},
		Remedy: "Look at the error in the detail and at the kernel's log. The broker retries by itself.",
	},
	{
		Code: ReaderBlind, Title: "The other hosts' records are too old to rely on", Severity: High,
		DependsOn: []Code{StorageMissing},
		Remedy:    "Nothing may be started on old records; repair the storage. A stalled or failing reader lane is the usual cause.",
	},
	{
		Code: RecordLate, Title: "This host's record does not reach storage, others will take it for dead", Severity: High,
		DependsOn: []Code{StorageMissing},
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
		Code: LeaseLost, Title: "The host id lease was lost", Severity: High,
		Remedy: "Look at sanlock's log and at the lockspace's storage. The broker joins again by itself.",
	},
	{
		Code: LeaseUnconfirmed, Title: "sanlock does not answer", Severity: High, VisibleIn: 3 * time.Second,
		Remedy: "Check that sanlock runs and that sanlock_socket is right.",
	},
	{
		Code: LeasePending, Title: "The host id lease is wanted but not held yet", Severity: Low,
		DependsOn: []Code{LeaseLost, LeaseUnconfirmed},
		Remedy: "Joining takes two to three I/O timeouts, and minutes after an unclean reboot under another name. " +
			"If it lasts, look at the detail and at sanlock's log.",
	},
	{
		Code: LeaseNone, Title: "The host id lease is not held, nobody asked for it", Severity: Low,
		VisibleIn: 5 * time.Second,
		Remedy:    "Start the agent; it asks for the lease.",
	},
	{
		Code: EngineUnknown, Title: "The state of the engine VM is not known", Severity: Medium, VisibleIn: 5 * time.Second,
		Remedy: "Look at the VM driver's error in the detail.",
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
