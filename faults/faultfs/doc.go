// Package faultfs is a FUSE file system that passes everything through to a backing directory, except what its rules tell
// it to hold, to delay or to refuse. It lies under a storage server (an NFS export, the backing file of an iSCSI LUN), so that the server
// is healthy and only its medium is not.
//
//	victim -> NFS or iSCSI -> server -> FUSE mount -> gate (rules) -> backing file, O_DIRECT
//	                                                   ^
//	harness -> Client -> control socket ---------------+
//
// The server must be a process of its own: a program that opens files on its own FUSE mount can deadlock.
//
// Rules act on the operations read, write, fsync, fallocate and truncate, and on open if they name it; the rest (lookup, stat,
// readdir, statfs, release, ...) always passes. A hung medium hangs data; the metadata that a server has cached it still answers.
//
// What the kernel adds on its own: fsync and truncate take the inode's lock exclusively, and a held write holds that lock
// shared. So while any write to a file is held, an fsync of the same file waits in the kernel, whichever bytes the rule names,
// and every later write to that file waits behind the fsync. Reads are not affected. The lock belongs to the mount's inode: with
// several mounts of one backing directory behind one gate (Options.Gate, Rule.Via), one for each host, a host whose write is
// held stops no other. Each mount also has an attribute cache of its own, which may lag behind the others' for a second.
package faultfs
