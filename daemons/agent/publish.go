package agent

import (
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
)

// lastRecord is what is known of the last publication.
type lastRecord struct {
	serial    uint64
	timestamp int64
	refused   bool
}

// publish makes the record of this turn. Every publication has a timestamp of its own, even two within one second: peers
// take an unchanged one for death.
func (c *Core) publish(now clock.Mono, tick Tick, state State, stopped bool) Publish {
	c.record.serial++
	c.record.timestamp = c.nextTimestamp(tick.BootSeconds)
	record := whiteboard.Record{
		Timestamp:           c.record.timestamp,
		HostID:              c.set.HostID,
		Score:               c.score,
		EngineStatus:        c.known.localEngine(now, c.set.Timing.ResultMaxAge).JSON(),
		HostName:            c.set.HostName,
		Maintenance:         state == LocalMaintenance,
		Stopped:             stopped,
		ConfOnSharedStorage: true,
	}
	fields := []whiteboard.Field{
		whiteboard.BoolField("maintenance", record.Maintenance),
		{Key: "state", Value: string(state)},
		whiteboard.BoolField("stopped", stopped),
	}
	if limit, timed := state.timeout(c.set.Timing); timed && c.timer != 0 {
		fields = append(fields, whiteboard.TimeField("timeout", tick.Wall.Add(c.timer.Add(limit).Sub(now))))
	}
	booted := tick.Wall.Add(-time.Duration(tick.BootSeconds) * time.Second)
	segment, err := whiteboard.Encode(record, record.HumanPart(printable(tick.Wall), printable(booted), fields...))
	if err != nil {
		// Whatever it was that cannot be written, a record that says less is better than none.
		record.EngineStatus = whiteboard.UnknownEngineStatus("unusable engine status").JSON()
		segment, _ = whiteboard.Encode(record, record.HumanPart(time.Unix(0, 0), time.Unix(0, 0), fields[1]))
	}
	alive := []int{c.set.HostID}
	for _, peer := range c.alive(now) {
		alive = append(alive, peer.HostID)
	}
	return Publish{Serial: c.record.serial, HostID: c.set.HostID, Segment: segment, Alive: alive}
}

// nextTimestamp is the boot clock's second, or the next number that was not published yet. The broker refuses a record
// that is older than the one it has, which may be of an earlier agent whose numbers had run ahead of the clock.
func (c *Core) nextTimestamp(boot int64) int64 {
	next := max(boot, c.record.timestamp+1, 1)
	const plausible = 1 << 32 // seconds; more than a century ahead of the clock is garbage
	if own := c.known.cluster.OwnTimestamp; c.record.refused && own >= next && own-next < plausible {
		next = own + 1
	}
	return next
}

// printable moves a time of day that the record cannot print, from a wall clock that was never set, to the epoch.
func printable(t time.Time) time.Time {
	if t.Year() < 1970 || t.Year() > 9999 {
		return time.Unix(0, 0)
	}
	return t
}

func (c *Core) published(p Published) []Effect {
	c.record.refused = p.Failure == "" && p.Refused
	switch {
	case p.Failure != "":
		c.known.putFailure = p.Failure
	case p.Refused:
		c.known.putFailure = "the broker refused the record"
	default:
		c.known.putFailure, c.known.putTook = "", p.Took
	}
	return c.ending.published(p, c.record.serial)
}
