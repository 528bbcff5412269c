package shell

import (
	"os"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/notify"
)

// newCourier makes what mails notifications, in a lane of its own (S31).
func newCourier(s *shell) *notify.Courier {
	cfg, t := s.Config, s.Config.Timing
	name := cfg.HostName
	if name == "" {
		name, _ = os.Hostname() // "" if the kernel does not say; the mail server is told so
	}
	return notify.New(notify.Settings{
		BrokerConf: cfg.BrokerConf, TemplateDir: cfg.TemplateDir, HostName: name,
		Limits: notify.Limits{Length: t.NotifyQueue, Attempts: t.NotifyAttempts, RetryMin: t.NotifyRetryMin, RetryMax: t.NotifyRetryMax},
	}, clock.System(), s.mailed)
}

// mailed writes what became of a notification.
func (s *shell) mailed(r notify.Report) {
	members := []any{"verdict", r.Verdict.String(), "event", r.Notice.Event, "detail", r.Notice.Detail}
	if r.Err == nil {
		s.Log.Info("notification", members...)
		return
	}
	s.Log.Warn("notification", append(members, "error", r.Err.Error())...)
}
