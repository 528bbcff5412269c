package container

import "context"

// Names of the stand-ins on a host, beside [Sanlock], [Broker], [Agent] and [Probe].
const (
	VDSM = "vdsm"
	SMTP = "smtp"
)

// Where the stand-ins listen, in their host's own network namespace.
const (
	vdsmAddress = "127.0.0.1:54321"
	smtpAddress = "127.0.0.1:25"
)

// serviceAddress is where a program of a host answers a question, as seen from inside; "" for those that answer none.
func serviceAddress(name string) string {
	switch name {
	case Sanlock:
		return inSanlock
	case Broker:
		return inBroker
	case VDSM:
		return vdsmAddress
	case SMTP:
		return smtpAddress
	}
	return ""
}

// awaitServing returns when a program that was started answers.
func (h *Host) awaitServing(ctx context.Context, name string) error {
	if serviceAddress(name) == "" {
		return nil
	}
	return h.await(ctx, name, func(ctx context.Context) error {
		_, err := h.Program(name).Probe(ctx)
		return err
	})
}
