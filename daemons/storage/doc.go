// Package storage connects the shared storage and disconnects it: mounts, iSCSI sessions, logical volumes, userspace attachments, and
// the links under which upstream's programs look for the volumes.
//
// # Where it may be called
//
// Connect, Disconnect and Reconnect are for the mount lane (package lane) and nowhere else, one at a time. They are bounded all the
// same: whatever touches the storage is a child process with a deadline (package child), so that storage that hangs costs a child, which
// is left behind, and not the lane. What the lane's own thread touches is local: /proc, /sys, /run, /dev, and directories that are mount
// points, before something is mounted there or after it was taken away.
//
// # What is touched
//
// Where a domain is mounted follows from its connection alone, and what is mounted there is read from /proc/self/mountinfo. No directory
// of mounts is ever listed and no mount that belongs to somebody else is looked at: a dead one would hang whoever does (S20). Volumes
// are touched by those who use them.
//
// # Idempotence
//
// Connect leaves alone what is already as it should be, whoever made it: an earlier broker, VDSM, an administrator. Disconnect takes
// away what Connect would make, and is content where nothing is left of it. Both may be repeated after any error.
package storage
