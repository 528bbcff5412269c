package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/lease"
)

// format makes the lockspace and one resource through the sanlock daemon of this container. It runs inside, because the daemon's
// socket belongs to root.
func format(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("format", flag.ContinueOnError)
	flags.SetOutput(stderr)
	socket := flags.String("sanlock-socket", "/run/sanlock/sanlock.sock", "sanlock's command socket")
	lockspace := flags.String("lockspace", "hosted-engine", "name of the lockspace")
	lockspacePath := flags.String("lockspace-path", "", "file or device of the lockspace, at offset 0")
	resource := flags.String("resource", "engine", "name of the resource")
	leasePath := flags.String("lease-path", "", "file or device of the resource's lease, at offset 0")
	ioTimeout := flags.Int("io-timeout", 10, "seconds, stored in the lockspace")
	sector := flags.Int("sector", 512, "sector size of lockspace and lease in bytes, 512 or 4096")
	within := flags.Duration("timeout", 10*time.Second, "for both writes together")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	ctx, cancel := context.WithTimeout(ctx, *within)
	defer cancel()
	geometry, _, err := lease.Geometry(*sector, 1)
	if err != nil {
		fmt.Fprintln(stderr, "format:", err)
		return 2
	}
	client := lease.Client{Socket: *socket, Timeout: *within}
	space := lease.Lockspace{Name: *lockspace, HostID: 1, Path: *lockspacePath, Flags: geometry}
	if err := client.WriteLockspace(ctx, space, time.Duration(*ioTimeout)*time.Second); err != nil {
		fmt.Fprintln(stderr, "format:", err)
		return 1
	}
	engine := lease.Resource{
		Lockspace: *lockspace, Name: *resource, Disks: []lease.Disk{{Path: *leasePath}}, Flags: geometry,
	}
	if err := client.WriteResource(ctx, engine, false); err != nil {
		fmt.Fprintln(stderr, "format:", err)
		return 1
	}
	fmt.Fprintf(stdout, "%s and %s:%s are ready\n", *lockspacePath, *lockspace, *resource)
	return 0
}
