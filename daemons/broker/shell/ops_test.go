package shell_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/broker/shell"
	"github.com/holdfast-ha/holdfast/daemons/brokerlink"
	"github.com/holdfast-ha/holdfast/daemons/ops"
	"github.com/holdfast-ha/holdfast/daemons/ops/metrics"
)

// opsClient asks the operations socket.
func (r *rig) opsClient() *http.Client {
	client := &http.Client{Timeout: patience, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", r.cfg.OpsSocket)
		},
	}}
	return client
}

func (r *rig) ops(path string) []byte {
	r.t.Helper()
	response, err := r.opsClient().Get("http://broker" + path)
	require.NoError(r.t, err)
	defer response.Body.Close()
	require.Equal(r.t, http.StatusOK, response.StatusCode, path)
	body, err := io.ReadAll(response.Body)
	require.NoError(r.t, err)
	return body
}

func withMetrics(o *shell.Options) {
	o.Metrics = func(source ops.Source) shell.Metrics { return metrics.New(source) }
}

func TestOperationsAnswerWhileEverythingHangs(t *testing.T) {
	r := start(t, withMetrics)
	r.hold()
	info, err := os.Lstat(r.cfg.OpsSocket)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	r.storage.writes.close()
	r.storage.reads.close()
	r.put(3, record(t, 3, 1))
	r.eventually("stalled", func() bool { return r.warns("storage-stalled") })

	var status brokerlink.Status
	require.NoError(t, json.Unmarshal(r.ops("/v1/status"), &status))
	require.Equal(t, brokerlink.StorageConnected, status.Mount.State)
	require.Equal(t, brokerlink.LeaseHeld, status.Lease.State)
	over, err := r.link.GetStatus(t.Context())
	require.NoError(t, err)
	require.Equal(t, status.Mount.Since, over.Mount.Since, "the same by both ways")
	var view brokerlink.View
	require.NoError(t, json.Unmarshal(r.ops("/v1/view"), &view))
	own, _ := view.Segment(3)
	require.Equal(t, record(t, 3, 1), own.Data)
	require.True(t, own.Pending)
	var lanes brokerlink.Lanes
	require.NoError(t, json.Unmarshal(r.ops("/v1/lanes"), &lanes))
	require.Len(t, lanes.Lanes, 7)
	require.True(t, lanes.Lanes[0].Stalled)
	text := string(r.ops("/metrics"))
	require.Contains(t, text, `holdfast_lane_stalled{lane="ha-writer"} 1`)
	require.Contains(t, text, `holdfast_warning{code="storage-stalled",severity="high"} 1`)
	require.Contains(t, text, `holdfast_rpc_duration_seconds_count{method="put_stats"}`)
	require.Contains(t, string(r.ops("/debug/pprof/goroutine?debug=1")), "shell.(*shell).loop")
}

