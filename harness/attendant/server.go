package attendant

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// Probes ask a server on the wire, or a program of the container, for a sign of life. Any may be nil.
type Probes struct {
	RPCNull  func(ctx context.Context, addr string, program, version uint32) (time.Duration, error)
	ISCSINop func(ctx context.Context, addr, target string) (time.Duration, error)
	Ask      func(ctx context.Context, program, addr string) (time.Duration, error)
}

// Server is the attendant of one container.
type Server struct {
	// ReapAll makes the server collect the end of every process, orphans included: for the first process of a container only.
	ReapAll bool
	// Grace is how long programs may take to end after SIGTERM when the server ends; 0 means 2 s.
	Grace  time.Duration
	Probes Probes

	children *children
	requests sync.WaitGroup
}

// Listen makes the socket, replacing a stale one, with mode 0666 so that a user with access to the directory reaches it.
func Listen(path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("attendant: socket %s: %w", path, err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("attendant: %w", err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		l.Close()
		return nil, fmt.Errorf("attendant: socket %s: %w", path, err)
	}
	return l, nil
}

// Serve answers requests on l until ctx ends; then it ends every program that it started (SIGTERM, after the grace SIGKILL) and
// returns when they are gone or the grace has passed a second time. It closes l.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	s.children = newChildren(s.ReapAll)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	reaperDone := make(chan struct{})
	stopReaper := make(chan struct{})
	go func() { defer close(reaperDone); s.reaper(stopReaper) }()

	go func() { <-ctx.Done(); l.Close() }()
	var err error
	for {
		conn, aerr := l.Accept()
		if aerr != nil {
			if ctx.Err() == nil {
				err = fmt.Errorf("attendant: accept: %w", aerr)
			}
			break
		}
		s.requests.Add(1)
		go func() { defer s.requests.Done(); s.serveConn(ctx, conn) }()
	}
	cancel()
	s.endChildren()
	s.requests.Wait()
	close(stopReaper)
	<-reaperDone
	return err
}

// reaper collects ends on SIGCHLD, and once a second in case a signal was merged away.
func (s *Server) reaper(stop <-chan struct{}) {
	sigs := make(chan os.Signal, 1)
	signal.Notify(sigs, syscall.SIGCHLD)
	defer signal.Stop(sigs)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		s.children.reap()
		select {
		case <-sigs:
		case <-tick.C:
		case <-stop:
			return
		}
	}
}

func (s *Server) endChildren() {
	grace := s.Grace
	if grace <= 0 {
		grace = 2 * time.Second
	}
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		running := s.children.running()
		for _, ch := range running {
			_ = syscall.Kill(ch.info.PID, sig) // it may have ended meanwhile
		}
		limit := time.After(grace)
		for _, ch := range running {
			select {
			case <-ch.ended:
			case <-limit:
				limit = time.After(0)
			}
		}
	}
}

// serveConn reads requests line by line; each is carried out on its own goroutine and answered when it is done.
func (s *Server) serveConn(ctx context.Context, conn net.Conn) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	var under sync.WaitGroup
	defer func() { cancel(); under.Wait(); stop(); conn.Close() }()

	var mu sync.Mutex // guards the write side of conn
	answer := func(r Reply) {
		line, err := json.Marshal(r)
		if err != nil {
			line, _ = json.Marshal(Reply{ID: r.ID, Kind: KindFailed, Error: err.Error()}) // three plain fields always encode
		}
		mu.Lock()
		defer mu.Unlock()
		_ = conn.SetWriteDeadline(time.Now().Add(5 * time.Second))
		_, _ = conn.Write(append(line, '\n')) // a caller that went away needs no answer
	}
	in := bufio.NewScanner(conn)
	in.Buffer(make([]byte, 4096), MaxLine)
	for in.Scan() {
		var req Request
		if err := json.Unmarshal(in.Bytes(), &req); err != nil {
			answer(Reply{Kind: KindBadRequest, Error: fmt.Sprintf("not a request: %v", err)})
			return
		}
		under.Add(1)
		go func() { defer under.Done(); answer(s.reply(ctx, req)) }()
	}
}

func (s *Server) reply(ctx context.Context, req Request) Reply {
	result, err := s.carryOut(ctx, req)
	if err != nil {
		var e *Error
		if !errors.As(err, &e) {
			e = &Error{Kind: kindOf(err), Text: err.Error()}
		}
		return Reply{ID: req.ID, Kind: e.Kind, Error: e.Text}
	}
	raw, err := json.Marshal(result)
	if err != nil {
		return Reply{ID: req.ID, Kind: KindFailed, Error: err.Error()}
	}
	return Reply{ID: req.ID, Result: raw}
}
