package container

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/lease"
	"github.com/holdfast-ha/holdfast/harness/load"
)

// TestClusterWithEverything has both stand-ins, the configuration and OVF_STOREs, and sectors of 4096 bytes, and ends and starts its
// programs in every way that a scenario can.
func TestClusterWithEverything(t *testing.T) {
	c := upWithDaemons(t, Options{Storage: ISCSI, Hosts: 2, VDSM: true, SMTP: true, OVF: true, Sector: 4096, ReadyTimeout: 90 * time.Second})
	logSteps(t, c)
	ctx, h, other := t.Context(), c.Hosts[0], c.Hosts[1]

	body, err := h.OpsGet(ctx, "/v1/status")
	require.NoError(t, err)
	require.True(t, json.Valid(body), "%s", body)
	metrics, err := h.OpsGet(ctx, "/metrics")
	require.NoError(t, err)
	require.Contains(t, string(metrics), "holdfast_lane_busy_seconds")
	_, err = h.OpsGet(ctx, "/nosuch")
	require.ErrorContains(t, err, "404")

	require.NoError(t, c.PublishOVF(ctx, 1, OVFSpec{Memory: 6144, Updated: true}))
	_, ok, err := h.Link().StartMonitor(ctx, "ovf", map[string]any{"vm_uuid": EngineVM, "sd_uuid": DomainUUID, "interval": "1"})
	require.NoError(t, err)
	require.True(t, ok, "the ovf submonitor did not start")
	require.Eventually(t, func() bool {
		info, err := h.Look(ctx, PathInside("vm.conf"))
		return err == nil && strings.Contains(string(info.Data), "memSize=6144")
	}, 30*time.Second, 100*time.Millisecond, "no vm.conf from the OVF_STORE")

	told, err := h.Tell(ctx, VDSM, map[string]string{"memFree": "1234"})
	require.NoError(t, err)
	require.Contains(t, told, "1234")
	_, err = h.Tell(ctx, Broker, nil)
	require.ErrorContains(t, err, "no such stand-in")

	for _, name := range []string{VDSM, SMTP, Broker, Agent} {
		f, err := other.Freeze(name)
		require.NoError(t, err)
		live(t, f, func() {})
	}
	r, err := h.Load(ctx, load.Options{Clients: 60, Slow: 5, HalfOpen: 5, For: 3 * time.Second})
	require.NoError(t, err)
	t.Logf("load: %+v", r)
	require.Zero(t, r.Refused+r.Failed, r.Err)
	require.Positive(t, r.OK)

	for _, name := range []string{VDSM, SMTP, Agent, Broker} {
		took, code, err := h.StopProgram(ctx, name)
		require.NoError(t, err, name)
		t.Logf("%s ended after %s with code %d", name, took.Round(time.Millisecond), code)
		require.Zero(t, code, name)
		require.NoError(t, h.StartProgram(ctx, name), name)
	}
	require.NoError(t, h.Configure(map[string]string{"log_level": "debug", "vdsm_timeout": ""}))
	require.NoError(t, h.KillProgram(ctx, Broker))
	require.NoError(t, h.StartProgram(ctx, Broker))
	require.NoError(t, h.KillProgram(ctx, Sanlock))
	require.NoError(t, h.StartProgram(ctx, Sanlock))
	sanlock := lease.Client{Socket: filepath.Join(h.SockDir, "sanlock", "sanlock.sock")}
	require.Eventually(t, func() bool {
		spaces, err := sanlock.GetLockspaces(ctx)
		return err == nil && len(spaces) == 1 && spaces[0].Name == LockspaceName && spaces[0].Held()
	}, 60*time.Second, 100*time.Millisecond, "the new sanlock does not hold the host id")

	require.Eventually(t, func() bool {
		b, err := os.ReadFile(filepath.Join(h.Dir, mailLog))
		return err == nil && strings.Contains(string(b), "state transition")
	}, 30*time.Second, 100*time.Millisecond, "no mail about a change of state")
}
