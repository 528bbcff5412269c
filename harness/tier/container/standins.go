package container

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-ha/holdfast/harness/attendant"
)

// addStandins adds the programs of the cluster's stand-ins to a host's.
func (c *Cluster) addStandins(specs map[string]attendant.Spec, h *Host) {
	if c.VDSM {
		specs[VDSM] = attendant.Spec{Argv: []string{
			inBin + "/holdfast-standin", "vdsm", "--listen", vdsmAddress, "--cert-dir", inRun + "/" + certDir, "--control", inRun + "/vdsm.sock",
		}}
	}
	if c.SMTP {
		specs[SMTP] = attendant.Spec{Argv: []string{inBin + "/holdfast-standin", "smtp", "--listen", smtpAddress, "--log", inLogs + "/" + mailLog}}
	}
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

func (h *Host) describeStores(ctx context.Context) error { return nil }

// brokerConfText tells the broker to report every change of state to the stand-in mail server.
const brokerConfText = `[email]
smtp-server = 127.0.0.1
smtp-port = 25
smtp-timeout = 10
source-email = holdfast@lab.example
destination-emails = operator@lab.example
[notify]
state_transition = .*
`

// mailTemplate is the text of a mail, in the words of upstream's own.
const mailTemplate = `From: {source-email}
To: {destination-emails}
Subject: ovirt-hosted-engine state transition {detail}

The state machine changed state.

Host: {hostname}
Change: {detail}
`
