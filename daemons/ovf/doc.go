// Package ovf keeps two things that hosts need and that live on shared storage: the engine VM's definition, as a local vm.conf that is
// made from the OVF which the engine publishes in the OVF_STORE volumes, and the shared configuration archive.
//
// All storage is touched in one lane, ha-ovf, which may hang for ever. A Room is what the rest of the broker sees of it: every method
// answers from memory, or waits for the lane no longer than its context allows. Upstream's agent did this reading in its own loop
// without any limit, so that hung storage stopped every decision (S16).
//
// What is promised:
//
//   - vm.conf is replaced whole or not at all: a reader never sees half of it. When storage is away, the engine's update is half done or
//     what was read makes no sense, the last good one stays.
//   - Every value carries an honest age: it counts from the moment at which the reading of it began, because a read that hung for ten
//     minutes may bring what was true ten minutes ago.
//   - What a late read brings never replaces what a newer one brought, not even across processes: a broker that was restarted while its
//     predecessor's read was stuck has newer data, and the predecessor's thread finds that out before it touches vm.conf.
//   - The archive is written only as the one change that was asked for, to exactly what was read just before, and is read back. One that
//     is damaged is restored with that change from the last good copy in memory, if there is one.
//
// The pure parts are packages of their own: vmconf converts an OVF, store finds and reads the engine's tar, archive is the codec of the
// shared configuration.
package ovf
