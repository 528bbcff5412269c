package agent

import "github.com/holdfast-ha/holdfast/daemons/clock"

// situation sums up what the core knows at now for the present state.
func (c *Core) situation(now clock.Mono) Situation {
	t := c.set.Timing
	s := Situation{
		Timer:             c.timerPhase(now),
		Blind:             c.known.blind(now, t.ViewLimit),
		GlobalMaintenance: c.known.globalMaintenance,
		LocalMaintenance:  c.known.localMaintenance,
		Local:             c.known.localEngine(now, t.ResultMaxAge),
		OwnScore:          c.score,
		RestartThreshold:  t.RestartThresholdScore,
		ShortHistory:      !c.known.watched(now, t.HostAliveTimeout),
		Obstacle:          c.obstacle(now),
		Action:            c.engine.phaseIn(c.state),
		Busy:              c.engine.busyIn(c.state),
		Settling:          c.engine.settling(now, t.ResultMaxAge),
	}
	alive := c.alive(now)
	s.Best = bestEngine(c.set.HostID, rank(s.Local), s.Local.VM == vmUp, alive)
	for _, peer := range alive {
		if peer.Score > s.BestScore {
			s.BestScore, s.BestScoreHost = peer.Score, peer.HostID
		}
	}
	return s
}

// alive are the peers that are alive, by ascending host id; none while this host is blind, because it cannot know.
func (c *Core) alive(now clock.Mono) []Peer {
	if c.known.blind(now, c.set.Timing.ViewLimit) {
		return nil
	}
	return c.known.history.alive(c.known.cluster.Peers, c.set.Timing.HostAliveTimeout)
}

// bestEngine picks the highest ranked engine. Among peers the lowest host id wins a tie; the local one wins against all.
func bestEngine(ownID, ownRank int, ownUp bool, alive []Peer) BestEngine {
	best, bestRank := BestEngine{}, -1
	for _, peer := range alive {
		if r := rank(peer.Engine); r > bestRank {
			best, bestRank = BestEngine{Up: peer.Engine.VM == vmUp, HostID: peer.HostID}, r
		}
	}
	if ownRank >= bestRank {
		return BestEngine{Up: ownUp, Local: true, HostID: ownID}
	}
	return best
}

func (c *Core) timerPhase(now clock.Mono) TimerPhase {
	limit, timed := c.state.timeout(c.set.Timing)
	switch {
	case !timed || c.timer == 0:
		return TimerUnset
	case c.timer.Add(limit) < now:
		return TimerExpired
	default:
		return TimerRunning
	}
}

// obstacle says why this host must not start the engine VM; empty if nothing is in the way.
func (c *Core) obstacle(now clock.Mono) string {
	t := c.set.Timing
	switch {
	case !c.set.HasDriver:
		return "no driver for the engine VM is configured (vm_driver)"
	case !c.known.leaseHeld(c.set.HostID, now, t.ViewLimit):
		return c.known.leaseTrouble(c.set.HostID)
	case !c.known.domainValid(now, t.ResultMaxAge):
		return c.known.domainTrouble(now, t.ResultMaxAge)
	default:
		return ""
	}
}
