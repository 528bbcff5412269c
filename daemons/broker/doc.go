// Package broker is the broker's core: everything that holdfast-broker knows and decides, as a plain state machine.
//
//	effects := core.Step(now, event)
//
// An event is something that happened: an RPC that wants a change (Put, LockWanted, ...), a lane that finished
// (WriteDone, ReadDone, LeaseObserved, MountDone, DomainDone), the passing of time (Tick), the wish to end (Stop). An effect
// is something to be done: start an operation on a lane, answer an RPC, publish a new Snapshot, log a warning. The core reads
// no clock, opens no file, starts no goroutine and writes no log, so a test or a simulator can drive it in virtual time.
// Package shell (daemons/broker/shell) feeds it on a real host.
//
// A Core may be copied with an assignment: whatever it points to is never changed after it was made.
//
// # Order and durability
//
// The writer lane has one write in flight. Everything else waits in the mailbox, which holds at most one record for
// each segment: a newer record replaces an older one of the same segment and never one of another segment (S7:
// upstream's single slot lost the operator's global maintenance). Segments are written in the order in which their
// oldest unwritten record arrived, so neither starves the other. A record counts as durable when the write that
// carried exactly that record has returned without error; a late completion says nothing about a record that was put
// after it had started. A failed write goes back to the mailbox unless a newer record is there, and is tried again
// after a pause that doubles from write_retry_min to write_retry_max, however often the record is replaced (S4: an
// error never ends the process).
//
// Segment 0 (global maintenance) needs no lease (S3). The own segment is written only while sanlock confirms the host
// id lease; until then its record waits and is not dropped (S9). All other segments are refused (S15).
//
// # What is read
//
// A pass of the reader lane replaces the view of the whiteboard as a whole: segments that have become empty disappear
// (S8), and each segment is judged alone (S12, S13). What this broker accepted but has not yet seen on storage lies
// over the view and says so. If the own segment on storage is not what was last written there, because a write that
// hung before a restart landed late, the record is written again. A record that this process found and did not write is as
// old as its first sight. If the record found is another host's, that host is named.
//
// # RPCs that wait
//
// Taking a lease, releasing it, writing a lockspace, connecting storage, starting the domain monitor, and waiting for a
// record to be durable take as long as they take. Each such RPC brings a deadline, Until. What it waits for is a state of
// the core, which is looked at after each step: it is answered once, with the truth, when that state is there, when it has
// become impossible, or at its deadline, and the work goes on whether or not somebody waits (S1, S2).
//
// # Storage
//
// The core connects storage when it begins and tries for ever, with pauses (S21). Before that, and while it is disconnected
// on command, no other lane starts an operation; everything is served and accepted all the same. When reads or writes fail
// several times in a row, or the whiteboard is not there, the mount lane connects again while the others go on. A hang is no
// failure: the calls may still return. A disconnect writes what is pending, leaves the lockspace and stops the domain
// monitor first, all bounded, and is given up while the engine uses the lockspace. What a lane began before a disconnect and
// ends after it says nothing about the storage that is there now.
//
// # The host id
//
// The lease is joined asynchronously and polled; a lease that sanlock dropped is joined again. When a join fails or takes
// long, the host id's record in the lockspace is read, while storage answers, so that another host with the same host id is
// named instead of being waited for. A host id that the lockspace has no room for is refused (S29).
package broker
