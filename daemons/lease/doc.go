// Package lease talks to sanlock's daemon over its Unix socket, in pure Go.
//
// sanlock keeps two kinds of lease on shared storage. A delta lease says that this machine owns a host id in a
// lockspace; the broker joins one before it publishes on the whiteboard. A paxos lease protects a named resource
// inside a lockspace; the engine holds one for as long as it runs.
//
// # One write, one deadline
//
// The daemon reads a request on its main thread, the thread that also checks lease renewals, and waits there for the
// whole of it. A client that sends half a request stops every other client and delays the daemon's own checks. So
// every command leaves in one write(2), built beforehand in one buffer.
//
// A daemon that hangs answers nothing, so every call ends at the earlier of its context's deadline and
// Client.Timeout. The exceptions are the calls that are meant to wait (AddLockspace and RemLockspace without async,
// InqLockspace with wait, Registered.Acquire and Registered.Release, Events.Next): they end with their context, and
// only a context without a deadline makes them fall back to Client.Timeout. Giving up does not cancel the command
// inside the daemon; ask for the state afterwards.
//
// # What stays responsive
//
// Version, Status, HostStatus, GetLockspaces, GetHosts, Register, Restrict, RegEvent, EndEvent and Shutdown are
// answered by the daemon's main thread, also while all storage hangs. Everything else, InqLockspace included, waits
// for one of a few worker threads, each of which may be stuck in a storage call: eight stuck commands and nothing of
// that kind is answered any more. Watch a lease with GetLockspaces and GetHosts, never with InqLockspace, and do not
// let several worker commands on one suspect path be outstanding.
//
// # Registered processes are killed
//
// Register ties leases to the calling process and its connection. When the lockspace is lost the daemon sends every
// process that holds a lease in it SIGTERM, later SIGKILL; when the lockspace is removed on request, SIGKILL at once. A
// broker never registers; only the engine does. A connection that only joins, leaves and looks is never signalled.
//
// # Host byte order
//
// The socket protocol carries C structs in the byte order of the machine; this package supports little endian
// machines (amd64, arm64, riscv64), where the structs' layout is the same.
//
// Source: sanlock 3.8.5's socket protocol, checked against that daemon by this package's tests.
package lease
