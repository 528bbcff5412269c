package monitor

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// nameserver answers each connection by calling serve with the query.
func nameserver(t *testing.T, serve func(net.Conn, []byte)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			query := make([]byte, len(rootQuery))
			_ = conn.SetDeadline(time.Now().Add(time.Minute))
			if _, err := io.ReadFull(conn, query); err == nil {
				serve(conn, query)
			}
			conn.Close()
		}
	}()
	t.Cleanup(func() { listener.Close(); <-ended })
	return listener.Addr().String()
}

func TestDNSTestPassesWhenAnyServerAnswers(t *testing.T) {
	answering := nameserver(t, func(c net.Conn, query []byte) {
		answer := append([]byte{}, query...)
		answer[4] |= 0x80
		answer[5] = 2 // SERVFAIL is an answer too, as it is for dig
		_, _ = c.Write(answer)
	})
	silent := nameserver(t, func(c net.Conn, _ []byte) { _, _ = io.Copy(io.Discard, c) })
	wrong := nameserver(t, func(c net.Conn, query []byte) { _, _ = c.Write(query) })
	short := nameserver(t, func(c net.Conn, query []byte) { _, _ = c.Write(query[:5]) })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	gone := listener.Addr().String()
	listener.Close()

	const brief, long = 200 * time.Millisecond, 20 * time.Second
	require.NoError(t, askAny(t.Context(), []string{answering}, long))
	began := time.Now()
	require.NoError(t, askAny(t.Context(), []string{gone, silent, answering}, long))
	require.Less(t, time.Since(began), long, "the silent one must not hold the answer up")
	require.ErrorContains(t, askAny(t.Context(), []string{wrong}, long), "not an answer")
	require.ErrorContains(t, askAny(t.Context(), []string{short}, long), "EOF")
	began = time.Now()
	require.Error(t, askAny(t.Context(), []string{silent, gone}, brief))
	require.Less(t, time.Since(began), long)
}

func TestNameserversAreReadFromResolvConf(t *testing.T) {
	path := filepath.Join(t.TempDir(), "resolv.conf")
	require.NoError(t, os.WriteFile(path, []byte(`# nameserver 192.0.2.9
search example.org
nameserver 192.0.2.1
nameserver not-an-address
  nameserver	2001:db8::53  # comment
nameserver fe80::1%eth0
nameserver 192.0.2.4
`), 0o600))
	got, err := nameservers(path)
	require.NoError(t, err)
	require.Equal(t, []string{"192.0.2.1:53", "[2001:db8::53]:53", "[fe80::1%eth0]:53"}, got)
	require.Equal(t, []string{"127.0.0.1:53", "[::1]:53"}, parseNameservers(""))

	err = dnsTest{resolvConf: path + ".missing"}.try(t.Context(), time.Second)
	require.ErrorIs(t, err, errCannotTest)
	require.ErrorIs(t, err, os.ErrNotExist)
}
