// Command holdfast-faultfs mounts a pass-through file system whose requests can be held, delayed and refused on command; with `dead`,
// a file system that answers nothing at all.
//
//	holdfast-faultfs --backing /volumes --mount /export/host1 --mount /export/host2 --control /run/holdfast/faultfs.sock
//
//	holdfast-faultfs dead --mount /rhev/data-center/mnt/server:_export
//
// Several mounts show the same files and stand behind the same rules, each with inodes and kernel locks of its own.
//
// It logs JSON lines to standard error; `"msg":"mounted"` says that it is ready. SIGTERM and SIGINT clear all rules and unmount.
// Exit codes: 0 unmounted, 1 failure, 2 wrong usage, 3 files were still open and the mount was detached.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	code := run(ctx, os.Args[1:], os.Stderr)
	stop()
	os.Exit(code)
}