func TestWatchFollowsTheBroker(t *testing.T) {
	r := start(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://broker/v1/watch", nil)
	require.NoError(t, err)
	response, err := r.opsClient().Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	heard := make(chan ops.Change, 100)
	go func() {
		defer close(heard)
		for lines.Scan() {
			var change ops.Change
			if json.Unmarshal(lines.Bytes(), &change) == nil {
				heard <- change
			}
		}
	}()
	until := func(what string, wanted func(ops.Change) bool) {
		t.Helper()
		end := time.After(patience)
		for {
			select {
			case change := <-heard:
				if wanted(change) {
					return
				}
			case <-end:
				t.Fatal("never heard: " + what)
			}
		}
	}
	r.hold()
	until("held", func(c ops.Change) bool { return c.Lease == brokerlink.LeaseHeld })
	r.put(3, record(t, 3, 9))
	until("the record", func(c ops.Change) bool {
		return len(c.Segments) == 1 && c.Segments[0].HostID == 3 && strings.HasPrefix(c.Segments[0].Stamp, "1|1|9|3|") && c.Segments[0].Durable
	})
	require.NoError(t, r.stop(), "a watch does not hold up the end")
	for {
		if _, more := <-heard; !more {
			break
		}
	}
}

// The path of the socket is removed: nobody finds the broker any more, so it ends in order, for the service manager to start
// it again.
func TestALostSocketEndsTheBrokerInOrder(t *testing.T) {
	r := start(t, nil)
	r.hold()
	r.put(3, record(t, 3, 1))
	r.eventually("durable", func() bool { return r.segment(3).Durable })
	require.NoError(t, os.Remove(r.cfg.BrokerSocket))
	select {
	case err := <-r.ended:
		r.ended <- err
		require.ErrorIs(t, err, shell.ErrNoListener)
		require.NotErrorIs(t, err, shell.ErrGaveUp)
		require.ErrorContains(t, err, r.cfg.BrokerSocket)
	case <-time.After(patience):
		t.Fatal("goes on unseen")
	}
	r.sanlock.set(func(f *fakeSanlock) { require.False(t, f.held, "the lease is given back") })
}

// The socket for operations is another matter: it comes back, whatever removes it, and goes when the broker ends.
func TestALostOperationsSocketComesBack(t *testing.T) {
	r := start(t, func(o *shell.Options) { o.Config.OpsSocket = filepath.Join(o.Config.RunDir, "side", "ops.socket") })
	r.ops("/v1/lanes")
	for range 2 {
		require.NoError(t, os.Remove(r.cfg.OpsSocket))
		r.eventually("it is back", func() bool {
			response, err := r.opsClient().Get("http://broker/v1/lanes")
			if err != nil {
				return false
			}
			response.Body.Close()
			return response.StatusCode == http.StatusOK
		})
		info, err := os.Lstat(r.cfg.OpsSocket)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
	require.Contains(t, r.log.String(), "operations socket lost")
	require.NotNil(t, r.view(), "nothing else noticed")

	// While it cannot be made, it is tried again.
	dir := filepath.Dir(r.cfg.OpsSocket)
	require.NoError(t, os.RemoveAll(dir))
	require.NoError(t, os.WriteFile(dir, nil, 0o600))
	r.eventually("it says so", func() bool { return strings.Contains(r.log.String(), "operations socket cannot be made") })
	require.NoError(t, os.Remove(dir))
	r.eventually("it is back again", func() bool { _, err := os.Lstat(r.cfg.OpsSocket); return err == nil })
	r.ops("/v1/lanes")
	require.NoError(t, r.stop())
	_, err := os.Lstat(r.cfg.OpsSocket)
	require.ErrorIs(t, err, os.ErrNotExist)
}

// A listener that was closed from outside, and a socket that the service manager made.
func TestAGivenListenerThatClosesEndsTheBrokerInOrder(t *testing.T) {
	var given *net.UnixListener
	r := start(t, func(o *shell.Options) {
		path := filepath.Join(o.Config.RunDir, "given")
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		require.NoError(t, err)
		l.SetUnlinkOnClose(false)
		given, o.BrokerListener, o.Config.BrokerSocket = l, l, path
	})
	require.NotNil(t, r.view())
	require.NoError(t, given.Close())
	select {
	case err := <-r.ended:
		r.ended <- err
		require.ErrorIs(t, err, shell.ErrNoListener)
	case <-time.After(patience):
		t.Fatal("goes on unseen")
	}
	_, err := os.Lstat(r.cfg.BrokerSocket)
	require.NoError(t, err, "the name is the service manager's")
}

// The watchdog hears from a broker whose storage and sanlock hang: the ping vouches for the core.
func TestTheWatchdogHearsFromTheCore(t *testing.T) {
	var pings atomic.Int32
	var hung gate
	r := start(t, func(o *shell.Options) {
		o.Watchdog = 200 * time.Millisecond
		o.Notify = func(state string) error {
			if state == "WATCHDOG=1" {
				pings.Add(1)
			}
			hung.pass()
			return nil
		}
	})
	t.Cleanup(hung.open)
	r.storage.writes.close()
	r.storage.reads.close()
	before := pings.Load()
	r.eventually("pings", func() bool { return pings.Load() >= before+3 })
	hung.close() // the manager does not read any more
	r.put(0, maintenanceOn())
	for range 20 {
		r.view()
	}
	hung.open()
}

// What a method is asked to wait for is the caller's affair and slows nobody.
func TestCallsWithDeadlinesTellTheTruth_S2(t *testing.T) {
	r := start(t, nil)
	ctx := t.Context()
	r.sanlock.set(func(f *fakeSanlock) { f.err = os.ErrDeadlineExceeded })
	began := time.Now()
	held, err := r.link.AwaitHostID(ctx, 3, 300*time.Millisecond)
	require.NoError(t, err)
	require.False(t, held)
	require.GreaterOrEqual(t, time.Since(began), 300*time.Millisecond)
	type answer struct {
		held bool
		err  error
	}
	waiting := make(chan answer, 1)
	go func() {
		held, err := r.link.AwaitHostID(context.Background(), 3, patience)
		waiting <- answer{held, err}
	}()
	slowest, name := everyMethod(t, r, 5)
	require.Less(t, slowest, prompt, name)
	r.sanlock.set(func(f *fakeSanlock) { f.err = nil })
	require.Equal(t, answer{held: true}, <-waiting, "told as soon as it is held")

	r.storage.writes.close()
	put, err := r.link.PutStatsWait(ctx, 3, record(t, 3, 6), 200*time.Millisecond)
	require.NoError(t, err)
	require.True(t, put.Accepted)
	require.False(t, put.Durable)
	require.NotEmpty(t, put.Detail)
	require.GreaterOrEqual(t, put.Waited, 0.2)
	time.AfterFunc(200*time.Millisecond, r.storage.writes.open)
	put, err = r.link.PutStatsWait(ctx, 3, record(t, 3, 7), patience)
	require.NoError(t, err)
	require.True(t, put.Durable, "%+v", put)
	put, err = r.link.PutStatsWait(ctx, 4, record(t, 4, 7), patience)
	require.NoError(t, err)
	require.False(t, put.Accepted)
	require.Contains(t, put.Detail, "4")

	released, err := r.link.AwaitRelease(ctx, patience)
	require.NoError(t, err)
	require.True(t, released)
	require.Equal(t, brokerlink.LeaseNone, r.view().Lease.State)
	ok, err := r.link.DisconnectStorage(ctx, patience)
	require.NoError(t, err)
	require.True(t, ok)
	require.True(t, r.warns("storage-disconnected"))
	ok, err = r.link.ConnectStorage(ctx, patience)
	require.NoError(t, err)
	require.True(t, ok)
}
