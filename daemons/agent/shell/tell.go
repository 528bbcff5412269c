package shell

import (
	"context"

	"github.com/holdfast-ha/holdfast/daemons/agent"
)

// notify is the worker that tells the broker about changes of state. A failure is logged and otherwise ignored: mail must
// not decide about the engine.
func (s *shell) notify(life context.Context) {
	for {
		select {
		case <-life.Done():
			return
		case t := <-s.notifier:
			if t.To == agent.AgentStopped {
				continue // upstream has no such transition
			}
			ctx, done := s.call(life)
			_, ok, err := s.options.Broker.Notify(ctx, "state_transition", t.Detail(), map[string]any{"hostname": s.options.HostName})
			done()
			if err != nil || !ok {
				s.options.Log.Warn("notification failed", "detail", t.Detail(), "error", failure(err))
			}
		}
	}
}

// tell queues a message for the service manager; one that does not listen misses it.
func (s *shell) tell(message string) {
	select {
	case s.service <- message:
	default:
	}
}

// tellService is the worker that talks to the service manager: its socket may block.
func (s *shell) tellService(life context.Context) {
	complained := false
	for {
		select {
		case <-life.Done():
			return
		case message := <-s.service:
			if s.options.Notify == nil {
				continue
			}
			if err := s.options.Notify(message); err != nil && !complained {
				complained = true
				s.options.Log.Warn("service manager not told", "message", message, "error", err.Error())
			}
		}
	}
}
