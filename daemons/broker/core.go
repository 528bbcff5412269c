package broker

import (
	"fmt"
	"slices"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/health"
)

// Core is everything the broker knows. NewCore makes one. It is for one goroutine; assignment copies it.
type Core struct {
	set     Settings
	started clock.Mono

	number uint64   // of the last version
	claims [2]claim // segment 0 and the own one
	mail   mailbox
	writer writing
	reader reading
	lease  leasing
	mount  mounting
	domain monitoring
	calls  []call     // RPCs that wait; never changed in place
	others []LaneFact // stalled lanes that the core does not run; never changed in place
	rival  rivalry

	alive   []int // as the agent pushed it
	aliveAt clock.Mono

	overwritten bool // the own segment was found changed, and has not been confirmed since
	overwrites  int  // how often that was found

	configBad string // as another room found it

	stop        stopping
	board       health.Board
	segments    []SegmentState // as the next snapshot shows them, unless segmentsOld; never changed in place
	segmentsOld bool
	domainShown Domain // as the last snapshot showed it
	published   bool   // a first snapshot is out
}

// NewCore returns a core that knows nothing yet, or an error if the settings cannot be used.
func NewCore(set Settings, now clock.Mono) (Core, error) {
	if err := set.Check(); err != nil {
		return Core{}, err
	}
	c := Core{set: set, started: now, segmentsOld: true}
	c.claims[0].segment, c.claims[1].segment = 0, set.HostID
	c.lease.since = now
	c.mount = mounting{wanted: true, state: StorageConnecting, since: now}
	if set.StorageMissing != "" {
		c.mount.state, c.mount.detail = StorageUnconfigured, set.StorageMissing
	}
	c.domainShown.State = DomainNever
	return c, nil
}

// outcome collects what one step causes.
type outcome struct {
	effects []Effect
	replies []Effect
	changed bool // the snapshot is no longer what was published
}

func (o *outcome) add(e Effect) { o.effects = append(o.effects, e) }

// reply answers the RPC with the given token: OK if err is nil.
func (o *outcome) reply(token Token, err error) {
	if token != 0 {
		o.replies = append(o.replies, replyTo(token, err))
	}
}

func replyTo(token Token, err error) Reply {
	r := Reply{Token: token, OK: err == nil}
	if err != nil {
		r.Reason = err.Error()
	}
	return r
}

// Step takes one event at the time given, which must not be earlier than that of the last step, and returns what is
// to be done, in order.
func (c *Core) Step(now clock.Mono, ev Event) []Effect {
	var out outcome
	switch e := ev.(type) {
	case Put:
		c.put(now, e, &out)
	case HostsPushed:
		c.alive, c.aliveAt = slices.Clone(e.Alive), now
		out.changed = true
		out.reply(e.Token, nil)
	case LockWanted:
		c.lockWanted(now, e, &out)
	case ReleaseWanted:
		c.releaseWanted(now, e, &out)
	case ResetWanted:
		c.resetWanted(now, e, &out)
	case CallerGone:
		c.forget(e.Token)
	case WriteDone:
		c.writeDone(now, e, &out)
	case ReadDone:
		c.readDone(now, e, &out)
	case LeaseObserved:
		c.leaseObserved(now, e, &out)
	case Observed:
		c.observed(now, e, &out)
	case ConnectWanted:
		c.connectWanted(now, e, &out)
	case DisconnectWanted:
		c.disconnectWanted(now, e, &out)
	case MountDone:
		c.mountDone(now, e, &out)
	case DomainWanted:
		c.domainWanted(now, e, &out)
	case DomainDone:
		c.domainDone(now, e, &out)
	case Tick:
		c.othersSeen(now, e.Others, &out)
	case Stop:
		c.stopWanted(now, &out)
	}
	c.expireLease(now, &out)
	c.watchDisconnect(now, &out)
	c.startMount(now, &out)
	c.startWrite(now, &out)
	c.startRead(now, &out)
	c.startLease(now, &out)
	c.startDomain(now, &out)
	c.watchLanes(now, &out)
	c.showDomain(now, &out)
	c.judge(now, &out)
	c.endIfDone(now, &out)
	c.settleCalls(now, &out)
	if out.changed || !c.published {
		c.published = true
		out.add(Publish{Snapshot: c.Snapshot(now)})
	}
	return append(out.effects, out.replies...)
}

// claimOf returns the claim of a segment that this broker may write, nil for any other segment.
func (c *Core) claimOf(segment int) *claim {
	for i := range c.claims {
		if c.claims[i].segment == segment {
			return &c.claims[i]
		}
	}
	return nil
}

// String prints the state for tests and traces.
func (c *Core) String() string {
	flying := "idle"
	if v := c.writer.flying; v != nil {
		flying = fmt.Sprintf("segment %d version %d", v.segment, v.number)
	}
	return fmt.Sprintf("broker core of host %d: lease %v (wanted %t, held %t, op %d); writer %s; %v; reader busy %t, view %d; storage %s (op %d); domain %s (op %d); board %v; stop %v",
		c.set.HostID, c.lease.state, c.lease.wanted, c.lease.held, c.lease.op, flying, &c.mail, c.reader.busy, len(c.reader.seen), c.mount.state, c.mount.op,
		c.domainShown.State, c.domain.op, c.board, c.stop.wanted)
}
