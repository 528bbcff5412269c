package notify

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// letter is a message on its way.
type letter struct {
	server string
	port   int
	step   time.Duration // how long one step may take, from its first byte to its last
	hello  string        // what this host calls itself
	from   string
	to     []string
	data   []byte // lines end with CR LF
}

// quitTime is how long a server is given to say good-bye after it has taken the message.
const quitTime = time.Second

// deliver talks to the mail server once: plain SMTP, without TLS and without a login, as upstream does. It takes at
// most one step for each of: looking up and connecting, greeting, hello (twice with an old server), sender, each
// recipient, the announcement of the text, the text, and its receipt. It ends early when ctx does.
//
// Refused recipients do not keep the others from getting the message.
func deliver(ctx context.Context, l letter) Outcome {
	dialer := net.Dialer{Timeout: l.step, Resolver: &net.Resolver{PreferGo: true}} // libc's look-up could not be ended
	address := net.JoinHostPort(l.server, strconv.Itoa(l.port))
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return Outcome{Err: fmt.Errorf("mail server %s: %w", address, err), Server: true}
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	s := &talk{conn: conn, reader: bufio.NewReaderSize(conn, maxReplyLine), step: l.step}
	o := s.send(l)
	if o.Err != nil {
		o.Err = fmt.Errorf("mail server %s: %w", address, o.Err)
	}
	return o
}

// talk is a connection to a mail server.
type talk struct {
	conn   net.Conn
	reader *bufio.Reader
	step   time.Duration
}

// ask writes something, unless it is empty, and reads one reply, both within one step. Any reply but one of the class
// want (2 or 3) is a *refusal.
func (s *talk) ask(step string, data []byte, want int) error {
	if err := s.conn.SetDeadline(time.Now().Add(s.step)); err != nil {
		return fmt.Errorf("%s: %w", step, err)
	}
	if len(data) > 0 {
		if _, err := s.conn.Write(data); err != nil {
			return fmt.Errorf("%s: %w", step, err)
		}
	}
	r, err := readReply(s.reader)
	if err != nil {
		return fmt.Errorf("%s: %w", step, err)
	}
	if r.code/100 != want {
		return &refusal{step: step, reply: r}
	}
	return nil
}

// command asks with one line.
func (s *talk) command(step, line string, want int) error {
	return s.ask(step, []byte(line+"\r\n"), want)
}

func (s *talk) send(l letter) Outcome {
	if err := s.greet(l.hello); err != nil {
		return Outcome{Err: err, Server: true} // whatever it says: it is not about this message
	}
	if err := s.command("sender "+l.from, "MAIL FROM:<"+l.from+">", 2); err != nil {
		return outcomeOf(err)
	}
	accepted, refused, o := s.recipients(l.to)
	if o.Server || len(accepted) == 0 {
		return o
	}
	if err := s.command("announcing the text", "DATA", 3); err != nil {
		return outcomeOf(err)
	}
	if err := s.text(l.data); err != nil {
		return outcomeOf(err)
	}
	_ = s.conn.SetDeadline(time.Now().Add(min(s.step, quitTime)))
	if _, err := s.conn.Write([]byte("QUIT\r\n")); err == nil {
		_, _ = readReply(s.reader) // the message is the server's already
	}
	o.Settled, o.Reached = append(accepted, refused...), true
	return o
}

// greet waits for the greeting and says hello.
func (s *talk) greet(name string) error {
	if err := s.ask("greeting", nil, 2); err != nil {
		return err
	}
	err := s.command("hello", "EHLO "+name, 2)
	var no *refusal
	if errors.As(err, &no) && no.isFinal() {
		return s.command("hello", "HELO "+name, 2)
	}
	return err
}

// recipients names the recipients. The outcome is that of those who were not accepted; it is final if all others were
// refused for good.
func (s *talk) recipients(to []string) (accepted, refused []string, o Outcome) {
	var problems []error
	isFinal := true
	for _, address := range to {
		err := s.command("recipient "+address, "RCPT TO:<"+address+">", 2)
		if err == nil {
			accepted = append(accepted, address)
			continue
		}
		one := outcomeOf(err)
		if one.Server {
			return accepted, refused, one
		}
		if one.Final {
			refused = append(refused, address)
		}
		isFinal = isFinal && one.Final
		problems = append(problems, err)
	}
	if len(problems) == 0 {
		return accepted, refused, Outcome{}
	}
	return accepted, refused, Outcome{Settled: refused, Err: errors.Join(problems...), Final: isFinal}
}

// text sends the message, and waits for the receipt in a step of its own.
func (s *talk) text(data []byte) error {
	if err := s.conn.SetDeadline(time.Now().Add(s.step)); err != nil {
		return fmt.Errorf("text: %w", err)
	}
	if _, err := s.conn.Write(stuff(data)); err != nil {
		return fmt.Errorf("text: %w", err)
	}
	return s.ask("receipt", nil, 2)
}

// stuff doubles the dot at the start of a line, and adds the line that ends the text.
func stuff(data []byte) []byte {
	data = bytes.ReplaceAll(data, []byte("\r\n."), []byte("\r\n.."))
	if bytes.HasPrefix(data, []byte(".")) {
		data = append([]byte("."), data...)
	}
	if !bytes.HasSuffix(data, []byte("\r\n")) {
		data = append(data, "\r\n"...)
	}
	return append(data, ".\r\n"...)
}

// outcomeOf judges an error of one step: a refusal for good, a refusal for now, or no talk with the server at all.
func outcomeOf(err error) Outcome {
	var no *refusal
	if !errors.As(err, &no) {
		return Outcome{Err: err, Server: true}
	}
	const closing = 421 // the server is going away
	return Outcome{Err: err, Final: no.isFinal(), Server: no.code == closing}
}

// missing returns those of all who are not among settled.
func missing(all, settled []string) []string {
	var left []string
	for _, a := range all {
		if !containsFold(settled, a) {
			left = append(left, a)
		}
	}
	return left
}

func containsFold(all []string, one string) bool {
	for _, a := range all {
		if strings.EqualFold(a, one) {
			return true
		}
	}
	return false
}
