// Command holdfast-attendant is the first process of every container of the lab. See package attendant.
//
//	holdfast-attendant --socket /run/holdfast/attendant.sock     serve until SIGTERM
//	holdfast-attendant check-export --addr IP --export /export   mount, write and read a fresh NFS export
//	holdfast-attendant format --socket SANLOCK ...               make the lockspace and the engine's lease
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/holdfast-ha/holdfast/harness/attendant"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 {
		switch args[0] {
		case "check-export":
			return checkExport(args[1:], stdout, stderr)
		case "format":
			return format(ctx, args[1:], stdout, stderr)
		}
	}
	flags := flag.NewFlagSet("holdfast-attendant", flag.ContinueOnError)
	flags.SetOutput(stderr)
	socket := flags.String("socket", "/run/holdfast/attendant.sock", "unix socket to serve on")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(stderr, "holdfast-attendant: unexpected argument %q; try -h\n", flags.Arg(0))
		return 2
	}
	l, err := attendant.Listen(*socket)
	if err != nil {
		fmt.Fprintln(stderr, "holdfast-attendant:", err)
		return 1
	}
	server := attendant.Server{ReapAll: os.Getpid() == 1, Probes: attendant.WireProbes()}
	if err := server.Serve(ctx, l); err != nil {
		fmt.Fprintln(stderr, "holdfast-attendant:", err)
		return 1
	}
	return 0
}
