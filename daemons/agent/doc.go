// Package agent is the agent's core: it decides, and does nothing else.
//
// A [Core] is a plain state machine. The shell (package agent/shell, or a simulator) feeds it events - the passing of
// time, answers from the broker, the end of an action on the engine VM - and carries out the effects that Step returns.
// The core reads no clock, opens nothing, starts nothing and logs nothing; this package imports no part of the standard
// library that could.
//
// # A turn
//
// Every loop_delay the core asks for the facts (effect Collect), waits for the answers at most half a loop_delay, then
// decides with what it has, publishes (effect Publish) and reports (effect Report). A broker that is down, slow or hung
// changes what a turn says, never whether there is one. One turn runs the state machine until a state wants to wait;
// upstream spreads the same steps over several turns of length zero.
//
// # The states
//
// There is one function for each state, in transitions.go, from a [Situation] to a [Decision]. They follow upstream's
// table row by row; testdata/transitions.txt is that table as data, and a test compares the functions with it for every
// combination of inputs. Rows marked with a D number are deliberate differences:
//
//   - D1 StorageBlind. While the newest complete read of the whiteboard is older than view_limit, what is known about
//     peers and about global maintenance is not knowledge. Such a host starts nothing, stops nothing and has score 0. It
//     leaves by itself, to ReinitializeFSM, when reads arrive again. Upstream takes its own blindness for the death of
//     all others (S37). Only local maintenance, which is local knowledge, is still followed. The order of guards is:
//     timer, blind, then upstream's.
//   - D2 The history that a start needs must reach back more than host_alive_timeout, so that a reference for liveness
//     exists. Upstream lets a history of exactly 60 s pass, in which nobody counts as alive. The history is counted in
//     observations of the storage, not in turns of the agent, and begins anew after a gap of more than view_limit,
//     because peers whose storage was gone as well could not publish in that time. For the same reason time in which no
//     record of this host reached the storage for view_limit does not count: the silence of its peers may have the same
//     cause (S37).
//   - D3 A host starts nothing, and has score 0 as long as it does not run the engine, while it does not hold the lease
//     of its host id (nobody would see its record), while the storage-domain submonitor does not say "True" (what
//     upstream meant to test: S10), or while it has no driver for the engine VM.
//   - D4 Starting and stopping the engine VM take time without stopping the loop. EngineStart and EngineForceStop last
//     until the driver is done, EngineStop does not order a second stop meanwhile, and EngineStart gives way to
//     EngineDown while an earlier action still runs.
//   - D5 After a successful start, EngineStarting does not believe "down" before result_max_age has passed or the engine
//     has been seen up, because the result may be older than the start (S24).
//   - D6 A malformed global block does not end global maintenance: the last readable value stays. (Upstream reads it as
//     empty.)
//   - D7 A start succeeded if the driver says so. "VM exists" is not a success (S40).
//   - D8 Failed starts are counted on one clock and forgotten after engine_retry_expiration (S23).
//
// # What the score contains
//
// The base, the retry penalty and the rules of each state are complete. The submonitors network, mgmt-bridge, mem-free
// and cpu-load-no-engine are not run yet; what is not measured costs nothing ([Measured]).
package agent
