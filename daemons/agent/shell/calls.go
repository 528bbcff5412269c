package shell

import (
	"context"
	"fmt"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/agent"
	"github.com/holdfast-ha/holdfast/daemons/clock"
)

func (s *shell) askView(life context.Context) agent.Event {
	ctx, done := s.call(life)
	defer done()
	sent := s.options.Clock.Now()
	view, err := s.options.Broker.GetView(ctx)
	if err != nil {
		return agent.ViewAnswer{Sent: sent, Failure: err.Error()}
	}
	return agent.ViewAnswer{Sent: sent, View: viewOf(view)}
}

func (s *shell) askLock(life context.Context) agent.Event {
	ctx, done := s.call(life)
	defer done()
	held, err := s.options.Broker.LockHostID(ctx, s.options.Config.HostID)
	return agent.LockAnswer{Held: held, Failure: failure(err)}
}

func (s *shell) release(life context.Context) agent.Event {
	ctx, done := s.call(life)
	defer done()
	accepted, err := s.options.Broker.ReleaseHostID(ctx)
	return agent.Released{Accepted: accepted, Failure: failure(err)}
}

// askMonitor returns the question for a submonitor's result. The broker keeps nothing for its callers: one that was
// restarted does not know the submonitor and says so with nil; it is then started again. So is one that the agent
// never started.
func (s *shell) askMonitor(monitor agent.Monitor, options map[string]any) func(context.Context) agent.Event {
	id := ""
	return func(life context.Context) agent.Event {
		a := agent.MonitorAnswer{Monitor: monitor, Sent: s.options.Clock.Now()}
		if id != "" {
			text, known, err := s.status(life, id)
			if err != nil || known {
				a.Text, a.Failure = text, failure(err)
				return a
			}
		}
		var err error
		if id, err = s.start(life, monitor, options); err != nil {
			a.Failure = err.Error()
			return a
		}
		a.Restarted = true
		a.Text, a.Sent, err = s.firstResult(life, monitor, id)
		a.Failure = failure(err)
		return a
	}
}

func (s *shell) status(life context.Context, id string) (result string, known bool, err error) {
	ctx, done := s.call(life)
	defer done()
	return s.options.Broker.StatusMonitor(ctx, id)
}

func (s *shell) start(life context.Context, monitor agent.Monitor, options map[string]any) (string, error) {
	ctx, done := s.call(life)
	defer done()
	id, ok, err := s.options.Broker.StartMonitor(ctx, string(monitor), options)
	switch {
	case err != nil:
		return "", err
	case !ok || id == "":
		return "", fmt.Errorf("the broker refuses to start the submonitor %s; see its log", monitor)
	}
	return id, nil
}

// firstResult asks a submonitor that has just been started until it has a result, for a part of a turn: a turn without
// one would tell the peers that nothing is known of the engine.
func (s *shell) firstResult(life context.Context, monitor agent.Monitor, id string) (result string, sent clock.Mono, err error) {
	deadline := s.options.Clock.Now().Add(s.options.firstResult())
	for {
		sent = s.options.Clock.Now()
		result, known, err := s.status(life, id)
		switch {
		case err != nil:
			return "", sent, err
		case !known:
			return "", sent, fmt.Errorf("the broker has forgotten the submonitor %s already", monitor)
		case monitor.Usable(result) || s.options.Clock.Now() >= deadline:
			return result, sent, nil
		}
		if !sleep(life, s.options.Config.Timing.Tick) {
			return result, sent, nil
		}
	}
}

// publish is the worker that hands records to the broker, the newest one only.
func (s *shell) publish(life context.Context) {
	for {
		select {
		case <-life.Done():
			return
		case p := <-s.publisher:
			published := s.put(life, p)
			s.happened(life, published)
			if published.Failure == "" {
				s.push(life, p.Alive)
			}
		}
	}
}

func (s *shell) put(life context.Context, p agent.Publish) agent.Published {
	ctx, done := s.call(life)
	defer done()
	began := s.options.Clock.Now()
	ok, err := s.options.Broker.PutStats(ctx, p.HostID, p.Segment[:])
	return agent.Published{
		Serial: p.Serial, Took: s.options.Clock.Now().Sub(began), Refused: err == nil && !ok, Failure: failure(err),
	}
}

func (s *shell) push(life context.Context, alive []int) {
	ctx, done := s.call(life)
	defer done()
	if _, err := s.options.Broker.PushHostsState(ctx, alive); err != nil {
		s.options.Log.Warn("list of living hosts not handed to the broker", "error", err.Error())
	}
}

// latest puts p where the publisher takes it from, in place of what it has not taken yet. Only the loop sends.
func latest(publisher chan agent.Publish, p agent.Publish) {
	select {
	case <-publisher:
	default:
	}
	publisher <- p
}

// sleep waits for d and returns false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func failure(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
