// Package shell runs the broker's core on a real host: one goroutine that owns the core, seven lanes, the RPC server, the
// operations API, the submonitors and the sockets.
//
// # Who waits for whom
//
// The goroutine that owns the core takes events from a queue and carries out effects; neither ever blocks. What may
// block runs in a lane: ha-writer and ha-reader for the whiteboard, ha-mount for connecting the storage, ha-domain for the
// storage domain, ha-lease for sanlock, and, run by their own rooms, ha-ovf and ha-notify. Methods that only read are
// answered from the last published snapshot and from the lanes' atomic states and never meet the core's goroutine;
// methods that change something send it an event and wait for the answer, which the core gives in the same step. Those
// few that wait for more say so in docs/rpc.md, take the longest wait as an argument, and answer the truth at its end
// (S1, S2).
//
// # Large answers
//
// A segment is encoded, and packed, once for each time that its contents change (encodings); get_stats and get_view
// are put together of these pieces while they are sent. So answers of 2,000 hosts cost milliseconds, and no memory for
// each caller.
//
// # Start and end
//
// Package door makes the sockets under temporary names and renames them into place, or takes those that the service
// manager made. No lock file guards the start, because a process with a thread stuck in the kernel cannot end and would
// keep it: a successor just takes the paths over. At the end, and when the RPC socket is lost, the broker writes what is
// pending and leaves the lockspace, both bounded, and does not wait for a lane that is stuck. An attendant tells the
// service manager, and answers its watchdog as long as the core's loop turns.
package shell
