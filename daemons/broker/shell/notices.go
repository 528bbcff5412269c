package shell

import (
	"log/slog"
	"regexp"
	"sync"

	"github.com/holdfast-ha/holdfast/daemons/broker"
	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/lane"
)

// courier sends what agents want operators to know, from a lane of its own, so that nobody else waits for a mail server
// (S31). Its methods never block.
type courier interface {
	// Offer queues a notice; false if no rule asks for it, or if too many wait.
	Offer(event, detail string, fields map[string]string) bool
	State() mailState
	Lane() lane.State
	Close()
}

// mailState is how the notifications fare.
type mailState struct {
	Queued, Sent, Dropped int
	Problem               string     // why the oldest in the queue has not been sent; empty: no trouble
	Since                 clock.Mono // when that began
}

// notices writes notifications to the log.
type notices struct {
	log  *slog.Logger
	rule *regexp.Regexp
	lane *lane.Lane

	mu    sync.Mutex
	queue []notice  // guarded by mu
	state mailState // Sent and Dropped; guarded by mu
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
	n := &notices{log: log, rule: regexp.MustCompile(defaultRule)}
	n.lane = lane.New(broker.NotifyLane, func(lane.Done) { n.next() })
	return n
}

// Offer queues a notice.
func (n *notices) Offer(event, detail string, fields map[string]string) bool {
	if event != stateTransition || !n.rule.MatchString(detail) {
		return false
	}
	n.mu.Lock()
	room := len(n.queue) < maxNotices
	if room {
		n.queue = append(n.queue, notice{event, detail, fields["hostname"]})
	} else {
		n.state.Dropped++
	}
	n.mu.Unlock()
	n.next()
	return room
}

// next hands the oldest notice to the lane, if it is idle.
func (n *notices) next() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.queue) == 0 {
		return
	}
	note := n.queue[0]
	if n.lane.Start(lane.Request{Op: lane.OpOther, Segment: lane.NoSegment, Run: func() error {
		n.log.Info("notification", "event", note.event, "detail", note.detail, "host", note.host)
		return nil
	}}) {
		n.queue = n.queue[1:]
		n.state.Sent++
	}
}

// State tells what was sent.
func (n *notices) State() mailState {
	n.mu.Lock()
	defer n.mu.Unlock()
	state := n.state
	state.Queued = len(n.queue)
	return state
}

// Lane tells what the lane is doing.
func (n *notices) Lane() lane.State { return n.lane.State() }

// Close ends the lane.
func (n *notices) Close() { n.lane.Close() }
