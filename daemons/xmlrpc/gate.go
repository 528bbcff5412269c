package xmlrpc

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// refuseTime bounds how long a refused connection is kept to let its client read why.
	refuseTime = time.Second
	// maxRefusals bounds how many such connections there are; beyond, they are just closed.
	maxRefusals = 64
)

// gate counts clients at the door. Accept never blocks on a client.
type gate struct {
	net.Listener
	s *Server
}

// client is an accepted connection that counts until it is closed.
type client struct {
	net.Conn
	s     *Server
	once  sync.Once
	spoke atomic.Bool // a byte has arrived
}

func (c *client) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.spoke.Store(true)
	}
	return n, err
}

func (c *client) Close() error {
	c.once.Do(func() {
		c.s.mu.Lock()
		delete(c.s.clients, c)
		c.s.mu.Unlock()
	})
	return c.Conn.Close()
}

// Accept returns the next connection that is within the limits and whose peer is welcome.
func (g *gate) Accept() (net.Conn, error) {
	for {
		conn, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if err := g.peer(conn); err != nil {
			g.s.refused.Add(1)
			g.s.report("", fmt.Errorf("peer refused: %w", err))
			conn.Close()
			continue
		}
		c := &client{Conn: conn, s: g.s}
		if g.s.admit(c) {
			return c, nil
		}
	}
}

func (g *gate) peer(conn net.Conn) error {
	if g.s.opt.Peer == nil {
		return nil
	}
	return g.s.opt.Peer(conn)
}

// admit counts the client in, or sends it away with status 503.
func (s *Server) admit(c *client) bool {
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		c.Conn.Close()
		return false
	}
	if len(s.clients) < s.opt.MaxClients {
		s.clients[c] = struct{}{}
		s.mu.Unlock()
		return true
	}
	explain := s.refusals < maxRefusals
	if explain {
		s.refusals++
		s.refusing.Add(1)
	}
	s.mu.Unlock()

	s.refused.Add(1)
	s.report("", ErrTooManyClients)
	if !explain {
		c.Conn.Close()
		return false
	}
	go func() {
		defer s.refusing.Done()
		sendAway(c.Conn)
		s.mu.Lock()
		s.refusals--
		s.mu.Unlock()
	}()
	return false
}

// sendAway answers 503 before the request is read. Then it reads the request away, for
// closing with unread bytes could make the client's write fail before it sees the answer.
func sendAway(conn net.Conn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(refuseTime))
	const text = "too many clients; try again later\n"
	if _, err := fmt.Fprintf(conn, "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\n"+
		"Retry-After: 1\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(text), text); err != nil {
		return
	}
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		if err := half.CloseWrite(); err != nil && !errors.Is(err, net.ErrClosed) {
			return
		}
	}
	_, _ = io.CopyN(io.Discard, conn, 1<<20)
}
