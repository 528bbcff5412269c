// Package command runs the engine as a program: a child process in a session of its own, which registers with sanlock
// itself and holds the engine's lease for as long as it runs. Nothing is passed over but an environment variable, so
// any program that follows the rules below can be the engine.
//
// # State is in files
//
// The agent starts and stops the engine, the broker asks how it is, and either may be restarted meanwhile. So all
// state lives in the run directory, on a local disk:
//
//   - engine.json, written by Start: the process id and the time at which the kernel started that process
//     (start_ticks, field 22 of /proc/PID/stat). The two together name one process for ever; a later process with the
//     same id has other ticks. Signals go through a pidfd that was opened before the ticks were compared.
//   - engine-status.json, written by the program (its path is in the environment as HOLDFAST_ENGINE_STATUS), always
//     by renaming a complete file: {"state": "starting"|"up"|"down", "message": "...", "exit_reason": 0, "pid": 1,
//     "start_ticks": 1, "since": 1.5}. pid and start_ticks are optional; with them the engine is found again even if
//     the agent died between starting it and noting it. since is seconds of CLOCK_MONOTONIC.
//   - engine-exit.json, written by the driver that saw its child end: why, if the program did not say.
//
// # What the program must do
//
// Acquire its lease before it does anything else, write "down" with the reason before it ends, and end on SIGTERM. A
// lease held by another host is reported with a message that ends with "Failed to acquire lock: error -243", the way
// libvirt says it.
//
// # What does not block
//
// The program and the run directory must not lie on shared storage: executing a program waits for its file. Once it
// runs, nothing here waits for it, except Stop with force, bounded by its context. A process with a thread inside a
// hung storage call does not end, not even by SIGKILL, and counts as running until it has.
//
// # The service manager
//
// A child belongs to its parent's control group. The agent's unit needs KillMode=process (or the program must be
// started through systemd-run), else stopping the agent ends the engine.
package command
