// Command holdfast-probe watches one host's broker and agent from outside and
// appends what it sees to a file as JSON lines; package probe says what they hold.
//
//	holdfast-probe --socket SOCKET --host-id ID --out FILE                                       watch until SIGTERM
//	holdfast-probe load --socket SOCKET --clients N --slow M --half-open K --for 60s [--every 1s] [--timeout 5s]
//
// The second puts the broker under the load of many clients and prints what they met as JSON; package load says what it means.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/holdfast-ha/holdfast/harness/probe"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run returns the exit code: 0 ended by a signal, 1 failed, 2 wrong usage.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == "load" {
		return putLoad(ctx, args[1:], stdout, stderr)
	}
	flags := flag.NewFlagSet("holdfast-probe", flag.ContinueOnError)
	flags.SetOutput(stderr)
	socket := flags.String("socket", "/run/holdfast/broker.sock", "the broker's `socket`")
	pids := flags.String("pids", "/run/holdfast/pids", "`directory` of broker.pid and agent.pid")
	hostID := flags.Int("host-id", 0, "the own host `id`, 1..2000")
	sdUUID := flags.String("sd-uuid", "", "the storage domain's `uuid`, as the agent has it")
	rate := flags.Float64("rate", 25, "calls per second of each method, up to `1000`")
	replay := flags.Bool("replay-record", false, "put_stats repeats the own record, which Holdfast's broker takes for the one it has, instead of a form that every broker refuses")
	timeout := flags.Duration("timeout", 5*time.Second, "`time` given to a call")
	out := flags.String("out", "", "`file` to append the lines to")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	if flags.NArg() > 0 || *out == "" {
		fmt.Fprintln(stderr, "holdfast-probe: --out FILE is required, and no arguments beside the flags; see --help")
		return 2
	}
	file, err := os.OpenFile(*out, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		fmt.Fprintf(stderr, "holdfast-probe: cannot open --out: %v; give a file in a directory that can be written\n", err)
		return 1
	}
	defer file.Close()
	// The probe shares the machine with what it measures. One processor is enough for it, and saves wake-ups; its
	// calls leave little garbage, which need not be collected often.
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(400)
	err = probe.Run(ctx, probe.Options{
		Socket: *socket, PIDs: *pids, HostID: *hostID, SDUUID: *sdUUID, Replay: *replay, Rate: *rate, Timeout: *timeout, Out: file,
	})
	if err != nil {
		fmt.Fprintf(stderr, "holdfast-probe: %v\n", err)
		return 1
	}
	return 0
}
