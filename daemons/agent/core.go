package agent

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/config"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
)

// Settings are what a core knows from the start.
type Settings struct {
	// HostID is this host's id, 1 to 2000.
	HostID int
	// HostName is published: 1 to 64 characters of printable ASCII without quotes, backslash and |.
	HostName string
	// Timing are the times, already scaled.
	Timing config.Timing
	// Score are the weights of the score.
	Score config.ScoreWeights
	// HasDriver says that this host can run the engine VM at all.
	HasDriver bool
}

const longestHostName = 64

// Core is the agent's core. It knows all that the agent knows, belongs to one goroutine, and never blocks. A copy of the
// value is a snapshot that later steps leave alone.
type Core struct {
	set   Settings
	state State
	score int
	// timer is when the present state stayed for the first time; 0 is unset.
	timer  clock.Mono
	known  facts
	engine work
	turn   turn
	record lastRecord
	ending ending
}

// turn is how far the present turn is.
type turn struct {
	due, began clock.Mono
	collecting bool
	// answered are the calls whose answer a turn waits for.
	view, health, domain bool
}

// New returns a core in StartState. The error says which setting cannot work.
func New(set Settings) (*Core, error) {
	switch {
	case set.HostID < 1 || set.HostID > whiteboard.MaxHostID:
		return nil, fmt.Errorf("agent: host id %d is not in 1 to %d; set host_id", set.HostID, whiteboard.MaxHostID)
	case set.HostName == "" || plainText(set.HostName, longestHostName) != set.HostName:
		return nil, fmt.Errorf("agent: host name %q is not 1 to %d characters of plain ASCII; set host_name", set.HostName, longestHostName)
	case set.Timing.LoopDelay <= 0:
		return nil, errors.New("agent: loop_delay is not positive")
	}
	return &Core{set: set, state: StartState, known: facts{putTook: -1}}, nil
}

// State returns the present state.
func (c *Core) State() State { return c.state }

// Score returns the score that was published last.
func (c *Core) Score() int { return c.score }

// Step takes in one event that happened at now, which never decreases, and returns what is to be done about it.
func (c *Core) Step(now clock.Mono, ev Event) []Effect {
	switch e := ev.(type) {
	case Tick:
		return c.tick(now, e)
	case ViewAnswer:
		c.turn.view = true
		c.known.view(c.set.HostID, now, e, c.set.Timing)
	case MonitorAnswer:
		c.monitor(now, e)
	case LockAnswer:
		c.known.lockFailure = e.Failure
	case MaintenanceAnswer:
		c.known.localFailure = e.Failure
		if e.Failure == "" {
			c.known.localMaintenance = e.Local
		}
	case Published:
		return c.published(e)
	case ActionDone:
		c.engine.done(now, c.state, e.ID, e.Failure)
		c.turn.due = now
	case Released:
		return c.released(e)
	case Stop:
		c.ending.ask(now)
	}
	return nil
}

func (c *Core) monitor(now clock.Mono, a MonitorAnswer) {
	keep := c.set.Timing.ResultMaxAge
	switch a.Monitor {
	case EngineHealth:
		c.turn.health = true
		c.known.health.take(now, a, keep)
		if c.known.localEngine(now, keep).VM == vmUp {
			c.engine.settle = 0
		}
	case StorageDomain:
		c.turn.domain = true
		c.known.domain.take(now, a, keep)
	}
}

func (c *Core) tick(now clock.Mono, tick Tick) []Effect {
	if c.ending.stage != stageRunning {
		return c.end(now, tick)
	}
	switch {
	case !c.turn.collecting && now < c.turn.due:
		return nil
	case !c.turn.collecting:
		c.turn = turn{began: now, due: c.nextDue(now), collecting: true}
		return []Effect{Collect{Lock: !c.known.leaseHeld(c.set.HostID, now, c.set.Timing.ViewLimit)}}
	case (c.turn.view && c.turn.health && c.turn.domain) || now.Sub(c.turn.began) >= c.patience():
		c.turn.collecting = false
		return c.decide(now, tick)
	default:
		return nil
	}
}

