package probe

import (
	"bytes"
	"context"
	"sync/atomic"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/xmlrpc"
)

// loop calls one method, one call at a time.
type loop struct {
	method
	window  *window
	client  *xmlrpc.Client
	out     *writer
	late    *atomic.Int64 // nanoseconds; the most that any loop woke late
	decoded clock.Mono    // when an answer was last decoded
}

// run calls the method each period until ctx ends, the first time after offset. The methods' turns follow one
// another closely, not spread over the period: waking up costs more than calling.
func (l *loop) run(ctx context.Context, period, offset time.Duration) {
	next := clock.Now().Add(offset)
	timer := time.NewTimer(offset)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		now := clock.Now()
		raise(l.late, int64(now.Sub(next)))
		l.turn(ctx, now)
		next = nextTurn(next, clock.Now(), period)
		timer.Reset(next.Sub(clock.Now()))
	}
}

// nextTurn is the first turn after now; turns that a slow call ate are left out.
func nextTurn(last, now clock.Mono, period time.Duration) clock.Mono {
	next := last.Add(period)
	if missed := now.Sub(next); missed > 0 {
		next = next.Add((missed/period + 1) * period)
	}
	return next
}

// raise sets v to n if n is larger.
func raise(v *atomic.Int64, n int64) {
	for {
		old := v.Load()
		if n <= old || v.CompareAndSwap(old, n) {
			return
		}
	}
}

func (l *loop) turn(ctx context.Context, now clock.Mono) {
	args, f := l.args(now)
	if f == formSkip {
		l.window.skip()
		return
	}
	body, err := xmlrpc.MarshalCall(l.name, args...)
	if err != nil { // the own record cannot be sent: it is not from a broker of ours
		l.window.skip()
		return
	}
	l.window.begin(clock.Now())
	reply, err := l.client.Exchange(ctx, body)
	ended := clock.Now()
	if ctx.Err() != nil {
		l.window.abandon()
		return
	}
	var answer any
	decode := l.read != nil && ended.Sub(l.decoded) >= l.every-slack(l.every)
	switch {
	case err != nil:
	case decode, bytes.Contains(reply, []byte("<fault>")):
		answer, err = xmlrpc.UnmarshalResponse(reply, 0)
	}
	l.window.end(ended, f, bytes.Contains(reply, []byte("<nil/>")), err)
	if !decode {
		return
	}
	l.decoded = ended
	if line := l.read(answer, err, ended); line != nil {
		l.out.write(line)
	}
}

// slack lets a turn that woke a little early or late count for its time.
func slack(every time.Duration) time.Duration { return every / 10 }
