package container

import (
	"bytes"
	"context"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/lease"
	"github.com/holdfast-ha/holdfast/daemons/ovf/archive"
	"github.com/holdfast-ha/holdfast/daemons/ovf/store"
	"github.com/holdfast-ha/holdfast/faults/deadmount"
	"github.com/holdfast-ha/holdfast/faults/lifecycle"
	"github.com/holdfast-ha/holdfast/faults/process"
	"github.com/holdfast-ha/holdfast/faults/wire"
)

var (
	_ process.Signaller = Program{}
	_ wire.Prober       = Program{}
	_ deadmount.Machine = deadMachine{}
)

// live takes a fault through its life and returns its two proofs.
func live(t *testing.T, f lifecycle.Fault, during func()) {
	t.Helper()
	g := lifecycle.Guard(f)
	require.NoError(t, g.Setup(t.Context()))
	require.NoError(t, g.Inject(t.Context()))
	require.NoError(t, g.Prove(t.Context()))
	during()
	require.NoError(t, g.Heal(t.Context()))
	require.NoError(t, g.ProveGone(t.Context()))
	require.NoError(t, g.Cleanup(t.Context()))
	for _, s := range []lifecycle.Step{lifecycle.Prove, lifecycle.ProveGone} {
		r, _ := g.Last(s)
		t.Logf("%s: %s (%s)", f, r.Proof, s)
	}
}

// TestSectorsOf4096 joins the lockspace and takes the engine's lease on both kinds of storage, as the daemons and the engine do.
func TestSectorsOf4096(t *testing.T) {
	for _, kind := range []Kind{NFS, ISCSI} {
		t.Run(string(kind), func(t *testing.T) {
			c := up(t, Options{Storage: kind, Hosts: 1, Sector: 4096, OVF: true, StopAfter: StageLeases})
			h := c.Hosts[0]
			header, err := c.ReadVolume(t.Context(), Lockspace, 0, 4096)
			require.NoError(t, err)
			require.Equal(t, []byte{0, 0x10, 0, 0}, header[12:16], "the sector size in the first delta lease, little-endian 4096")
			client := lease.Client{Socket: h.SockDir + "/sanlock/sanlock.sock", Timeout: 20 * time.Second}
			flags, _, err := lease.Geometry(4096, 1)
			require.NoError(t, err)
			space := lease.Lockspace{Name: LockspaceName, HostID: 1, Path: inStorage(Lockspace), Flags: flags}
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			require.NoError(t, client.AddLockspace(ctx, space, false, time.Second))
			resource, err := client.ReadResource(ctx, lease.Resource{Disks: []lease.Disk{{Path: inStorage(Lease)}}})
			require.NoError(t, err)
			require.Equal(t, EngineResource, resource.Name)
			require.NoError(t, client.RemLockspace(ctx, space, false))
		})
	}
}

