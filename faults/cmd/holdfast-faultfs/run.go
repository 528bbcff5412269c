package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/faults/faultfs"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
	exitBusy    = 3
)

const (
	// closeLimit bounds the shutdown: how long files may stay open after the mount was detached.
	closeLimit = 3 * time.Second
	// aliveEvery is how often the mount is looked at, so that an abort or an unmount from outside is noticed.
	aliveEvery = time.Second
)

type settings struct {
	backing, control string
	mounts           []string
	controlMode      os.FileMode
}

func parse(args []string, stderr io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("holdfast-faultfs", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&s.backing, "backing", "", "existing `directory` whose files are passed through")
	flags.Func("mount", "existing `directory` to mount on; may be given several times: each mount has inodes, and so kernel locks, of its own",
		func(dir string) error { s.mounts = append(s.mounts, dir); return nil })
	flags.StringVar(&s.control, "control", "", "`path` of the control socket")
	mode := flags.String("control-mode", "0666", "octal `mode` of the control socket; its directory guards it as well")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	bits, err := strconv.ParseUint(*mode, 8, 9)
	if err != nil {
		return s, fmt.Errorf("--control-mode %q: want an octal mode such as 0600", *mode)
	}
	s.controlMode = os.FileMode(bits)
	if s.backing == "" || len(s.mounts) == 0 || s.control == "" || flags.NArg() > 0 {
		return s, errors.New("want --backing DIR --mount DIR --control PATH and no further arguments")
	}
	return s, nil
}

// run mounts and serves until ctx ends or the mount is taken away. It returns the exit code.
func run(ctx context.Context, args []string, stderr io.Writer) int {
	if len(args) > 0 && args[0] == "dead" {
		return dead(ctx, args[1:], stderr)
	}
	s, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		fmt.Fprintln(stderr, "holdfast-faultfs:", err)
		return exitUsage
	}
	log := slog.New(monotonic{slog.NewJSONHandler(stderr, nil)})
	err = serve(ctx, s, log)
	switch {
	case err == nil:
		log.Info("unmounted", "mount", s.mounts)
		return exitOK
	case errors.Is(err, faultfs.ErrBusy):
		log.Error("detached", "mount", s.mounts, "error", err.Error())
		return exitBusy
	}
	log.Error("failed", "error", err.Error())
	return exitFailure
}

func serve(ctx context.Context, s settings, log *slog.Logger) error {
	listener, err := faultfs.Listen(s.control, s.controlMode)
	if err != nil {
		return err
	}
	defer os.Remove(s.control)
	defer listener.Close()
	mounted, err := mountAll(s, log)
	if err == nil {
		group, ctx := errgroup.WithContext(ctx)
		group.Go(func() error { return faultfs.NewControl(mounted[0], log).Serve(ctx, listener) })
		for _, m := range mounted {
			group.Go(func() error { return watch(ctx, m) })
		}
		log.Info("mounted", "mount", s.mounts, "backing", s.backing, "control", s.control, "pid", os.Getpid())
		err = group.Wait() // ends with ctx, or with the first failure
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeLimit)
	defer cancel()
	errs := []error{err}
	for _, m := range mounted {
		errs = append(errs, m.Close(closing))
	}
	return errors.Join(errs...)
}

// mountAll makes all mounts behind one gate, so that one control socket rules them all. With an error it returns those made.
func mountAll(s settings, log *slog.Logger) ([]*faultfs.FS, error) {
	var mounted []*faultfs.FS
	gate := faultfs.NewGate()
	for _, dir := range s.mounts {
		m, err := faultfs.Mount(faultfs.Options{Backing: s.backing, Mount: dir, Log: log, Gate: gate})
		if err != nil {
			return mounted, err
		}
		mounted = append(mounted, m)
	}
	return mounted, nil
}

// watch returns an error when the mount is gone. Held requests would keep the process for ever then: their victims have been
// told ECONNABORTED, but nothing tells the requests.
func watch(ctx context.Context, mounted *faultfs.FS) error {
	tick := time.NewTicker(aliveEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-mounted.Done():
			return errors.New("the FUSE connection has ended: aborted, or unmounted from outside")
		case <-tick.C:
			if err := mounted.Alive(); err != nil {
				return err
			}
		}
	}
}

// monotonic adds CLOCK_MONOTONIC to each line, in seconds, so that lines of several processes can be put in order.
type monotonic struct{ slog.Handler }

// Handle adds the attribute and passes the record on.
func (h monotonic) Handle(ctx context.Context, r slog.Record) error {
	r.AddAttrs(slog.Float64("mono", clock.Now().Seconds()))
	return h.Handler.Handle(ctx, r)
}

// WithAttrs keeps the clock on derived loggers.
func (h monotonic) WithAttrs(attrs []slog.Attr) slog.Handler {
	return monotonic{h.Handler.WithAttrs(attrs)}
}

// WithGroup keeps the clock on derived loggers.
func (h monotonic) WithGroup(name string) slog.Handler { return monotonic{h.Handler.WithGroup(name)} }
