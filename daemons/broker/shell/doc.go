// Package shell runs the broker's core on a real host: one goroutine that owns the core, three lanes, the RPC server,
// the submonitors and the socket.
//
// # Who waits for whom
//
// The goroutine that owns the core takes events from a queue and carries out effects; neither ever blocks. What may
// block on storage runs in the lanes ha-writer and ha-reader; what talks to sanlock runs in ha-lease, with a deadline
// on each command. RPC methods that only read are answered from the last published snapshot and from the lanes' atomic
// states and never meet the core's goroutine; methods that change something send it an event and wait for the answer,
// which the core gives in the same step, or, for reset_lockspace, at most 200 ms. So no method waits for storage (S1).
//
// # Start and end
//
// The socket is made under a temporary name and renamed into place. No lock file guards the start, because a process
// with a thread stuck in the kernel cannot end and would keep it: a successor just takes the path over. At the end the
// broker writes what is pending and leaves the lockspace, both bounded, and does not wait for a lane that is stuck.
package shell
