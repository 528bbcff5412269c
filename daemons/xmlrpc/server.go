package xmlrpc

import (
	"context"
	"errors"
	"fmt"
	"log"
	"maps"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Handler answers one method. Its arguments have the types that decoding
// yields (see Struct and the table in this package). The context ends when the
// client goes away or the server gives up waiting at shutdown; it carries no
// deadline of its own, so a handler that waits sets one.
//
// An error that is a *Fault is sent as that fault. Any other error, and a
// panic, is answered with nil, as upstream's broker does, and reported to
// Options.OnError.
type Handler func(ctx context.Context, args []any) (any, error)

// Options are a server's limits and hooks. The zero value has the defaults.
type Options struct {
	MaxBody      int64         // bytes of a request's body, unpacked too; default 1 MiB
	MaxDepth     int           // nesting of arrays and structs; default DefaultMaxDepth
	MaxClients   int           // open connections; default 1024
	ReadTimeout  time.Duration // from accept to the end of the request; default 5 s
	WriteTimeout time.Duration // for sending the reply; default 5 s

	// Peer, if set, judges each new connection, for instance by SO_PEERCRED. It
	// must not block. An error closes the connection and is reported to OnError.
	Peer func(net.Conn) error

	// OnError, if set, hears of handlers' errors and panics, refused peers and
	// refused requests. method is "" where no method is known. It may be called
	// from many goroutines, must not block, and is never given argument values (S39).
	//
	// So that no client can flood a log, it hears of at most 5 errors of each method in 10 s; the
	// next error says how many were left out. Stats counts them all.
	OnError func(method string, err error)

	// OnCall, if set, hears of every call of a known method: how long it ran in its handler, and whether it failed. It may
	// be called from many goroutines and must not block.
	OnCall func(method string, took time.Duration, failed bool)
}

// Stats counts what a server did since it was made.
type Stats struct {
	Clients int    // connections open now
	Calls   uint64 // calls that reached a method
	Failed  uint64 // of these, answered with nil for an error or with a fault
	Bad     uint64 // requests that were not a call of a known method
	Refused uint64 // connections refused: too many clients, or by Options.Peer
}

// Server serves XML-RPC on one or more listeners, a goroutine per connection and one request per
// connection, as upstream's. Register methods with Handle, then call Serve.
type Server struct {
	opt     Options
	methods map[string]Handler
	http    *http.Server
	cancel  context.CancelFunc // ends the handlers' contexts

	calls, failed, bad, refused atomic.Uint64
	running                     atomic.Int64 // handlers running now
	quotas                      quotas

	mu       sync.Mutex
	clients  map[*client]struct{}
	closing  bool
	refusing sync.WaitGroup
	refusals int
	envelope envelope
}

// ErrTooManyClients is reported to OnError when a connection is refused with HTTP status 503.
var ErrTooManyClients = errors.New("too many clients: refused with status 503; raise max_clients or find who keeps connections open")

// NewServer returns a server that serves nothing yet.
func NewServer(opt Options) *Server {
	if opt.MaxBody <= 0 {
		opt.MaxBody = 1 << 20
	}
	if opt.MaxClients <= 0 {
		opt.MaxClients = 1024
	}
	if opt.ReadTimeout <= 0 {
		opt.ReadTimeout = 5 * time.Second
	}
	if opt.WriteTimeout <= 0 {
		opt.WriteTimeout = 5 * time.Second
	}
	s := &Server{opt: opt, methods: map[string]Handler{}, clients: map[*client]struct{}{}, envelope: newEnvelope()}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.http = &http.Server{
		Handler:        http.HandlerFunc(s.serveHTTP),
		ReadTimeout:    opt.ReadTimeout,
		MaxHeaderBytes: 16 << 10,
		ErrorLog:       log.New(onErrorWriter{s}, "", 0),
		BaseContext:    func(net.Listener) context.Context { return ctx },
	}
	s.http.SetKeepAlivesEnabled(false)
	return s
}

// onErrorWriter passes net/http's own complaints on to OnError.
type onErrorWriter struct{ s *Server }

func (w onErrorWriter) Write(line []byte) (int, error) {
	w.s.report("", errors.New(strings.TrimSpace(string(line))))
	return len(line), nil
}

func (s *Server) report(method string, err error) {
	if s.opt.OnError == nil {
		return
	}
	if hear, missed := s.quotas.take(method, time.Now()); hear {
		if missed > 0 {
			err = fmt.Errorf("%w (%d earlier errors of this method were not reported)", err, missed)
		}
		s.opt.OnError(method, err)
	}
}

// Handle registers a method. Call it before Serve. A method registered twice answers with the later handler.
func (s *Server) Handle(name string, h Handler) { s.methods[name] = h }

// Serve accepts connections until Shutdown, and then returns nil. It closes l.
func (s *Server) Serve(l net.Listener) error {
	err := s.http.Serve(&gate{Listener: l, s: s})
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("xmlrpc: serve on %s: %w", l.Addr(), err)
}

// Stats returns the counters.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	n := len(s.clients)
	s.mu.Unlock()
	return Stats{Clients: n, Calls: s.calls.Load(), Failed: s.failed.Load(), Bad: s.bad.Load(), Refused: s.refused.Load()}
}

