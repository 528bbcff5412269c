package xmlrpc

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// reply is an HTTP response that was read to its end.
type reply struct {
	status   int
	encoding string
	closes   bool
	body     string
}

// ask sends raw bytes and returns the reply.
func ask(t *testing.T, socket, request string) reply {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(conn, request)
	require.NoError(t, err)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return reply{response.StatusCode, response.Header.Get("Content-Encoding"), response.Close, string(body)}
}

func post(path, version, headers, body string) string {
	return fmt.Sprintf("POST %s HTTP/%s\r\nHost: 2F72756E\r\n%sContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n%s",
		path, version, headers, len(body), body)
}

func TestServerSpeaksHTTP(t *testing.T) {
	s := NewServer(Options{MaxBody: 10_000})
	s.Handle("m", echo)
	s.Handle("size", func(_ context.Context, args []any) (any, error) {
		return strings.Repeat("x", int(args[0].(int64))), nil
	})
	socket := serve(t, s)
	call := string(argOf("<int>5</int>"))
	long := strings.Replace(string(argOf("<int>3000</int>")), "<methodName>m<", "<methodName>size<", 1)
	for _, tc := range []struct {
		name, request string
		status        int
		body          string
	}{
		{"1.1", post("/RPC2", "1.1", "", call), 200, "<int>5</int>"},
		{"1.0", post("/RPC2", "1.0", "", call), 200, "<int>5</int>"},
		{"path /", post("/", "1.1", "", call), 200, "<int>5</int>"},
		{"other path", post("/other", "1.1", "", call), 404, "No such page"},
		{"get", "GET /RPC2 HTTP/1.1\r\nHost: x\r\n\r\n", 405, ""},
		{"chunked", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" +
			fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(call), call), 200, "<int>5</int>"},
		{"malformed", post("/", "1.1", "", "<methodCall>"), 200, "<fault>"},
		{"empty", post("/", "1.1", "", ""), 200, "<fault>"},
		{"unknown", post("/", "1.1", "", strings.Replace(call, "<methodName>m<", "<methodName>_m<", 1)), 200, `method "_m" is not supported`},
		{"announced too large", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10001\r\n\r\n", 413, "above the limit"},
		{"sent too large", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" +
			fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", 20_000, strings.Repeat("x", 20_000)), 413, "above the limit"},
		{"unknown encoding", post("/", "1.1", "Content-Encoding: br\r\n", call), 501, "not supported"},
		{"packed request", post("/", "1.1", "Content-Encoding: gzip\r\n", packed(call)), 200, "<int>5</int>"},
		{"packed bomb", post("/", "1.1", "Content-Encoding: gzip\r\n", packed(strings.Repeat(" ", 1<<20))), 413, "above the limit"},
		{"bad packing", post("/", "1.1", "Content-Encoding: gzip\r\n", "xxxx"), 400, "gzip"},
		{"long, not asked", post("/", "1.1", "", long), 200, strings.Repeat("x", 3000)},
		{"long, refused", post("/", "1.1", "Accept-Encoding: gzip;q=0\r\n", long), 200, strings.Repeat("x", 3000)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := ask(t, socket, tc.request)
			require.Equal(t, tc.status, got.status, got.body)
			require.Contains(t, got.body, tc.body)
			require.Empty(t, got.encoding)
			require.True(t, got.closes, "one request for each connection")
		})
	}
	got := ask(t, socket, post("/", "1.1", "Accept-Encoding: br, gzip;q=0.5\r\n", long))
	require.Equal(t, "gzip", got.encoding)
	require.Contains(t, unpacked(t, got.body), strings.Repeat("x", 3000))
}

func packed(text string) string {
	var b strings.Builder
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, text)
	_ = z.Close()
	return b.String()
}

func unpacked(t *testing.T, data string) string {
	t.Helper()
	z, err := gzip.NewReader(strings.NewReader(data))
	require.NoError(t, err)
	text, err := io.ReadAll(z)
	require.NoError(t, err)
	return string(text)
}

// complaints collects what goes to OnError.
type complaints struct {
	mu   sync.Mutex
	list []string
}

func (c *complaints) add(method string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, method+": "+err.Error())
}

func (c *complaints) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.list, "\n")
}

func TestErrorsInMethodsAreNilAndReported(t *testing.T) {
	var heard complaints
	s := NewServer(Options{OnError: heard.add})
	s.Handle("fails", func(context.Context, []any) (any, error) { return "not this", errors.New("disk on fire") })
	s.Handle("panics", func(context.Context, []any) (any, error) { panic("out of tea") })
	s.Handle("faults", func(context.Context, []any) (any, error) {
		return nil, fmt.Errorf("wrapped: %w", &Fault{7, "seven"})
	})
	c := NewClient(serve(t, s), patience)
	for _, method := range []string{"fails", "panics"} {
		got, err := c.Call(t.Context(), method)
		require.NoError(t, err)
		require.Nil(t, got)
	}
	_, err := c.Call(t.Context(), "faults")
	require.Equal(t, &Fault{7, "seven"}, err)
	require.Contains(t, heard.String(), "fails: disk on fire")
	require.Contains(t, heard.String(), "panics: panic: out of tea")
	require.NotContains(t, heard.String(), "seven", "a fault is the method's answer")
	require.Equal(t, uint64(3), s.Stats().Failed)
}

