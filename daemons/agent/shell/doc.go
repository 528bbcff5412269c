// Package shell lives with the world on behalf of the agent's core: it tells the time, calls the broker, starts and stops
// the engine VM, writes the log, and decides nothing.
//
// One goroutine owns the core. It takes events from one queue, calls Step, and hands each effect to a worker; it waits for
// nobody. Each kind of call has a worker of its own with at most one call under way and at most one waiting, and each call
// has a deadline (rpc_timeout). So a broker that is down, slow or hung delays no turn and piles nothing up: what a turn
// lacks is named in its log line (S17). Every goroutine ends with [Run], except one that runs an action of a driver for
// the engine VM which breaks its promise to come back at its deadline.
//
// # Log lines
//
//   - msg="turn", one each loop_delay: state, previous, score, delay_s, view_age_s (-1: never), lease, put_ms (of the last
//     publication that succeeded; -1: none), engine_vm, engine_health, reason.
//   - msg="transition", one for each change of state: from, to, reason.
package shell