// Shutdown stops accepting, closes connections on which no request has
// begun, and waits for the calls in progress until ctx ends. Then it ends their
// contexts, closes their connections and returns an error that says how many
// handlers still ran. It never waits longer than ctx.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.closing = true
	for c := range s.clients {
		if !c.spoke.Load() {
			_ = c.Conn.Close() // its goroutine then ends
		}
	}
	s.mu.Unlock()
	err := s.http.Shutdown(ctx)
	if err == nil {
		err = s.waitRefusals(ctx)
	}
	running := s.running.Load()
	s.cancel()
	if err != nil {
		_ = s.http.Close()
		return fmt.Errorf("xmlrpc: shutdown gave up with %d calls still running: %w", running, err)
	}
	return nil
}

func (s *Server) waitRefusals(ctx context.Context) error {
	done := make(chan struct{})
	go func() { s.refusing.Wait(); close(done) }() // ends within refuseTime, whatever the clients do
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// call runs a method's handler.
func (s *Server) call(ctx context.Context, h Handler, args []any) (result any, err error) {
	s.calls.Add(1)
	s.running.Add(1)
	defer s.running.Add(-1)
	defer func() {
		if r := recover(); r != nil {
			result, err = nil, fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return h(ctx, args)
}

// reply makes what answers one request's body: a body, or the pieces of a result that is encoded already.
func (s *Server) reply(ctx context.Context, body []byte) ([]byte, Raw) {
	method, args, err := UnmarshalCall(body, s.opt.MaxDepth)
	if err != nil {
		s.bad.Add(1)
		s.report("", err)
		return MarshalFault(&Fault{1, "<class 'xml.parsers.expat.ExpatError'>:" + err.Error()}), nil
	}
	h, ok := s.methods[method]
	if !ok {
		s.bad.Add(1)
		return MarshalFault(NotSupported(method)), nil
	}
	began := time.Now()
	result, err := s.call(ctx, h, args)
	var pieces Raw
	if err == nil {
		pieces, err = Pieces(result)
	}
	if s.opt.OnCall != nil {
		s.opt.OnCall(method, time.Since(began), err != nil)
	}
	if err == nil {
		if len(pieces) > 1 {
			return nil, pieces
		}
		return slices.Concat([]byte(replyHead), pieces[0].plain, []byte(replyTail)), nil
	}
	s.failed.Add(1)
	var fault *Fault
	if errors.As(err, &fault) {
		return MarshalFault(fault), nil
	}
	s.report(method, err)
	none, _ := MarshalResponse(nil) // nil always has an encoding
	return none, nil
}

// Methods returns the names of all methods that are registered, sorted.
func (s *Server) Methods() []string { return slices.Sorted(maps.Keys(s.methods)) }
