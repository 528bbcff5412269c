package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	sd "github.com/coreos/go-systemd/v22/daemon"

	"github.com/holdfast-ha/holdfast/daemons/broker/shell"
	"github.com/holdfast-ha/holdfast/daemons/cmd/internal/process"
)

// Names of the sockets that systemd may hand over, FileDescriptorName= in a socket unit. Any other name is a broker socket.
const opsSocketName = "ops"

// underManager takes what the service manager gives and wants: listening sockets, messages, the watchdog.
func underManager(options *shell.Options, stderr io.Writer) error {
	options.Notify = process.TellSystemd
	interval, err := sd.SdWatchdogEnabled(false)
	if err != nil {
		fmt.Fprintf(stderr, "the service manager's WATCHDOG_USEC is not used: %v\n", err)
	}
	options.Watchdog = interval
	if os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return nil // nobody gives anything, or it was meant for a process before this one
	}
	handed, err := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	if err != nil {
		return fmt.Errorf("sockets from the service manager: LISTEN_FDS: %w", err)
	}
	given, err := activation.ListenersWithNames()
	if err != nil {
		return fmt.Errorf("sockets from the service manager: %w", err)
	}
	for name, listeners := range given {
		handed -= len(listeners)
		for _, l := range listeners {
			if err := take(options, name, l); err != nil {
				return err
			}
		}
	}
	if handed > 0 {
		// Without this the broker would make a socket of its own where the manager's clients do not look.
		return fmt.Errorf("sockets from the service manager: %d of them are none to listen on; want ListenStream= in the socket unit", handed)
	}
	return nil
}

// take gives a listener its use.
func take(options *shell.Options, name string, l net.Listener) error {
	unix, ok := l.(*net.UnixListener)
	if !ok {
		return fmt.Errorf("socket %q from the service manager: want a Unix stream socket", name)
	}
	unix.SetUnlinkOnClose(false) // the name is the manager's
	slot := &options.BrokerListener
	if name == opsSocketName {
		slot = &options.OpsListener
	}
	if *slot != nil {
		return fmt.Errorf("socket %q from the service manager: there is one for this already; want one for the broker, and one named %s",
			name, opsSocketName)
	}
	*slot = l
	return nil
}

// watchdogOf is how often the manager wants to hear, for the log.
func watchdogOf(options shell.Options) string {
	if options.Watchdog == 0 {
		return "none"
	}
	return options.Watchdog.Round(time.Millisecond).String()
}
