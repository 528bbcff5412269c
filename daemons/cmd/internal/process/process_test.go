package process

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEndForced(t *testing.T) {
	for _, tc := range []struct {
		name   string
		asked  bool          // the end is asked for at once
		endsAt time.Duration // the orderly end; the limit is 1 s
		forced bool
	}{
		{"an orderly end", true, 900 * time.Millisecond, false},
		{"an end that hangs", true, 2 * time.Second, true},
		{"an end that nobody asked for", false, 2 * time.Second, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var exits atomic.Int32
				callOff := EndForced(ctx, time.Second, func() { exits.Add(1) })
				if tc.asked {
					cancel()
				}
				time.Sleep(tc.endsAt)
				callOff()
				cancel()
				time.Sleep(time.Hour) // an exit after the end would be one of whoever called the program
				require.Equal(t, tc.forced, exits.Load() == 1, "%d exits", exits.Load())
			})
		})
	}
}

func TestTellSystemd(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	require.NoError(t, TellSystemd("READY=1"), "nobody to be told")

	path := filepath.Join(t.TempDir(), "notify")
	t.Setenv("NOTIFY_SOCKET", path)
	require.Error(t, TellSystemd("READY=1"))
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	require.NoError(t, err)
	defer manager.Close()
	require.NoError(t, TellSystemd("READY=1"))
	got := make([]byte, 64)
	n, err := manager.Read(got)
	require.NoError(t, err)
	require.Equal(t, "READY=1", string(got[:n]))
}

// The manager's queue is full and it does not read.
func TestAManagerThatDoesNotReadHoldsUpNobody(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	t.Setenv("NOTIFY_SOCKET", path)
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	require.NoError(t, err)
	defer manager.Close()
	began := time.Now()
	for range 100_000 {
		if err = TellSystemd("WATCHDOG=1"); err != nil {
			break
		}
	}
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.Less(t, time.Since(began), 30*time.Second)
}

func TestVersionNamesGo(t *testing.T) {
	require.Contains(t, Version(), "go1")
}
