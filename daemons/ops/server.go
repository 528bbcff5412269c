package ops

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/pprof"
	"sync"
	"time"
)

// Options are what a server works with. Source is required.
type Options struct {
	Source Source
	// Metrics answers /metrics; nil: 501, there are none in this build.
	Metrics http.Handler
	// ReadTimeout is what a request is given, WriteTimeout a reply, or one line of /v1/watch. Default 5 s.
	ReadTimeout, WriteTimeout time.Duration
	// MaxClients is how many connections may be open; more wait in the kernel. Default 64.
	MaxClients int
	// WatchPause is the least time between two lines of /v1/watch. Default 100 ms.
	WatchPause time.Duration
}

// Server serves the operations API. Make one with New.
type Server struct {
	options Options
	http    *http.Server
	cancel  context.CancelFunc // ends the watches
}

// openAPI describes the API; a test holds it against the handlers.
//
//go:embed openapi.json
var openAPI []byte

// longestProfile bounds /debug/pprof/profile and trace, which run for as long as they are asked to.
const longestProfile = 60 * time.Second

// New returns a server that serves nothing yet.
func New(o Options) *Server {
	if o.ReadTimeout <= 0 {
		o.ReadTimeout = 5 * time.Second
	}
	if o.WriteTimeout <= 0 {
		o.WriteTimeout = 5 * time.Second
	}
	if o.MaxClients <= 0 {
		o.MaxClients = 64
	}
	if o.WatchPause <= 0 {
		o.WatchPause = 100 * time.Millisecond
	}
	if o.Metrics == nil {
		o.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "no metrics in this build", http.StatusNotImplemented)
		})
	}
	s := &Server{options: o}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.http = &http.Server{
		Handler: s.routes(), ReadTimeout: o.ReadTimeout, IdleTimeout: o.ReadTimeout, MaxHeaderBytes: 16 << 10,
		ErrorLog:    log.New(discard{}, "", 0), // what clients do wrong is theirs to see
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	return s
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	source := s.options.Source
	mux.Handle("GET /v1/status", answer(func() any { return source.Status() }))
	mux.Handle("GET /v1/view", answer(func() any { return source.View() }))
	mux.Handle("GET /v1/lanes", answer(func() any { return source.Lanes() }))
	mux.Handle("GET /v1/health", answer(func() any { return source.Health() }))
	mux.Handle("GET /v1/openapi.json", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(openAPI)
	}))
	mux.Handle("GET /v1/watch", http.HandlerFunc(s.watch))
	mux.Handle("GET /metrics", s.options.Metrics)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		limit := s.options.WriteTimeout
		if len(r.URL.Path) >= len("/debug/") && r.URL.Path[:len("/debug/")] == "/debug/" {
			limit += longestProfile
		}
		// A handler that goes on writing sets its own deadlines.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(limit))
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(limit)) // of the next request's first byte, too
		mux.ServeHTTP(w, r)
	})
}

// answer serves a value as JSON.
func answer(value func() any) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		body, err := json.Marshal(value())
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write(body) // the view of 2,000 hosts is 11 MB: an appended line end would copy it
		_, _ = io.WriteString(w, "\n")
	})
}

// Serve accepts connections until Shutdown, and then returns nil. It closes l.
func (s *Server) Serve(l net.Listener) error {
	err := s.http.Serve(newLimited(l, s.options.MaxClients))
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("ops: serve on %s: %w", l.Addr(), err)
}

// Shutdown ends the watches, and waits for the other answers in progress until ctx ends; then it cuts them off.
func (s *Server) Shutdown(ctx context.Context) error {
	s.cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		_ = s.http.Close()
		return fmt.Errorf("ops: shutdown: %w", err)
	}
	return nil
}

// limited lets no more than so many connections be open at a time.
type limited struct {
	net.Listener
	places chan struct{}
	closed chan struct{}
	once   sync.Once
}

func newLimited(l net.Listener, places int) *limited {
	return &limited{Listener: l, places: make(chan struct{}, places), closed: make(chan struct{})}
}

// Accept waits for a place, then for a connection.
func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.places <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	return &placed{Conn: conn, leave: func() { <-l.places }}, nil
}

// Close closes the listener, also while Accept waits for a place.
func (l *limited) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// placed is a connection that has a place until it is closed.
type placed struct {
	net.Conn
	once  sync.Once
	leave func()
}

func (p *placed) Close() error {
	p.once.Do(p.leave)
	return p.Conn.Close()
}
