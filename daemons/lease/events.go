package lease

import (
	"context"
	"fmt"
	"io"
	"net"
	"time"
)

// HostEvent is a message to another host, carried by the lockspace's delta leases.
type HostEvent struct {
	HostID     uint64 // the receiver
	Generation uint64 // of the receiver; 0 with EventCurrentGeneration
	Event      uint64 // bits; their meaning is the users' own
	Data       uint64
}

// Event is a HostEvent as it arrived.
type Event struct {
	HostEvent
	FromHostID     uint64
	FromGeneration uint64
}

// EventFlags are bits of SetEvent.
type EventFlags uint32

// Bits of EventFlags.
const (
	EventCurrentGeneration EventFlags = 1  // fill in the receiver's present generation
	EventClearHostID       EventFlags = 2  // stop notifying this host
	EventClearEvent        EventFlags = 4  // clear these event bits
	EventReplace           EventFlags = 8  // replace event and data instead of adding bits
	EventAllHosts          EventFlags = 16 // to every host of the lockspace
)

func appendHostEvent(b []byte, e HostEvent) []byte {
	for _, v := range []uint64{e.HostID, e.Generation, e.Event, e.Data} {
		b = order.AppendUint64(b, v)
	}
	return b
}

// SetEvent notifies another host of the lockspace. It travels with the next renewals: up to 2 io timeouts for the
// sender and as much for the receiver; it stays visible for 6 io timeouts and is then cleared by the daemon.
func (c Client) SetEvent(ctx context.Context, lockspace string, event HostEvent, flags EventFlags) error {
	cmd, err := c.lockspaceCommand("set_event", cmdSetEvent, Lockspace{Name: lockspace})
	if err != nil {
		return err
	}
	cmd.subject = lockspace
	cmd.flags = uint32(flags)
	cmd.payload = appendHostEvent(cmd.payload, event)
	_, err = c.roundTrip(ctx, cmd)
	return err
}

// Events receives the events of one lockspace. It belongs to one goroutine.
type Events struct {
	client    Client
	lockspace string
	conn      net.Conn
}

// RegEvent subscribes to a lockspace that is held. The daemon allows 32 subscriptions per lockspace. The caller ends it
// with EndEvent, or with Close, which leaves the daemon to notice by itself.
func (c Client) RegEvent(ctx context.Context, lockspace string) (*Events, error) {
	cmd, err := c.lockspaceCommand("reg_event", cmdRegEvent, Lockspace{Name: lockspace})
	if err != nil {
		return nil, err
	}
	cmd.subject = lockspace
	cmd.payload = appendHostEvent(cmd.payload, HostEvent{})
	conn, release, err := c.open(ctx, cmd)
	if err != nil {
		return nil, err
	}
	rep, err := readReply(conn)
	if err != nil {
		err = c.failIO(ctx, cmd, err)
	} else {
		err = c.check(cmd, rep)
	}
	if !release() && err == nil {
		err = c.fail(cmd, KindTimeout, context.Cause(ctx))
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	_ = conn.SetDeadline(time.Time{}) // fails only on a closed connection, and then so does what follows
	return &Events{client: c, lockspace: lockspace, conn: conn}, nil
}

// Next waits for the next event, bounded by ctx, or by Client.Timeout when ctx has no deadline. After an error of kind
// KindTimeout it may be called again; after any other the subscription is gone.
func (e *Events) Next(ctx context.Context) (Event, error) {
	cmd := command{op: "event", subject: e.lockspace}
	release := guard(ctx, e.conn, e.client.deadline(ctx, true))
	defer release()
	rep, size, err := readHeader(e.conn)
	if err != nil {
		return Event{}, e.client.failIO(ctx, cmd, err)
	}
	if rep.number != 1 || size != callbackSize-headerSize {
		return Event{}, e.client.fail(cmd, KindProtocol,
			fmt.Errorf("%w: callback %d with %d bytes, want 1 with %d", errProtocol, rep.number, size, callbackSize-headerSize))
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(e.conn, b); err != nil {
		return Event{}, e.client.failIO(ctx, cmd, err)
	}
	return parseEvent(b), nil
}

// parseEvent reads what follows a callback's header; b has callbackSize-headerSize bytes.
func parseEvent(b []byte) Event {
	return Event{
		HostEvent: HostEvent{
			HostID: order.Uint64(b), Generation: order.Uint64(b[8:]), Event: order.Uint64(b[16:]), Data: order.Uint64(b[24:]),
		},
		FromHostID: order.Uint64(b[32:]), FromGeneration: order.Uint64(b[40:]),
	}
}

// EndEvent ends the subscription in the order that the daemon asks for: a word on the event connection, close, then
// the command on a new one.
func (e *Events) EndEvent(ctx context.Context) error {
	cmd, err := e.client.lockspaceCommand("end_event", cmdEndEvent, Lockspace{Name: e.lockspace})
	if err != nil {
		return err
	}
	cmd.subject = e.lockspace
	release := guard(ctx, e.conn, e.client.deadline(ctx, false))
	_, err = e.conn.Write([]byte{1, 0, 0, 0})
	release()
	e.conn.Close()
	if err != nil {
		return e.client.failIO(ctx, cmd, err)
	}
	_, err = e.client.roundTrip(ctx, cmd)
	return err
}

// Close drops the connection.
func (e *Events) Close() error { return e.conn.Close() }
