package shell_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/broker/shell"
	"github.com/holdfast-ha/holdfast/daemons/vm"
)

func TestStopWritesAndReleases_S5_S19(t *testing.T) {
	var told []string // the attendant's until the broker has ended
	r := start(t, func(o *shell.Options) {
		o.Notify = func(state string) error {
			if !strings.HasPrefix(state, "STATUS=") {
				told = append(told, state)
			}
			return nil
		}
	})
	r.hold()
	r.storage.writes.close()
	r.put(3, record(t, 3, 1))
	r.put(3, record(t, 3, 2))
	r.put(0, maintenanceOn())
	r.cancel()
	time.AfterFunc(100*time.Millisecond, r.storage.writes.open)
	require.NoError(t, r.stop())
	require.Equal(t, record(t, 3, 2), r.onDisk(3))
	require.Equal(t, maintenanceOn(), r.onDisk(0))
	r.sanlock.set(func(f *fakeSanlock) { require.False(t, f.held, "the lease must be given back") })
	_, err := os.Lstat(r.cfg.BrokerSocket)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.Equal(t, []string{"READY=1", "STOPPING=1"}, told)
}

func TestStopDoesNotWaitForAStuckLane_S5(t *testing.T) {
	r := start(t, nil)
	r.hold()
	r.storage.writes.close()
	r.storage.reads.close()
	r.put(3, record(t, 3, 1))
	began := time.Now()
	err := r.stop()
	require.ErrorIs(t, err, shell.ErrGaveUp)
	require.ErrorContains(t, err, "ha-writer has been in a write of segment 3")
	require.Less(t, time.Since(began), r.cfg.Timing.ShutdownGrace+prompt)
	r.sanlock.set(func(f *fakeSanlock) { require.False(t, f.held, "released nevertheless") })
}

func TestASuccessorTakesTheSocketFromAStuckBroker(t *testing.T) {
	first := start(t, nil)
	first.put(3, record(t, 3, 1))
	info, err := os.Lstat(first.cfg.BrokerSocket)
	require.NoError(t, err)
	require.Equal(t, os.ModeSocket|first.cfg.SocketMode, info.Mode())

	second := start(t, func(o *shell.Options) { o.Config.BrokerSocket = first.cfg.BrokerSocket })
	require.Empty(t, second.view().Segments, "the path leads to the new broker")
	require.NoError(t, first.stop())
	require.Empty(t, second.view().Segments, "and the end of the old one does not take it away")
	entries, err := os.ReadDir(filepath.Dir(first.cfg.BrokerSocket))
	require.NoError(t, err)
	require.Len(t, entries, 1, "no temporary names are left; the first broker took its operations socket away")
}

func TestTheBrokerRefusesToBegin(t *testing.T) {
	options := func() shell.Options {
		return shell.Options{Config: testConfig(t, ""), VM: vm.None(), Log: testLogger()}
	}
	o := options()
	o.Config.HostID = 0
	require.ErrorContains(t, shell.Run(t.Context(), o), "host id 0")
	require.ErrorContains(t, o.Check(), "host id 0")
	o = options()
	o.Config.VMHealthURL = "nonsense"
	require.ErrorContains(t, shell.Run(t.Context(), o), "vm_health_url")
	require.ErrorContains(t, o.Check(), "vm_health_url")
	o = options()
	o.Log = nil
	require.Error(t, shell.Run(t.Context(), o))
	o = options()
	require.NoError(t, os.WriteFile(filepath.Join(o.Config.RunDir, "file"), nil, 0o600))
	o.Config.BrokerSocket = filepath.Join(o.Config.RunDir, "file", "socket")
	require.ErrorContains(t, shell.Run(t.Context(), o), "broker_socket")
	o = options()
	o.Config.BrokerSocket = o.Config.RunDir + "/" + strings.Repeat("x", 200)
	require.Error(t, shell.Run(t.Context(), o))
	_, err := net.Dial("unix", o.Config.BrokerSocket)
	require.Error(t, err)
}
