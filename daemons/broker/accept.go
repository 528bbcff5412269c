package broker

import (
	"errors"
	"fmt"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
)

// put accepts or refuses a record. What is refused changes nothing.
//
// With Wait the reply comes when the record is durable, or will not be.
func (c *Core) put(now clock.Mono, e Put, out *outcome) {
	cl := c.claimOf(e.Segment)
	if cl == nil {
		out.reply(e.Token, fmt.Errorf("segment %d is neither 0 nor this host's own %d", e.Segment, c.set.HostID))
		return
	}
	data, err := segmentOf(e.Data)
	if err != nil {
		out.reply(e.Token, fmt.Errorf("segment %d: %w", e.Segment, err))
		return
	}
	stamped, timestamp := false, int64(0)
	if e.Segment == c.set.HostID {
		var name string
		if stamped, timestamp, name, err = stampOf(c.set.HostID, data); err != nil {
			out.reply(e.Token, err)
			return
		}
		if stamped && cl.newest != nil && cl.stamped && timestamp < cl.timestamp {
			out.reply(e.Token, fmt.Errorf("segment %d: timestamp %d is older than %d, which is held already",
				e.Segment, timestamp, cl.timestamp))
			return
		}
		if stamped && cl.newest != nil && *cl.newest.data == *data {
			// The record that is held already, to the second and to the byte: there is nothing to write, and its age goes on, so
			// that somebody who repeats it cannot make a silent agent look alive.
			c.replyToPut(e, cl.newest, out)
			return
		}
		if stamped {
			c.rival.ownName = name
		}
	}
	c.number++
	v := &version{number: c.number, segment: e.Segment, data: data, putAt: now}
	cl.put(now, v, stamped, timestamp)
	c.mail.put(v)
	out.changed, c.segmentsOld = true, true
	c.replyToPut(e, v, out)
}

// replyToPut answers a Put that was accepted: at once, or as soon as v is durable.
func (c *Core) replyToPut(e Put, v *version, out *outcome) {
	w := call{token: e.Token, kind: callPut, until: e.Until, record: v}
	switch {
	case e.Token == 0:
	case e.Wait:
		c.expect(w)
	default:
		out.answer(w, nil)
	}
}

// segmentOf pads a caller's data to a segment. Python readers cut and decode the volume as text, so one byte outside
// ASCII would take them all down (S12); sizes that are no multiple of a sector cannot be written with O_DIRECT, and
// longer ones would spill into the neighbour's segment (S15).
func segmentOf(data []byte) (*whiteboard.Segment, error) {
	if len(data) > whiteboard.SegmentSize || len(data)%whiteboard.MachineSize != 0 {
		return nil, fmt.Errorf("%d bytes; a record is a multiple of %d bytes and at most %d",
			len(data), whiteboard.MachineSize, whiteboard.SegmentSize)
	}
	for i, b := range data {
		if b >= 0x80 {
			return nil, fmt.Errorf("byte %d is 0x%02x; only ASCII may be published", i, b)
		}
	}
	var s whiteboard.Segment
	copy(s[:], data)
	return &s, nil
}

// stampOf returns the timestamp of an own record and the name of its host, if it has them. A record that names another
// host is refused (S15); anything else that does not decode is the agent's affair and has no timestamp.
func stampOf(hostID int, data *whiteboard.Segment) (stamped bool, timestamp int64, name string, err error) {
	record, err := whiteboard.Decode(hostID, data[:])
	if err == nil {
		return true, record.Timestamp, record.HostName, nil
	}
	if kind, ok := kindOf(err); ok && kind == whiteboard.Foreign {
		return false, 0, "", fmt.Errorf("segment %d: %w", hostID, err)
	}
	return false, 0, "", nil
}

// kindOf returns the kind of a whiteboard error.
func kindOf(err error) (whiteboard.Kind, bool) {
	var we *whiteboard.Error
	if errors.As(err, &we) {
		return we.Kind, true
	}
	return 0, false
}
