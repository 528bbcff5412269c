// Package vmconf converts the OVF that oVirt's engine publishes for its own VM into a vm.conf, from which hosted-engine's command line
// and VDSM start that VM. It is pure: bytes in, bytes out.
//
// The result is what upstream's converter writes, key by key and in the same order, because both kinds of host keep this file and an
// operator must not see a difference. Two things differ on purpose: several disks get an index each (upstream numbers all of them 0,
// S28), and what would make the VM start with the wrong hardware is refused with a reason, so that the caller keeps the last good file.
package vmconf
