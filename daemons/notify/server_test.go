package notify

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 30 * time.Second

// mailServer is a mail server that does at each step what a test says. The steps are greeting, EHLO, HELO, MAIL, RCPT,
// DATA, text and QUIT; a value is the reply's text, or one of the words below.
type mailServer struct {
	listener net.Listener
	ended    sync.WaitGroup
	quit     chan struct{} // ends those that hang

	mu    sync.Mutex
	steps map[string]string   // guarded by mu
	heard []string            // commands; guarded by mu
	mails []string            // texts, as they came over the wire; guarded by mu
	rcpt  map[string][]string // replies for one recipient, used up from the front; guarded by mu
}

const (
	hangs   = "hang"    // says nothing
	hangsUp = "hang up" // closes the connection
	drips   = "drip"    // sends one byte every 20 ms, for ever
)

func newMailServer(t *testing.T) *mailServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &mailServer{listener: listener, quit: make(chan struct{}), steps: map[string]string{}, rcpt: map[string][]string{}}
	s.ended.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.ended.Go(func() { defer conn.Close(); s.serve(conn) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		close(s.quit)
		s.ended.Wait()
	})
	return s
}

func (s *mailServer) port() int { return s.listener.Addr().(*net.TCPAddr).Port }

func (s *mailServer) set(step, behaviour string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.steps[step] = behaviour
}

func (s *mailServer) received() (mails, heard []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.mails...), append([]string{}, s.heard...)
}

// answer does what the step says; false if the connection is over.
func (s *mailServer) answer(conn net.Conn, step, otherwise string) bool {
	s.mu.Lock()
	behaviour, ok := s.steps[step]
	s.mu.Unlock()
	if !ok {
		behaviour = otherwise
	}
	switch behaviour {
	case hangs:
		<-s.quit
		return false
	case hangsUp:
		return false
	case drips:
		for {
			select {
			case <-s.quit:
				return false
			case <-time.After(20 * time.Millisecond):
				if _, err := conn.Write([]byte("2")); err != nil {
					return false
				}
			}
		}
	}
	_, err := fmt.Fprintf(conn, "%s\r\n", behaviour)
	return err == nil
}

func (s *mailServer) serve(conn net.Conn) {
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	if !s.answer(conn, "greeting", "220 ready") {
		return
	}
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		line := lines.Text()
		s.mu.Lock()
		s.heard = append(s.heard, line)
		s.mu.Unlock()
		step := strings.ToUpper(line[:min(4, len(line))])
		reply := "250 OK"
		switch step {
		case "EHLO":
			reply = "250-here\r\n250-SIZE 1000\r\n250 HELP"
		case "RCPT":
			reply = s.recipient(line)
		case "DATA":
			reply = "354 go ahead"
		case "QUIT":
			reply = "221 bye"
		}
		if !s.answer(conn, step, reply) {
			return
		}
		if step == "DATA" && !s.text(conn, lines) {
			return
		}
	}
}

func (s *mailServer) recipient(line string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	address := strings.TrimSuffix(strings.TrimPrefix(line, "RCPT TO:<"), ">")
	replies := s.rcpt[address]
	if len(replies) == 0 {
		return "250 OK"
	}
	s.rcpt[address] = replies[1:]
	return replies[0]
}

func (s *mailServer) text(conn net.Conn, lines *bufio.Scanner) bool {
	var text strings.Builder
	for lines.Scan() && lines.Text() != "." {
		text.WriteString(strings.TrimPrefix(lines.Text(), ".") + "\n")
	}
	if lines.Text() != "." {
		return false
	}
	s.mu.Lock()
	s.mails = append(s.mails, text.String())
	s.mu.Unlock()
	return s.answer(conn, "text", "250 queued")
}
