package container

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-ha/holdfast/harness/attendant"
)

// addStandins adds the programs of the cluster's stand-ins to a host's.
func (c *Cluster) addStandins(specs map[string]attendant.Spec, h *Host) {
	if c.VDSM {
		// With the daemons' own directory and program the machine that it shows is the one that the agent starts.
		specs[VDSM] = attendant.Spec{Argv: append([]string{
			inBin + "/holdfast-standin", "vdsm", "--listen", vdsmAddress, "--host", h.Name, "--cert-dir", inRun + "/" + certDir,
			"--control", controlSocket(VDSM), "--vm", EngineVM, "--engine-dir", inRun,
		}, engineCommand(h.Name)...)}
	}
	if c.SMTP {
		specs[SMTP] = attendant.Spec{Argv: []string{
			inBin + "/holdfast-standin", "smtp", "--listen", smtpAddress, "--log", inLogs + "/" + mailLog, "--control", controlSocket(SMTP),
		}}
	}
}

// controlSocket is where a stand-in takes orders, inside its host.
func controlSocket(name string) string { return inRun + "/" + name + ".sock" }

// Tell tells the stand-in of that name, [VDSM] or [SMTP], what to pretend from now on: name to value, as `holdfast-standin tell` takes
// them. It returns all values as the stand-in shows them. A stand-in that is frozen does not answer: an error.
func (h *Host) Tell(ctx context.Context, name string, values map[string]string) (string, error) {
	if _, ok := h.specs[name]; !ok || (name != VDSM && name != SMTP) {
		return "", fmt.Errorf("%s: tell %s: no such stand-in in this cluster", h.Name, name)
	}
	argv := []string{inBin + "/holdfast-standin", "tell", "--control", controlSocket(name)}
	for _, key := range sortedKeys(values) {
		argv = append(argv, key+"="+values[key])
	}
	out, err := h.Run(ctx, argv...)
	if err != nil {
		return "", fmt.Errorf("%s: tell %s: %w", h.Name, name, err)
	}
	return out, nil
}

// startStandins returns when the stand-ins of the host answer.
func (h *Host) startStandins(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, name := range []string{VDSM, SMTP} {
		if _, wanted := h.specs[name]; wanted {
			g.Go(func() error { return h.StartProgram(ctx, name) })
		}
	}
	return g.Wait()
}

// brokerConfText tells the broker to report every change of state to the stand-in mail server.
const brokerConfText = `[email]
smtp-server = 127.0.0.1
smtp-port = 25
smtp-timeout = 10
source-email = holdfast@lab.example
destination-emails = operator@lab.example
[notify]
state_transition = maintenance|start|stop|up|down
`

// mailTemplate is the text of a mail, in the words of upstream's own.
const mailTemplate = `From: {source-email}
To: {destination-emails}
Subject: ovirt-hosted-engine state transition {detail}

The state machine changed state.

Host: {hostname}
Change: {detail}
`
