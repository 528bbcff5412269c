package xmlrpc

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Client calls methods over a Unix stream socket, one new connection for each
// call, as upstream's client does. It may be used by many goroutines.
type Client struct {
	socket   string
	timeout  time.Duration
	maxReply int64
	head     string // of each request, up to the value of Content-Length
	readers  sync.Pool
}

// DefaultMaxReply is the largest reply in bytes that a Client accepts: get_stats
// of 2000 hosts is 11 MB.
const DefaultMaxReply = 32 << 20

// NewClient returns a client of the server at this socket. Each call, from
// connect to the last byte, is given timeout; 0 means 5 s. It does not touch the socket yet.
func NewClient(socket string, timeout time.Duration) *Client {
	if timeout <= 0 {
		timeout = 5 * time.Second
	}
	return &Client{
		socket: socket, timeout: timeout, maxReply: DefaultMaxReply,
		head: "POST /RPC2 HTTP/1.1\r\nHost: " + strings.ToUpper(hex.EncodeToString([]byte(socket))) +
			"\r\nConnection: close\r\nContent-Type: text/xml\r\nUser-Agent: Holdfast\r\nContent-Length: ",
	}
}

// StatusError is an HTTP status other than 200: the peer is no XML-RPC server, or refuses.
type StatusError struct {
	Status int    // for instance 503, too many clients
	Text   string // start of the body
}

// Error returns the status and the text.
func (e *StatusError) Error() string { return fmt.Sprintf("HTTP status %d: %s", e.Status, e.Text) }

// Call calls a method and returns its result. Errors: *ValueError if the
// arguments cannot be sent, *Fault from the server, *StatusError, *SyntaxError,
// or the network's error, wrapped. A deadline is errors.Is os.ErrDeadlineExceeded; an
// ended ctx is its cause. nil, nil is upstream's way of saying that the method failed.
func (c *Client) Call(ctx context.Context, method string, args ...any) (any, error) {
	return c.CallWithin(ctx, c.timeout, method, args...)
}

// CallWithin is Call with a time of its own from connect to the last byte, for methods that wait.
func (c *Client) CallWithin(ctx context.Context, timeout time.Duration, method string, args ...any) (any, error) {
	body, err := MarshalCall(method, args...)
	if err != nil {
		return nil, err
	}
	reply, err := c.exchangeWithin(ctx, timeout, body)
	if err != nil {
		return nil, err
	}
	return UnmarshalResponse(reply, 0)
}

// Exchange sends a request's body and returns the reply's, neither looked at.
// Errors as in Call.
func (c *Client) Exchange(ctx context.Context, body []byte) ([]byte, error) {
	return c.exchangeWithin(ctx, c.timeout, body)
}

// Timeout returns the time that each Call is given.
func (c *Client) Timeout() time.Duration { return c.timeout }

func (c *Client) exchangeWithin(ctx context.Context, timeout time.Duration, body []byte) ([]byte, error) {
	deadline := time.Now().Add(timeout)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	conn, err := c.dial(ctx, deadline)
	if err != nil {
		return nil, ended(ctx, err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(deadline)
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	reply, err := c.exchange(conn, body)
	if err != nil {
		return nil, ended(ctx, err)
	}
	return reply, nil
}

// ended prefers the reason why ctx ended over the error that this caused.
func ended(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		return fmt.Errorf("%w (%w)", err, cause)
	}
	return err
}

// dialPause is the wait between two tries to connect to a server whose backlog is full.
const dialPause = 10 * time.Millisecond

// dial connects. That never waits on a Unix socket: a full backlog is EAGAIN at once.
// Upstream's server has a backlog of 5, so this is retried until the deadline.
func (c *Client) dial(ctx context.Context, deadline time.Time) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for {
		conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: c.socket, Net: "unix"})
		if err == nil || !errors.Is(err, syscall.EAGAIN) || time.Until(deadline) < dialPause {
			return conn, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(dialPause):
		}
	}
}

func (c *Client) exchange(conn net.Conn, body []byte) ([]byte, error) {
	request := make([]byte, 0, len(c.head)+16+len(body))
	request = append(request, c.head...)
	request = strconv.AppendInt(request, int64(len(body)), 10)
	request = append(request, "\r\n\r\n"...)
	request = append(request, body...)
	if _, err := conn.Write(request); err != nil && !sentAway(err) {
		return nil, err
	}
	r, ok := c.readers.Get().(*bufio.Reader)
	if !ok {
		r = bufio.NewReaderSize(nil, 8<<10)
	}
	r.Reset(conn)
	defer func() { r.Reset(nil); c.readers.Put(r) }()

	response, err := http.ReadResponse(r, nil)
	if err != nil {
		return nil, fmt.Errorf("read reply: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 200))
		return nil, &StatusError{response.StatusCode, string(bytes.TrimSpace(text))}
	}
	return c.readReply(response)
}

// sentAway says whether a write failed because the server answered and closed
// before it read the request; the answer is still there to be read.
func sentAway(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)
}

func (c *Client) readReply(response *http.Response) ([]byte, error) {
	var from io.Reader = response.Body
	if response.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(response.Body)
		if err != nil {
			return nil, fmt.Errorf("read reply: gzip: %w", err)
		}
		from = z
	}
	reply, err := readLimited(from, c.maxReply, response.ContentLength)
	if err != nil {
		return nil, fmt.Errorf("read reply: %w", err)
	}
	return reply, nil
}
