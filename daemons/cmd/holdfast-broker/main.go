// Command holdfast-broker owns everything on this host that can block: the whiteboard, the lease on the host id, the
// submonitors. It keeps the cluster's state in memory and answers every call from there, also while storage hangs.
//
// SIGTERM and SIGINT stop it in order within shutdown_grace: what is pending is written if storage lets it, and the host
// id is given back unless the engine VM needs it. A second signal ends it at once. It does not wait for a thread that
// is stuck in storage; a process with such a thread stays in the process table until that call returns, and the next
// broker starts beside it.
//
// Exit codes:
//
//	0  stopped in order, or --version, --help or --check had nothing to complain about
//	1  the configuration cannot be used, the broker could not begin, or it stopped in order because its socket was lost
//	2  wrong command line
//	3  stopped, but a record could not be written or the host id could not be given back in time
//	4  the orderly stop itself did not end within its grace period
package main

import (
	"os"

	"github.com/holdfast-ha/holdfast/daemons/cmd/internal/process"
)

func main() {
	os.Exit(run(process.Context(), os.Args, stdio{out: os.Stdout, err: os.Stderr}))
}