func TestPartsAndPrograms(t *testing.T) {
	c := up(t, Options{Hosts: 2, OVF: true, StopAfter: StageLeases})
	ctx, h, other := t.Context(), c.Hosts[0], c.Hosts[1]

	// Volumes: written at the server, read by every host.
	want := bytes.Repeat([]byte("poison"), 100)
	require.NoError(t, c.WriteVolume(ctx, Whiteboard, 300*4096, want))
	for _, host := range c.Hosts {
		got, err := host.Attendant.ReadBlock(ctx, inStorage(Whiteboard), 300*4096, len(want))
		require.NoError(t, err)
		require.Equal(t, want, got, host.Name)
	}
	got, err := c.ReadVolume(ctx, Whiteboard, 300*4096, len(want))
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.ErrorContains(t, c.WriteVolume(ctx, "whitebord", 0, want), "no volume")
	require.ErrorContains(t, c.WriteVolume(ctx, Configuration, confSize-1, want), "within its")

	// The configuration, and the engine's OVF as the daemons read it on a host.
	data, err := h.Attendant.ReadBlock(ctx, inStorage(Configuration), 0, archive.Size)
	require.NoError(t, err)
	files, err := archive.Decode(data)
	require.NoError(t, err)
	require.Contains(t, string(files[archive.VMConf]), "memSize=2048")
	require.Contains(t, string(files[archive.BrokerConf]), "smtp-port = 25")
	when := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	require.NoError(t, c.PublishOVF(ctx, 2, OVFSpec{Memory: 8192, Updated: true, When: when}))
	for _, host := range c.Hosts {
		data, err = host.Attendant.ReadBlock(ctx, inStorage(OVF2), 0, 64<<10)
		require.NoError(t, err)
		require.Contains(t, string(data), EngineVM)
		info, err := host.Look(ctx, inStorage(OVF2)+".meta")
		require.NoError(t, err)
		text, ok := store.FromMetadata(info.Data)
		require.True(t, ok)
		d, err := store.ParseDescription(text)
		require.NoError(t, err)
		require.True(t, d.Updated)
		require.True(t, d.Published.Equal(when), d.Published)
	}
	require.ErrorContains(t, c.PublishOVF(ctx, 3, OVFSpec{}), "want store 1 or 2")

	// Programs: state, an orderly end, a start.
	s, err := h.ProgramState(ctx, Sanlock)
	require.NoError(t, err)
	require.True(t, s.Running)
	require.Positive(t, s.Threads)
	require.Positive(t, s.Descriptors)
	require.Contains(t, "SR", s.State)
	took, code, err := h.StopProgram(ctx, Sanlock)
	require.NoError(t, err)
	t.Logf("sanlock without a lockspace ended after %s with code %d", took, code)
	s, err = h.ProgramState(ctx, Sanlock)
	require.NoError(t, err)
	require.False(t, s.Running)
	require.Equal(t, code, s.ExitCode)
	require.NoError(t, h.StartProgram(ctx, Sanlock))
	require.NoError(t, h.KillProgram(ctx, Sanlock))
	s, err = h.ProgramState(ctx, Sanlock)
	require.NoError(t, err)
	require.Equal(t, 128+int(syscall.SIGKILL), s.ExitCode)
	require.NoError(t, h.StartProgram(ctx, Sanlock), "over the socket of the killed one")
	_, err = h.ProgramState(ctx, "sanlok")
	require.ErrorContains(t, err, "sanlok")

	// A frozen program.
	f, err := other.Freeze(Sanlock)
	require.NoError(t, err)
	require.Equal(t, "freeze sanlock for=host2", f.String())
	live(t, f, func() {
		s, err := other.ProgramState(ctx, Sanlock)
		require.NoError(t, err)
		require.Equal(t, "T", s.State)
		_, err = h.Program(Sanlock).Probe(ctx)
		require.NoError(t, err, "the other host's")
	})

	// A dead mount.
	dead, err := h.DeadMount()
	require.NoError(t, err)
	live(t, dead, func() {
		list, err := h.Attendant.List(ctx)
		require.NoError(t, err)
		for _, p := range list {
			require.NotEqual(t, deadProgram, p.Name, "a tool of the harness's is no program of the host")
		}
	})
	// Down, at the end of the test, meets a frozen program and a dead mount.
	f, err = other.Freeze(Sanlock)
	require.NoError(t, err)
	require.NoError(t, f.Setup(ctx))
	require.NoError(t, f.Inject(ctx))
	dead, err = h.DeadMount()
	require.NoError(t, err)
	require.NoError(t, dead.Inject(ctx))

	// Files.
	info, err := h.Look(ctx, inSanlock)
	require.NoError(t, err)
	require.Equal(t, "socket", info.Kind)
	info, err = h.Look(ctx, "/etc/passwd")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(info.Data), "root:"))
	_, err = h.Look(ctx, "/nonexistent")
	require.ErrorContains(t, err, "host1")
}
