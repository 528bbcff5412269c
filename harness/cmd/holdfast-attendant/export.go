package main

import (
	"flag"
	"fmt"
	"io"

	"github.com/holdfast-ha/holdfast/harness/attendant/exportcheck"
)

// checkExport is a process of its own because the NFS client that it uses cannot be bounded in time from inside.
func checkExport(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("check-export", flag.ContinueOnError)
	flags.SetOutput(stderr)
	addr := flags.String("addr", "", "IP of the NFS server")
	export := flags.String("export", "/export", "export to mount")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if *addr == "" {
		fmt.Fprintln(stderr, "check-export: --addr is needed")
		return 2
	}
	if err := exportcheck.Check(*addr, *export); err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	fmt.Fprintf(stdout, "%s:%s mounts, writes and reads\n", *addr, *export)
	return 0
}
