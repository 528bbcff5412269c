package broker

import (
	"errors"
	"fmt"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// call is an RPC that waits for its Reply. What it waits for is a state of the core, not an event, so that nothing can
// happen behind its back: after every step each call is looked at anew.
type call struct {
	token  Token
	kind   callKind
	until  clock.Mono
	record *version // of a callPut
}

type callKind uint8

const (
	callLock callKind = iota + 1
	callRelease
	callReset
	callPut
	callConnect
	callDisconnect
	callDomainOn
	callDomainOff
)

var (
	errEnding = errors.New("the broker is ending")
	// errNotYet is what a call is told that asked for an answer at once, or whose time is up.
	errNotYet = errors.New("not done yet; it goes on")
)

// expect makes an RPC wait. A token of 0 is nobody.
func (c *Core) expect(w call) {
	if w.token != 0 {
		c.calls = append(c.calls[:len(c.calls):len(c.calls)], w)
	}
}

// forget drops a call whose caller has gone away. Without this a client that asks for long waits and goes, again and
// again, would be remembered for as long as it asked for each time.
func (c *Core) forget(token Token) {
	left := make([]call, 0, len(c.calls))
	for _, w := range c.calls {
		if w.token != token {
			left = append(left, w)
		}
	}
	c.calls = left
}

// settleCalls answers the RPCs that are done, refused, or out of time. Each leaves the list with its answer, so it is
// answered once.
func (c *Core) settleCalls(now clock.Mono, out *outcome) {
	var left []call
	for _, w := range c.calls {
		over, err := c.stateOf(w)
		switch {
		case over:
		case c.stop.done:
			err = errEnding
		case now >= w.until:
			err = c.notYet(w)
		default:
			left = append(left, w)
			continue
		}
		out.answer(w, err)
	}
	c.calls = left
}

// finishCalls answers all RPCs of a kind that wait, whatever the state.
func (c *Core) finishCalls(kind callKind, err error, out *outcome) {
	var left []call
	for _, w := range c.calls {
		if w.kind != kind {
			left = append(left, w)
			continue
		}
		out.answer(w, err)
	}
	c.calls = left
}

// answer replies to a call that waited. A Put that waits was accepted.
func (o *outcome) answer(w call, err error) {
	r := replyTo(w.token, err)
	r.Accepted = w.kind == callPut
	o.replies = append(o.replies, r)
}

// stateOf tells whether what the call waits for is decided, and if so, why it is not done; nil if it is done.
func (c *Core) stateOf(w call) (over bool, err error) {
	switch w.kind {
	case callLock:
		return c.lockState()
	case callRelease:
		return c.releaseState()
	case callPut:
		return c.putState(w.record)
	case callConnect:
		return c.connectState()
	case callDisconnect:
		return c.disconnectState()
	case callDomainOn, callDomainOff:
		return c.domainState(w.kind == callDomainOn)
	case callReset:
	}
	return false, nil // finishCalls answers a reset
}

// notYet says where a call stands that is out of time.
func (c *Core) notYet(w call) error {
	switch w.kind {
	case callLock:
		return fmt.Errorf("not held yet: %w", c.leaseStands())
	case callRelease:
		return fmt.Errorf("not released yet: %w", c.leaseStands())
	case callConnect, callDisconnect:
		return fmt.Errorf("%w: the storage is %s: %s", errNotYet, c.mount.state, c.mount.detail)
	case callDomainOn, callDomainOff:
		return fmt.Errorf("%w: the domain monitor is %s: %s", errNotYet, c.domainShown.State, c.domainShown.Detail)
	case callPut:
		return fmt.Errorf("not durable yet: %s", c.whyPending(w.record.segment))
	case callReset:
	}
	return errNotYet
}

// leaseStands is the state of the lease, or why there can be none, as an error.
func (c *Core) leaseStands() error {
	if why := c.leaseBlocked(); why != "" {
		return errors.New(why)
	}
	if c.lease.detail == "" {
		return errors.New(c.lease.state.String())
	}
	return fmt.Errorf("%v: %s", c.lease.state, c.lease.detail)
}

// putState: a record is done when these very data are on storage, be it by a later write of the same. It is over when
// a newer record with other data has taken its place before it was written.
func (c *Core) putState(v *version) (over bool, err error) {
	cl := c.claimOf(v.segment)
	if d := cl.durable; d != nil && d.number >= v.number && (d == v || *d.data == *v.data) {
		return true, nil
	}
	if n := cl.newest; n == nil || n == v || *n.data == *v.data {
		return false, nil
	}
	if c.writer.flying == v {
		return false, nil // it may still get there
	}
	return true, errors.New("replaced by a newer record of the segment before it was written")
}

// whyPending says why the segment's record has not reached storage.
func (c *Core) whyPending(segment int) string {
	switch {
	case c.unusable() != "":
		return c.unusable()
	case !c.mayWrite(segment):
		return fmt.Sprintf("the host id lease is %v", c.lease.state)
	case c.writer.flying != nil:
		return fmt.Sprintf("%s has been in a write of segment %d since %.1f s after boot",
			WriterLane, c.writer.flying.segment, c.writer.since.Seconds())
	}
	if cell := c.mail.cellOf(segment); cell.problem != "" {
		return cell.problem
	}
	return "it waits for its turn"
}
