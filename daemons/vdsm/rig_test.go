package vdsm

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-ha/holdfast/daemons/vdsm/stomp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// soon is how long a test waits for what should come at once.
const soon = 20 * time.Second

// peer is a server whose behaviour each test writes itself.
type peer struct {
	t        *testing.T
	listener net.Listener
	opened   atomic.Int32 // connections so far
	tasks    sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn
	serve func(*visit)
}

// visit is one connection to the peer.
type visit struct {
	net.Conn
	number  int // from 1
	frames  *stomp.Decoder
	replies string // the client's subscription to answers: id
}

func newPeer(t *testing.T, serve func(*visit)) *peer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &peer{t: t, listener: listener, serve: serve}
	p.tasks.Go(p.accept)
	t.Cleanup(func() {
		listener.Close()
		p.cut()
		p.tasks.Wait()
	})
	return p
}

func (p *peer) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		number := int(p.opened.Add(1))
		p.mu.Lock()
		p.conns = append(p.conns, conn)
		p.mu.Unlock()
		p.tasks.Go(func() {
			defer conn.Close()
			p.serve(&visit{Conn: conn, number: number, frames: stomp.NewDecoder(conn, 1<<20)})
		})
	}
}

// cut closes all connections.
func (p *peer) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range p.conns {
		conn.Close()
	}
}

// client returns a client with short times, over plain TCP.
func (p *peer) client(change func(*Options)) *Client {
	p.t.Helper()
	o := Options{
		Address: p.listener.Addr().String(), Timeout: soon, PingTimeout: soon, RetryPause: 10 * time.Millisecond,
	}
	o.Dial = func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", o.Address)
	}
	if change != nil {
		change(&o)
	}
	c, err := New(o)
	require.NoError(p.t, err)
	p.t.Cleanup(c.Close)
	return c
}

// greet speaks the server's part of the greeting.
func (v *visit) greet(beats string) bool {
	for range 3 {
		f, err := v.frames.Decode()
		if err != nil {
			return false
		}
		switch {
		case f.Command == stomp.Connect:
			if !v.send(stomp.Frame{Command: stomp.Connected, Headers: map[string]string{stomp.Version: "1.2", stomp.HeartBeat: beats}}) {
				return false
			}
		case f.Headers[stomp.Destination] != eventQueue:
			v.replies = f.Headers[stomp.ID]
		}
	}
	return true
}

func (v *visit) send(f stomp.Frame) bool {
	_, err := v.Write(f.Append(nil))
	return err == nil
}

// call is a request as the peer sees it.
type received struct {
	ID     string         `json:"id"`
	Method string         `json:"method"`
	Params map[string]any `json:"params"`
}

// next returns the next request; ok is false at the end of the connection.
func (v *visit) next() (r received, ok bool) {
	f, err := v.frames.Decode()
	if err != nil || f.Command != stomp.Send {
		return received{}, false
	}
	return r, json.Unmarshal(f.Body, &r) == nil
}

// say sends a message to the client; JSON's own text for id is made here.
func (v *visit) say(subscription, format string, args ...any) bool {
	return v.send(stomp.Frame{
		Command: stomp.Message, Headers: map[string]string{stomp.Subscription: subscription}, Body: fmt.Appendf(nil, format, args...),
	})
}

func (v *visit) result(id, result string) bool {
	return v.say(v.replies, `{"jsonrpc": "2.0", "id": %q, "result": %s}`, id, result)
}

func (v *visit) refuse(id string, code int) {
	v.say(v.replies, `{"jsonrpc": "2.0", "id": %q, "error": {"code": %d, "message": "no"}}`, id, code)
}

// healthy answers everything with null.
func healthy(v *visit) {
	if !v.greet("0,0") {
		return
	}
	for {
		r, ok := v.next()
		if !ok || !v.result(r.ID, "null") {
			return
		}
	}
}

// descriptors counts this process's sockets.
func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	n := 0
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n
}
