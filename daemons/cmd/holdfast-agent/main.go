// Command holdfast-agent decides where the hosted engine runs: it watches the cluster through the broker's socket, keeps
// the state machine and the score of this host, and starts and stops the engine VM. It never opens a file on shared
// storage and never calls sanlock.
//
// SIGTERM and SIGINT stop it in order within shutdown_grace: the last record says that the agent has stopped, the host id
// is given back, the engine VM is left running. A second signal ends it at once.
//
// Exit codes:
//
//	0  stopped in order, or --version, --help or --check had nothing to complain about
//	1  the configuration cannot be used, or the agent could not begin
//	2  wrong command line
//	3  stopped, but the broker did not take the last record or did not give the host id back in time
//	4  the orderly stop itself did not end within its grace period
package main

import (
	"os"

	"github.com/holdfast-ha/holdfast/daemons/cmd/internal/process"
)

func main() {
	os.Exit(run(process.Context(), os.Args, stdio{out: os.Stdout, err: os.Stderr}))
}