// TestSlowMethodHoldsUpNoOther_S1: upstream's server serves one request at a time.
func TestSlowMethodHoldsUpNoOther_S1(t *testing.T) {
	s := NewServer(Options{})
	entered, release := make(chan struct{}, 50), make(chan struct{})
	s.Handle("slow", func(context.Context, []any) (any, error) {
		entered <- struct{}{}
		<-release
		return "late", nil
	})
	s.Handle("fast", func(context.Context, []any) (any, error) { return "ok", nil })
	c := NewClient(serve(t, s), patience)
	var slow sync.WaitGroup
	for range cap(entered) {
		slow.Go(func() {
			got, err := c.Call(context.Background(), "slow")
			if err != nil || got != "late" {
				t.Errorf("slow: got %v, %v", got, err)
			}
		})
	}
	for range cap(entered) {
		<-entered
	}
	got, err := c.Call(t.Context(), "fast")
	require.NoError(t, err, "a fast method while 50 slow ones run")
	require.Equal(t, "ok", got)
	require.Eventually(t, func() bool { return s.Stats().Clients == 50 }, patience, time.Millisecond, "clients")
	close(release)
	slow.Wait()
}

func TestTooManyClientsAreRefusedAtOnce(t *testing.T) {
	var refusals atomic.Int64
	s := NewServer(Options{MaxClients: 2, ReadTimeout: time.Minute, OnError: func(_ string, err error) {
		if errors.Is(err, ErrTooManyClients) {
			refusals.Add(1)
		}
	}})
	s.Handle("m", echo)
	socket := serve(t, s)
	var idle []net.Conn
	for range 2 {
		conn, err := net.Dial("unix", socket)
		require.NoError(t, err)
		defer conn.Close()
		idle = append(idle, conn)
	}
	require.Eventually(t, func() bool { return s.Stats().Clients == 2 }, patience, time.Millisecond)

	c := NewClient(socket, patience)
	for range 100 {
		_, err := c.Call(t.Context(), "m", 1)
		var status *StatusError
		require.ErrorAs(t, err, &status)
		require.Equal(t, http.StatusServiceUnavailable, status.Status)
	}
	require.Equal(t, uint64(100), s.Stats().Refused)
	require.Positive(t, refusals.Load())

	idle[0].Close()
	require.Eventually(t, func() bool {
		_, err := c.Call(t.Context(), "m", 1)
		return err == nil
	}, patience, time.Millisecond, "a place became free")
}

func TestPeerJudgesConnections(t *testing.T) {
	var heard complaints
	s := NewServer(Options{OnError: heard.add, Peer: func(net.Conn) error { return errors.New("uid 1000 is not welcome") }})
	s.Handle("m", echo)
	_, err := NewClient(serve(t, s), patience).Call(t.Context(), "m")
	require.Error(t, err)
	require.Contains(t, heard.String(), "uid 1000 is not welcome")
	require.Zero(t, s.Stats().Calls)
}

func TestSlowSenderIsCut(t *testing.T) {
	s := NewServer(Options{ReadTimeout: 200 * time.Millisecond})
	socket := serve(t, s)
	for _, begin := range []string{"", "POST ", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n<meth"} {
		conn, err := net.Dial("unix", socket)
		require.NoError(t, err)
		defer conn.Close()
		_, err = io.WriteString(conn, begin)
		require.NoError(t, err)
		within(t, "cutting a client that stopped after "+begin, func() { _, _ = io.Copy(io.Discard, conn) })
	}
	require.Eventually(t, func() bool { return s.Stats().Clients == 0 }, patience, time.Millisecond)
}

func TestSlowReaderIsCut(t *testing.T) {
	s := NewServer(Options{WriteTimeout: 200 * time.Millisecond})
	s.Handle("m", func(context.Context, []any) (any, error) { return strings.Repeat("x", 32<<20), nil })
	socket := serve(t, s)
	conn, err := net.Dial("unix", socket)
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, post("/", "1.1", "", string(callOf(""))))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return s.Stats().Calls == 1 }, patience, time.Millisecond)
	require.Eventually(t, func() bool { return s.Stats().Clients == 0 }, patience, time.Millisecond, "the client was not cut")
}

// TestLongMethodIsNotCut: the time to write is not counted before the method is done.
func TestLongMethodIsNotCut(t *testing.T) {
	s := NewServer(Options{ReadTimeout: 50 * time.Millisecond, WriteTimeout: 50 * time.Millisecond})
	s.Handle("m", func(ctx context.Context, _ []any) (any, error) {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(500 * time.Millisecond):
			return "ok", nil
		}
	})
	got, err := NewClient(serve(t, s), patience).Call(t.Context(), "m")
	require.NoError(t, err)
	require.Equal(t, "ok", got)
}

func TestClientThatLeavesEndsTheContext(t *testing.T) {
	s := NewServer(Options{})
	ended := make(chan struct{})
	s.Handle("m", func(ctx context.Context, _ []any) (any, error) {
		<-ctx.Done()
		close(ended)
		return nil, ctx.Err()
	})
	c := NewClient(serve(t, s), patience)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := c.Call(ctx, "m")
	require.Error(t, err)
	within(t, "ending the method's context", func() { <-ended })
}
