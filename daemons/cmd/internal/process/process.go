// Package process is what the daemons' programs have in common as processes: the signals that they obey, an end that
// comes even if the orderly one hangs, the service manager, the version.
package process

import (
	"context"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"
)

// Context returns a context that SIGTERM or SIGINT ends. The second of these signals has its usual effect.
//
// SIGPIPE is received and dropped: otherwise the runtime ends a process that writes a log line to a pipe or socket whose
// reader has died, and a log must not be able to stop a daemon. It is not ignored, because children would inherit that.
func Context() context.Context {
	ctx, restore := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	context.AfterFunc(ctx, restore)
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	return ctx
}

// EndForced calls exit when limit has passed since ctx ended, whatever the orderly stop hangs in: it touches neither
// storage nor a socket nor the log. The function returned calls it off; it must be called once.
func EndForced(ctx context.Context, limit time.Duration, exit func()) (callOff func()) {
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		select {
		case <-timer.C:
			exit()
		case <-done:
		}
	})
	return func() {
		stop()
		close(done)
	}
}

// tellLimit is how long the service manager may take to make room for a message.
const tellLimit = time.Second

// TellSystemd sends a message such as READY=1 to the service manager, if there is one. It takes no longer than a second: a
// manager that does not read its socket (it is stopped, or PID 1 hangs) must not stop who tells it.
func TellSystemd(message string) error {
	socket := os.Getenv("NOTIFY_SOCKET")
	if socket == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetWriteDeadline(time.Now().Add(tellLimit)); err != nil {
		return err
	}
	_, err = conn.Write([]byte(message))
	return err
}

// Version returns the module's version, the revision it was built from and Go's version, as far as the program knows them.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	text := info.Main.Version
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			text += " " + setting.Value
		}
	}
	return text + " " + info.GoVersion
}
