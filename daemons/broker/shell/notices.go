package shell

import (
	"log/slog"
	"regexp"
)

// notices are what agents want operators to know. Sending is somebody else's goroutine, so that notify never waits for
// storage or for a mail server (S31). For now a notice is a line in the log.
type notices struct {
	log   *slog.Logger
	rule  *regexp.Regexp
	queue chan notice
	quit  chan struct{}
	ended chan struct{}
}

type notice struct{ event, detail, host string }

const (
	// maxNotices may wait; more are refused.
	maxNotices = 64
	// stateTransition is the only event that upstream's agents report.
	stateTransition = "state_transition"
	// defaultRule is upstream's: which details of state transitions are worth a message.
	defaultRule = "(?i)maintenance|start|stop|up|down"
)

func newNotices(log *slog.Logger) *notices {
	return &notices{
		log: log, rule: regexp.MustCompile(defaultRule),
		queue: make(chan notice, maxNotices), quit: make(chan struct{}), ended: make(chan struct{}),
	}
}

// offer queues a notice. It is false if no rule asks for it, or if too many wait.
func (n *notices) offer(note notice) bool {
	if note.event != stateTransition || !n.rule.MatchString(note.detail) {
		return false
	}
	select {
	case n.queue <- note:
		return true
	default:
		return false
	}
}

// start begins to send.
func (n *notices) start() {
	go func() {
		defer close(n.ended)
		for {
			select {
			case note := <-n.queue:
				n.send(note)
			case <-n.quit:
				for range len(n.queue) {
					n.send(<-n.queue)
				}
				return
			}
		}
	}()
}

func (n *notices) send(note notice) {
	n.log.Info("notification", "event", note.event, "detail", note.detail, "host", note.host)
}

// stop sends what is queued and ends. What is offered after that is lost.
func (n *notices) stop() {
	close(n.quit)
	<-n.ended
}
