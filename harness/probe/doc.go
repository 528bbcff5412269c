// Package probe looks at one host's daemons from outside, and writes what it
// sees as JSON lines: how fast every RPC method of the broker answers, what the
// threads that may block on storage are doing, and what the broker itself
// says. It belongs to no daemon, so a daemon that stops cannot stop it, and it
// touches no storage.
//
// # What is called
//
// Each method has a loop of its own with one call at a time and a
// connection for each call, as upstream's client does it. What agents call all the time is called at
// the full rate, the rest at a fifth of it. A loop that a call
// held up does not catch up: it goes on at its next turn. The turns of all methods
// come in one burst each period, which costs the machine half of what it costs to wake up
// for each; a block that is shorter than a period may fall between two bursts. A call that is
// still unanswered shows as InFlight in every window, so a blocked method is seen
// while it blocks, and with its latency or as failed when it ends.
//
// The calls leave the cluster as it is:
//
//   - put_stats with Options.Replay repeats the own host's record as get_view just showed it (skipped while there is none).
//     Holdfast's broker accepts it as the record that it holds already, and refuses it when the agent has put a newer one; neither
//     writes anything. A broker without that rule writes it again and starts its age anew, so a silent agent looks alive:
//     without Options.Replay the probe sends a record that is no whole sector, which every broker refuses.
//   - push_hosts_state repeats the answer of is_host_alive; skipped while that is empty. This keeps that list from
//     expiring, so is_host_alive proves nothing about the agent while a probe runs.
//   - A method that waits is asked to wait 0 s, so that no call of the probe waits. (With Options.Replay: upstream's lock_host_id takes no
//     such argument.)
//   - lock_host_id asks for the own id while the view says that it is held or being
//     joined. Otherwise it would take back a lease that the agent gave up,
//     so then it is sent with one argument too many, which is answered with nil. start_domain_monitor likewise, while the status says
//     that the domain is monitored.
//   - release_host_id, reset_lockspace, stop_domain_monitor, connect_storage, disconnect_storage and put_shared_file are always sent with
//     one argument too many. That measures their way through the broker's door, not their work.
//     RPC.Dispatch counts calls of this kind.
//   - put_stats_wait does as put_stats; get_shared_file asks for vm.conf, which is answered from memory.
//   - start_monitor starts storage-domain with the agent's options, which keeps the one that runs;
//     stop_monitor names a submonitor that does not exist; notify sends an event
//     that no rule asks for.
//   - the others only read.
//
// # What is read
//
// Every 100 ms the probe reads /proc for each daemon whose pid file exists: all threads named ha-* with their state,
// kernel wait channel, system call, and since when they have been in just this
// call. An idle lane waits in futex. It needs the right to trace the daemons (the
// same user without Yama's restriction, or CAP_SYS_PTRACE) to see system calls.
package probe