// nextDue keeps the turns on an even grid, whatever the distance of the ticks, unless they have fallen far behind.
func (c *Core) nextDue(now clock.Mono) clock.Mono {
	period := c.set.Timing.LoopDelay
	if now.Sub(c.turn.due) < period {
		return c.turn.due.Add(period)
	}
	return now.Add(period)
}

// patience is how long a turn waits for answers: a broker that is slow must not stretch the period of the loop.
func (c *Core) patience() time.Duration {
	return min(c.set.Timing.RPCTimeout, c.set.Timing.LoopDelay/2)
}

// longestChain bounds the states that one turn may pass through. The longest chain of the table has five.
const longestChain = 8

// decide runs the state machine until a state waits, publishes and reports.
func (c *Core) decide(now clock.Mono, tick Tick) []Effect {
	c.engine.expire(now, c.state, c.set.Timing)
	c.known.listen(now, c.set.Timing.ViewLimit)
	previous := c.state
	var effects []Effect
	var reason string
	for range longestChain {
		situation := c.situation(now)
		decision := Decide(c.state, situation)
		effects = append(effects, c.apply(now, situation, decision)...)
		reason = decision.Reason
		if decision.Wait {
			break
		}
	}
	reasons := append([]string{reason}, c.unanswered()...)
	reasons = append(reasons, c.known.troubles(c.set.HostID, now, c.set.Timing)...)
	if c.engine.failure != "" {
		reasons = append(reasons, fmt.Sprintf("last %s of the engine VM: %s", c.engine.order, c.engine.failure))
	}
	age := time.Duration(-1)
	if known, ok := c.known.viewAge(now); ok {
		age = known
	}
	return append(effects, c.publish(now, tick, c.state, false), Report{
		State: c.state, Previous: previous, Score: c.score, Delay: c.set.Timing.LoopDelay, ViewAge: age,
		Lease: c.known.cluster.Lease.State, PutTook: c.known.putTook,
		Engine: c.known.localEngine(now, c.set.Timing.ResultMaxAge), Reason: strings.Join(reasons, "; "),
	})
}

// unanswered says which calls of this turn have not come to an end yet.
func (c *Core) unanswered() []string {
	var missing []string
	for _, call := range []struct {
		answered bool
		name     string
	}{{c.turn.view, "get_view"}, {c.turn.health, string(EngineHealth)}, {c.turn.domain, string(StorageDomain)}} {
		if !call.answered {
			missing = append(missing, call.name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("the broker has not answered within %s: %s", c.patience(), strings.Join(missing, ", "))}
}

// apply carries a decision out within the core.
func (c *Core) apply(now clock.Mono, s Situation, d Decision) []Effect {
	var effects []Effect
	if s.Action == ActionSucceeded || s.Action == ActionFailed {
		c.engine.phase = ActionNone // the state has had its chance to look at it
	}
	if d.Order != OrderNone {
		effects = append(effects, c.engine.begin(now, d.Order))
	}
	_, timed := d.Next.timeout(c.set.Timing)
	switch {
	case d.Next != c.state:
		effects = append(effects, Transition{From: c.state, To: d.Next, Reason: d.Reason})
		c.timer = 0
	case timed && c.timer == 0:
		c.timer = now
	}
	c.state = d.Next
	c.score = c.scoreNow(now)
	return effects
}

// scoreNow is the score of the present state. A host that must not start the engine VM and does not run it has none: the
// others must not wait for it.
func (c *Core) scoreNow(now clock.Mono) int {
	t := c.set.Timing
	how := c.state.scoring()
	idle := c.known.localEngine(now, t.ResultMaxAge).VM != vmUp
	if how == scoreZero || c.known.blind(now, t.ViewLimit) || (idle && c.obstacle(now) != "") {
		return 0
	}
	return Score(c.set.Score, Measured{}, c.engine.failedStarts, t.EngineRetryMaxAttempts, how == scoreComputed)
}
