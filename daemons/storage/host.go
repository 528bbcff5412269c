package storage

import (
	"context"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/child"
)

// host is the machine that a driver works on, and what it is to do there.
type host struct {
	Settings
	run   RunFunc
	files Files
	note  func(string)
	ward  *child.Ward
}

func newHost(s Settings, deps Deps) *host {
	h := &host{Settings: s, run: deps.Run, files: deps.Files, note: deps.Note, ward: &child.Ward{}}
	if h.run == nil {
		h.run = child.Run
	}
	if h.files == nil {
		h.files = machine{}
	}
	if h.note == nil {
		h.note = func(string) {}
	}
	return h
}

// program runs a program with the usual deadline and returns its standard output.
func (h *host) program(ctx context.Context, argv ...string) (string, error) {
	return h.programWithin(ctx, h.SubprocessTimeout, argv...)
}

func (h *host) programWithin(ctx context.Context, deadline time.Duration, argv ...string) (string, error) {
	out, err := h.run(ctx, child.Spec{Argv: argv, Deadline: deadline, Ward: h.ward})
	return out.Stdout, err
}

// bounded gives a whole Connect or Disconnect its end.
func (h *host) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, h.MountTimeout+2*h.SubprocessTimeout)
}
