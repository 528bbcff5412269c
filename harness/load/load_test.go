package load

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-ha/holdfast/daemons/xmlrpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve runs a server that answers get_stats after a while, and returns its socket.
func serve(t *testing.T, takes time.Duration, answer error) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "hfload")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	server := xmlrpc.NewServer(xmlrpc.Options{})
	server.Handle("get_stats", func(ctx context.Context, _ []any) (any, error) {
		select {
		case <-time.After(takes):
		case <-ctx.Done():
		}
		return xmlrpc.Struct{{Name: "1", Value: []byte("record")}}, answer
	})
	l, err := net.Listen("unix", socket)
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = server.Shutdown(ctx)
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return socket
}

// answer serves a text to whoever sends something, or, when it is empty, ends every connection at once.
func answer(t *testing.T, text string) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "hfload")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if text != "" {
				_, _ = conn.Read(make([]byte, 4096))
				_, _ = conn.Write([]byte(text))
			}
			conn.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return filepath.Join(dir, "s")
}

func TestGoodClientsAreAnsweredBesideBadOnes(t *testing.T) {
	socket := serve(t, time.Millisecond, nil)
	r, err := Run(t.Context(), Options{Socket: socket, Clients: 30, Slow: 5, HalfOpen: 5, For: 1500 * time.Millisecond, Every: 100 * time.Millisecond})
	require.NoError(t, err)
	t.Logf("%+v", r)
	require.Zero(t, r.Refused, r.Err)
	require.Zero(t, r.Failed, r.Err)
	require.Equal(t, 20, r.Good)
	require.Greater(t, r.OK, 60, "20 clients, some 15 calls each")
	require.LessOrEqual(t, r.OK, 20*16)
	require.GreaterOrEqual(t, r.P50MS, 1.0)
	require.LessOrEqual(t, r.P50MS, r.P99MS)
	require.LessOrEqual(t, r.P99MS, r.MaxMS)
}

func TestBrokerThatIsDownRefusesEveryCall(t *testing.T) {
	r, err := Run(t.Context(), Options{Socket: "/nonexistent/s", Clients: 4, Slow: 1, HalfOpen: 1, For: 300 * time.Millisecond, Every: 50 * time.Millisecond})
	require.NoError(t, err)
	require.Zero(t, r.OK)
	require.Positive(t, r.Refused)
	require.Zero(t, r.Failed)
	require.Contains(t, r.Err, "/nonexistent/s")
	require.Zero(t, r.P99MS, "JSON knows no NaN")
}

func TestBrokerThatIsFullRefuses(t *testing.T) {
	socket := answer(t, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	r, err := Run(t.Context(), Options{Socket: socket, Clients: 4, For: 300 * time.Millisecond, Every: 50 * time.Millisecond})
	require.NoError(t, err)
	require.Positive(t, r.Refused, "%+v", r)
	require.Zero(t, r.Failed, r.Err)
	require.Zero(t, r.OK)
}

func TestSilenceAndFaultsAreFailuresNotRefusals(t *testing.T) {
	for name, socket := range map[string]string{
		"silent": serve(t, 10*time.Second, nil),
		"fault":  serve(t, 0, xmlrpc.NotSupported("get_stats")),
	} {
		r, err := Run(t.Context(), Options{Socket: socket, Clients: 2, For: 500 * time.Millisecond, Every: 50 * time.Millisecond, Timeout: 100 * time.Millisecond})
		require.NoError(t, err, name)
		require.Zero(t, r.OK, name)
		require.Zero(t, r.Refused, "%s: %s", name, r.Err)
		require.Positive(t, r.Failed, name)
	}
}

func TestHalfOpenClientsComeBackWhenTheyAreCut(t *testing.T) {
	r, err := Run(t.Context(), Options{Socket: answer(t, ""), Clients: 3, Slow: 1, HalfOpen: 1, For: 3 * time.Second})
	require.NoError(t, err)
	require.Greater(t, r.HalfCut, 1)
	require.Greater(t, r.SlowCut, 1)
	require.Positive(t, r.Refused, "a good client that is cut is turned away")
}

func TestInterruptedLoadEndsAtOnce(t *testing.T) {
	socket := serve(t, 10*time.Second, nil)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(200*time.Millisecond, cancel)
	began := time.Now()
	_, err := Run(ctx, Options{Socket: socket, Clients: 10, Slow: 2, HalfOpen: 2, For: time.Minute})
	require.NoError(t, err)
	require.Less(t, time.Since(began), 10*time.Second)
}

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		err  error
		want outcome
	}{
		{nil, answered},
		{&xmlrpc.StatusError{Status: 503}, refused},
		{&xmlrpc.StatusError{Status: 500}, failed},
		{syscall.ECONNREFUSED, refused},
		{syscall.EAGAIN, refused},
		{os.ErrDeadlineExceeded, failed},
		{errors.New("unexpected EOF"), refused},
	} {
		require.Equal(t, c.want, judge(nil, c.err), "%v", c.err)
	}
	require.Equal(t, failed, judge([]byte("<methodResponse><fault>"), nil))
}

func TestArgsAreWhatTheCommandTakes(t *testing.T) {
	o := Options{Socket: "/s", Clients: 1000, Slow: 100, HalfOpen: 50, For: time.Minute, Every: 2 * time.Second}
	require.Equal(t, []string{"--socket", "/s", "--clients", "1000", "--slow", "100", "--half-open", "50", "--for", "1m0s", "--every", "2s"}, o.Args())
}
