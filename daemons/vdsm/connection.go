package vdsm

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/vdsm/stomp"
)

const (
	requestQueue = "jms.topic.vdsm_requests"
	eventQueue   = "jms.queue.events"
	eventsID     = "events" // of our subscription: only this connection knows it
	repliesID    = "replies"
)

// brokenError is why a connection is over.
type brokenError struct {
	kind  Kind
	cause error
}

func (e *brokenError) Error() string { return e.cause.Error() }
func (e *brokenError) Unwrap() error { return e.cause }

// connection is one TCP connection with STOMP in it, from the greeting to its end. Two goroutines serve it, one reads
// and one writes; calls only touch memory.
type connection struct {
	stream  net.Conn
	decoder *stomp.Decoder
	replyTo string // where VDSM sends answers: unknown to others
	write   time.Duration
	beat    time.Duration // asked of VDSM
	silence time.Duration // longest silence; 0 = VDSM promised no heart-beats
	queue   chan outgoing
	event   func(Event)

	ctx      context.Context // over when the connection is
	end      context.CancelCauseFunc
	checking atomic.Bool // a ping is under way

	mu      sync.Mutex
	waiting map[string]chan message // calls by id; each channel has room for its answer
}

// outgoing is a frame that waits to be written, for as long as its caller waits.
type outgoing struct {
	ctx   context.Context
	frame []byte
}

func newConnection(ctx context.Context, stream net.Conn, o Options, event func(Event)) *connection {
	c := &connection{
		stream: stream, replyTo: NewID(), write: o.Timeout, beat: o.HeartBeat,
		queue: make(chan outgoing, o.MaxCalls), event: event, waiting: make(map[string]chan message),
	}
	c.decoder = stomp.NewDecoder(&attentive{c}, o.MaxMessage)
	c.ctx, c.end = context.WithCancelCause(ctx)
	return c
}

// attentive is the connection as the decoder reads it: no read waits longer than VDSM may be silent.
type attentive struct{ c *connection }

func (a *attentive) Read(p []byte) (int, error) {
	if a.c.silence > 0 {
		if err := a.c.stream.SetReadDeadline(time.Now().Add(a.c.silence)); err != nil {
			return 0, err
		}
	}
	return a.c.stream.Read(p)
}

// greet speaks STOMP's first words, by the deadline of ctx. It must end before run begins.
func (c *connection) greet(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { c.stream.Close() })
	defer stop()
	hello := stomp.Frame{Command: stomp.Connect, Headers: map[string]string{
		stomp.AcceptVersion: "1.2",
		stomp.HeartBeat:     "0," + strconv.FormatInt(c.beat.Milliseconds(), 10),
	}}
	text := hello.Append(nil)
	for id, destination := range map[string]string{repliesID: c.replyTo, eventsID: eventQueue} {
		text = stomp.Frame{Command: stomp.Subscribe, Headers: map[string]string{
			stomp.Destination: destination, stomp.ID: id, stomp.Ack: "auto",
		}}.Append(text)
	}
	if _, err := c.stream.Write(text); err != nil {
		return greeting(ctx, err)
	}
	frame, err := c.decoder.Decode()
	if err != nil {
		return greeting(ctx, err)
	}
	if frame.Command != stomp.Connected {
		return &brokenError{KindProtocol, fmt.Errorf("the answer to CONNECT is %s: %.200q", frame.Command, frame.Body)}
	}
	if send, _ := stomp.Beats(frame.Headers[stomp.HeartBeat]); send > 0 {
		c.silence = max(c.beat, time.Duration(send)*time.Millisecond) * 3 / 2
	}
	if !stop() {
		return greeting(ctx, context.Cause(ctx))
	}
	return nil
}

func greeting(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("STOMP greeting: %w", ctx.Err())
	}
	return readError(fmt.Errorf("STOMP greeting: %w", err))
}

// readError tells what the end of the reading means.
func readError(err error) *brokenError {
	var network net.Error
	switch {
	case errors.Is(err, stomp.ErrFrame), errors.Is(err, errMessage):
		return &brokenError{KindProtocol, err}
	case errors.As(err, &network) && network.Timeout():
		return &brokenError{KindEnded, errors.New("VDSM sends no heart-beats any more")}
	}
	return &brokenError{KindEnded, err}
}

// run serves the connection until it is over, and returns when both its goroutines have ended.
func (c *connection) run(over func(*connection)) {
	var writer sync.WaitGroup
	writer.Go(c.writeAll)
	stop := context.AfterFunc(c.ctx, func() { c.stream.Close() })
	c.fail(c.readAll())
	stop()
	c.stream.Close()
	writer.Wait()
	over(c)
}

// fail ends the connection for a reason; the first counts.
func (c *connection) fail(why *brokenError) { c.end(why) }

func (c *connection) isOver() bool { return c.ctx.Err() != nil }

// cause is why the connection is over.
func (c *connection) cause() error {
	if cause := context.Cause(c.ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return errClosed
}

func (c *connection) writeAll() {
	for {
		select {
		case <-c.ctx.Done():
			return
		case o := <-c.queue:
			if o.ctx.Err() != nil {
				continue // nobody waits for it: VDSM is spared a call that its caller has given up
			}
			err := c.stream.SetWriteDeadline(time.Now().Add(c.write))
			if err == nil {
				_, err = c.stream.Write(o.frame)
			}
			if err != nil {
				c.fail(&brokenError{KindEnded, fmt.Errorf("sending: %w", err)})
				return
			}
		}
	}
}

func (c *connection) readAll() *brokenError {
	for {
		frame, err := c.decoder.Decode()
		if err != nil {
			return readError(err)
		}
		switch frame.Command {
		case stomp.Message:
			if err := c.receive(frame); err != nil {
				return readError(err)
			}
		case stomp.Error:
			return &brokenError{KindProtocol, fmt.Errorf("VDSM sends a STOMP error: %.200q", frame.Body)}
		}
	}
}
