package load

import (
	"context"
	"net"
	"strconv"
	"time"
)

// manner is how a client misbehaves.
type manner int

const (
	slow     manner = iota // sends its request, and takes the answer, a byte at a time
	halfOpen               // connects and says nothing
)

// between is the pause between two bytes of a slow client, and before a new connection after one that the broker ended.
const between = 500 * time.Millisecond

// slowly is what a slow client sends: a whole call, so that a broker which waits for ever would answer in the end.
func slowly(call []byte) []byte {
	head := "POST /RPC2 HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\nContent-Length: " + strconv.Itoa(len(call)) + "\r\n\r\n"
	return append([]byte(head), call...)
}

// bother keeps one connection open until ctx ends, and makes a new one whenever the broker ends it. With a request it sends that, and takes
// the answer, a byte at a time; with none it says nothing.
func bother(ctx context.Context, socket string, request []byte, t *tally) {
	m := halfOpen
	if request != nil {
		m = slow
	}
	for ctx.Err() == nil {
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
		if err == nil {
			stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
			drip(ctx, conn, request)
			stop()
			conn.Close()
			if ctx.Err() == nil {
				t.wasCut(m)
			}
		}
		pause(ctx, jitter(between))
	}
}

// drip returns when the broker has ended the connection, or ctx has ended.
func drip(ctx context.Context, conn net.Conn, request []byte) {
	for i := range request {
		if _, err := conn.Write(request[i : i+1]); err != nil || !pause(ctx, jitter(between)) {
			return
		}
	}
	var one [1]byte
	for {
		if _, err := conn.Read(one[:]); err != nil || !pause(ctx, jitter(between)) {
			return
		}
	}
}

// pause waits, and returns false when ctx has ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
