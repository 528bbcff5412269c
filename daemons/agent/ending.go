package agent

import (
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// stage is how far the orderly end is: the stopped record is handed to the broker, then the host id is given back. Each
// has its share of shutdown_grace; a broker that does not answer does not keep the agent alive. The broker writes the
// pending record before it lets the host id go (S19). The engine VM is left as it is.
type stage int

const (
	stageRunning stage = iota
	stageAsked
	stagePublishing
	stageReleasing
	stageOver
)

type ending struct {
	stage stage
	since clock.Mono // when the end was asked for
	quit  Quit
}

func (e *ending) ask(now clock.Mono) {
	if e.stage == stageRunning {
		e.stage, e.since = stageAsked, now
	}
}

// end goes on with the orderly end at a tick.
func (c *Core) end(now clock.Mono, tick Tick) []Effect {
	e, grace := &c.ending, c.set.Timing.ShutdownGrace
	switch {
	case e.stage == stageAsked:
		e.stage = stagePublishing
		from := c.state
		c.score, c.timer = 0, 0
		return []Effect{
			Transition{From: from, To: AgentStopped, Reason: "the agent was told to stop"},
			c.publish(now, tick, AgentStopped, true),
		}
	case e.stage == stagePublishing && now.Sub(e.since) > share(grace, 40):
		e.stage = stageReleasing
		return []Effect{Release{}}
	case e.stage == stageReleasing && now.Sub(e.since) > share(grace, 80):
		e.stage = stageOver
		return []Effect{e.quit}
	default:
		return nil
	}
}

func share(d time.Duration, percent int64) time.Duration { return d / 100 * time.Duration(percent) }

// published takes in the end of a publication; serial is that of the stopped record.
func (e *ending) published(p Published, serial uint64) []Effect {
	if e.stage != stagePublishing || p.Serial != serial {
		return nil
	}
	e.quit.Published = p.Failure == "" && !p.Refused
	e.stage = stageReleasing
	return []Effect{Release{}}
}

func (c *Core) released(r Released) []Effect {
	e := &c.ending
	if e.stage != stageReleasing {
		return nil
	}
	e.quit.Released = r.Accepted && r.Failure == ""
	e.stage = stageOver
	return []Effect{e.quit}
}
