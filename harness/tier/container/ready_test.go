package container

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
	"github.com/holdfast-ha/holdfast/harness/needs"
)

// upWithDaemons builds a whole cluster: real broker, agent and probe on every host.
func upWithDaemons(t *testing.T, o Options) *Cluster {
	t.Helper()
	needs.Docker(t)
	o.BinDir = built(t)
	return up(t, o)
}

func TestWholeClusterIsReadySoonAndPublishes(t *testing.T) {
	for _, kind := range []Kind{NFS, ISCSI} {
		t.Run(string(kind), func(t *testing.T) {
			began := time.Now()
			c := upWithDaemons(t, Options{Storage: kind})
			took := time.Since(began)
			logSteps(t, c)
			require.Less(t, took, 30*time.Second, "3 hosts up; 6 s were measured on 2 idle cores")
			require.Len(t, c.Hosts, 3)
			for _, h := range c.Hosts {
				v, err := h.Link().GetView(t.Context())
				require.NoError(t, err)
				require.Equal(t, "held", v.Lease.State, h.Name)
				require.Equal(t, h.ID, v.Lease.HostID, h.Name)
			}
			for _, h := range c.Hosts {
				var rec whiteboard.Record
				require.Eventually(t, func() bool {
					segment, err := c.ReadSegment(h.ID)
					if err != nil {
						return false
					}
					rec, err = whiteboard.Decode(h.ID, segment)
					return err == nil
				}, 20*time.Second, 50*time.Millisecond, "no record of %s on the server's side", h.Name)
				require.Equal(t, h.Name, rec.HostName)
			}
			h := c.Hosts[1]
			require.NoError(t, h.StopAgent(t.Context()))
			p, err := h.Attendant.Status(t.Context(), Agent)
			require.NoError(t, err)
			require.False(t, p.Running)
			require.NoError(t, h.StartAgent(t.Context()))
			require.NoError(t, h.Restart(t.Context(), Broker))
			require.Eventually(t, func() bool { _, err := h.Link().GetHealth(t.Context()); return err == nil }, 10*time.Second, 50*time.Millisecond,
				"the broker does not answer after its restart")

			require.FileExists(t, filepath.Join(h.SockDir, "pids", "broker.pid"))
			probe, err := os.ReadFile(filepath.Join(h.Dir, "probe.jsonl"))
			require.NoError(t, err)
			require.NotEmpty(t, probe)
			raw, err := os.ReadFile(filepath.Join(c.RunDir, "cluster.json"))
			require.NoError(t, err)
			var record struct {
				RunID string `json:"run_id"`
				Hosts []struct {
					Name, Address  string
					BrokerSocket   string `json:"broker_socket"`
					AgentLog       string `json:"agent_log"`
					BrokerLog      string `json:"broker_log"`
					WhiteboardPath string `json:"whiteboard_path"`
				} `json:"hosts"`
			}
			require.NoError(t, json.Unmarshal(raw, &record))
			require.Equal(t, c.RunID, record.RunID)
			for _, h := range record.Hosts {
				for _, path := range []string{h.BrokerSocket, h.AgentLog, h.BrokerLog, h.WhiteboardPath} {
					_, err := os.Stat(path)
					require.NoError(t, err, "%s of cluster.json", h.Name)
				}
			}
		})
	}
}

func TestReplacedBinaryIsTheOneThatRuns(t *testing.T) {
	needs.Docker(t)
	bin := built(t, "holdfast-attendant", "holdfast-faultfs")
	other := filepath.Join(t.TempDir(), "mutant")
	program, err := os.ReadFile(filepath.Join(bin, "holdfast-faultfs"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(other, append(program, []byte("mutant")...), 0o755))
	c := up(t, Options{Hosts: 1, StopAfter: StageServers, BinDir: bin, Binaries: map[string]string{"holdfast-broker": other}})
	got, err := c.Hosts[0].Attendant.ReadBlock(t.Context(), "/holdfast/bin/holdfast-broker", int64(len(program)), 6)
	require.NoError(t, err)
	require.Equal(t, "mutant", string(got))
}

func TestAttachmentThatCannotReachItsServerSaysWhy(t *testing.T) {
	c := up(t, Options{Storage: ISCSI, Hosts: 1, StopAfter: StageServers})
	require.NoError(t, c.Storage.Stop(t.Context(), Server, 2*time.Second))
	err := c.Hosts[0].attach(t.Context())
	require.ErrorContains(t, err, "host1: attach-")
	require.ErrorContains(t, err, "Failed to connect") // qemu-storage-daemon's own words, from its log
}

// What the engine was asked to make it makes, whoever went away meanwhile; so the maker must wait for it to be able to remove it.
func TestMakingOutlivesItsCaller(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	making, cancel, err := whole(ctx)
	require.NoError(t, err)
	defer cancel()
	interrupt()
	require.NoError(t, making.Err())
	_, limited := making.Deadline()
	require.True(t, limited)
	_, _, err = whole(ctx)
	require.ErrorIs(t, err, context.Canceled, "nothing new is made after an interruption")
}
