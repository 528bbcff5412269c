package shell

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/agent"
	"github.com/holdfast-ha/holdfast/daemons/brokerlink"
	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/config"
)

// actions runs an engineWorker alone and returns it with the queue of its events.
func actions(t *testing.T, answer func(context.Context, string) error, story func(*engineWorker, context.Context, <-chan agent.Event)) {
	synctest.Test(t, func(t *testing.T) {
		life, end := context.WithCancel(t.Context())
		var workers sync.WaitGroup
		s := &shell{options: Options{Config: config.Default()}, events: make(chan agent.Event, 8), workers: &workers}
		story(&engineWorker{shell: s, driver: &fakeEngine{answer: answer}}, life, s.events)
		end()
		workers.Wait()
	})
}

func TestOneActionAtATime(t *testing.T) {
	slow := func(ctx context.Context, _ string) error { sleep(ctx, 10*time.Second); return nil }
	actions(t, slow, func(w *engineWorker, life context.Context, events <-chan agent.Event) {
		w.start(life, 1)
		w.start(life, 2)
		w.stop(life, 3, false)
		require.Equal(t, agent.ActionDone{ID: 2, Failure: errBusy.Error()}, sorted(<-events, <-events)[0])
		require.Equal(t, agent.ActionDone{ID: 1}, <-events)
		w.start(life, 4)
		require.Equal(t, agent.ActionDone{ID: 4}, <-events)
	})
}

func sorted(a, b agent.Event) []agent.ActionDone {
	x, _ := a.(agent.ActionDone)
	y, _ := b.(agent.ActionDone)
	if x.ID > y.ID {
		x, y = y, x
	}
	return []agent.ActionDone{x, y}
}

func TestForcedStopCancelsAGracefulOne(t *testing.T) {
	answer := func(ctx context.Context, call string) error {
		if call == "force-stop" {
			return nil
		}
		<-ctx.Done()
		return errors.New("cancelled")
	}
	actions(t, answer, func(w *engineWorker, life context.Context, events <-chan agent.Event) {
		w.stop(life, 1, false)
		w.stop(life, 2, true)
		require.Equal(t, agent.ActionDone{ID: 1, Failure: "cancelled"}, <-events)
		require.Equal(t, agent.ActionDone{ID: 2}, <-events)
	})
}

func TestForcedStopDoesNotWaitForADriverThatHangs(t *testing.T) {
	release := make(chan struct{})
	answer := func(_ context.Context, call string) error {
		if call == "stop" {
			time.Sleep(time.Hour) // it does not listen to its context
		}
		return nil
	}
	actions(t, answer, func(w *engineWorker, life context.Context, events <-chan agent.Event) {
		began := time.Now()
		w.stop(life, 1, false)
		w.stop(life, 2, true)
		require.Equal(t, agent.ActionDone{ID: 2}, <-events)
		require.Equal(t, overtaken, time.Since(began))
		close(release)
	})
}

func TestWithoutDriverEveryActionFails(t *testing.T) {
	actions(t, nil, func(w *engineWorker, life context.Context, events <-chan agent.Event) {
		w.driver = nil
		w.start(life, 1)
		require.Equal(t, agent.ActionDone{ID: 1, Failure: errNoDriver.Error()}, <-events)
	})
}

func TestLatestRecordReplacesTheOneNotTaken(t *testing.T) {
	publisher := make(chan agent.Publish, 1)
	for serial := range uint64(5) {
		latest(publisher, agent.Publish{Serial: serial})
	}
	require.Equal(t, uint64(4), (<-publisher).Serial)
	require.Empty(t, publisher)
}

func TestViewOfAnyNumbers(t *testing.T) {
	for _, number := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), -1, -0.001, 1e300, math.MaxFloat64} {
		require.Equal(t, time.Duration(-1), durationOf(number), "%v", number)
		v := viewOf(brokerlink.View{Now: number, ReadAge: number, Lease: brokerlink.LeaseView{Age: number}})
		require.Zero(t, v.Made)
		require.Negative(t, v.ReadAge)
	}
	require.Equal(t, 1500*time.Millisecond, durationOf(1.5))
	v := viewOf(brokerlink.View{
		Now: 100, ReadAge: 0, Storage: "no whiteboard_path", Segments: []brokerlink.SegmentView{{HostID: 3, Data: []byte("x"), DurableAge: -1}},
		Lease: brokerlink.LeaseView{State: "held", HostID: 3, Age: 2, Detail: "d"},
	})
	require.Equal(t, agent.View{
		Made: clock.Mono(100 * time.Second), Missing: "no whiteboard_path", Segments: []agent.Segment{{HostID: 3, Data: []byte("x"), DurableAge: -1}},
		Lease: agent.Lease{State: "held", HostID: 3, Age: 2 * time.Second, Detail: "d"},
	}, v)
}

func TestLocalMaintenanceFile(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, "local_maintenance=True\n": true, "local_maintenance=False\nlocal_maintenance_manual=yes": true,
		"local_maintenance = 1\nlocal_maintenance=0\n": false, "# local_maintenance=True\nother=True\n": false, "x": false,
	} {
		got, err := parseMaintenance([]byte(text))
		require.NoError(t, err, "%q", text)
		require.Equal(t, want, got, "%q", text)
	}
	for _, text := range []string{"local_maintenance=maybe", "local_maintenance="} {
		_, err := parseMaintenance([]byte(text))
		require.ErrorContains(t, err, "line 1: local_maintenance")
	}
	path := filepath.Join(t.TempDir(), "ha.conf")
	got, err := readMaintenance(path)
	require.NoError(t, err, "a file that is not there sets nothing")
	require.False(t, got)
	require.NoError(t, os.WriteFile(path, []byte("local_maintenance=True\n"), 0o600))
	got, err = readMaintenance(path)
	require.NoError(t, err)
	require.True(t, got)
	_, err = readMaintenance(t.TempDir())
	require.Error(t, err)
}

func TestLocalMaintenanceReachesTheRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ha.conf")
	require.NoError(t, os.WriteFile(path, []byte("local_maintenance=True\n"), 0o600))
	inBubble(t, func(b *bed) { b.options.LocalMaintenanceFile = path }, func(b *bed) {
		b.let(25 * time.Second)
		require.Equal(t, "LocalMaintenance", b.turn()["state"])
		require.True(t, b.broker.put[len(b.broker.put)-1].Maintenance)
	})
}
