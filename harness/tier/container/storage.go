package container

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/moby/moby/client"

	"github.com/holdfast-ha/holdfast/faults/faultfs"
	"github.com/holdfast-ha/holdfast/faults/wire"
	"github.com/holdfast-ha/holdfast/harness/attendant"
)

// Names of the programs of the storage server, as [Storage.Start] and its kin take them.
const (
	FaultFS = "faultfs"
	RPCBind = "rpcbind"
	Server  = "server" // ganesha, tgtd or gotgt
)

const (
	exportPath = "/export" // the fault file system is mounted below it, once for each host
	volumes    = "/volumes"
	targetName = "iqn.2026-01.io.holdfast-ha:storage"
	nfsPort    = 2049
	mountPort  = 20048
	iscsiPort  = 3260
)

// exportOf is a host's own mount of the fault file system, and its NFS export. All mounts show the same backing files; each has
// inodes of its own, so that a write of one host that is held does not keep the kernel's inode lock from the other hosts'
// requests. With one mount for all, one held write stops every host's fsync, and behind it every write.
func exportOf(host string) string { return exportPath + "/" + host }

// ganeshaConf keeps to NFS v3 over TCP with fixed ports. Attributes are not cached, so what one host wrote another host sees.
func ganeshaConf(hosts []*Host) string {
	text := ganeshaCore
	for _, h := range hosts {
		text += fmt.Sprintf(ganeshaExport, h.ID, exportOf(h.Name), exportOf(h.Name))
	}
	return text
}

const ganeshaCore = `NFS_CORE_PARAM {
	Protocols = 3;
	NFS_Port = 2049;
	MNT_Port = 20048;
	Enable_NLM = false;
	Enable_RQUOTA = false;
	Enable_UDP = false;
	Bind_addr = 0.0.0.0;
}
MDCACHE { Dir_Chunk = 0; }
LOG { Default_Log_Level = EVENT; }
`

const ganeshaExport = `EXPORT {
	Export_Id = %d;
	Path = %s;
	Pseudo = %s;
	Protocols = 3;
	Transports = TCP;
	SecType = sys;
	Access_Type = RW;
	Squash = No_Root_Squash;
	Attr_Expiration_Time = 0;
	FSAL { Name = VFS; }
}
`

// startServer brings the fault file system and the server up in the storage container, until the server answers on the wire.
func (s *Storage) startServer(ctx context.Context) error {
	makeMounts := []string{"mkdir", "-p"}
	for _, h := range s.cluster.Hosts {
		makeMounts = append(makeMounts, exportOf(h.Name))
	}
	if _, err := s.Run(ctx, makeMounts...); err != nil {
		return err
	}
	if err := s.Start(ctx, FaultFS); err != nil {
		return err
	}
	fs := faultfs.Client{Socket: s.FaultSocket, Timeout: time.Second}
	if err := s.await(ctx, FaultFS, func(ctx context.Context) error { _, err := fs.Status(ctx); return err }); err != nil {
		return err
	}
	if s.Kind.Block() {
		return s.startTarget(ctx)
	}
	if err := s.Start(ctx, RPCBind); err != nil {
		return err
	}
	if err := s.await(ctx, RPCBind, s.nullTo(111, 100000, 2)); err != nil {
		return err
	}
	if err := s.Start(ctx, Server); err != nil {
		return err
	}
	if err := s.await(ctx, Server, s.nullTo(nfsPort, wire.ProgramNFS, wire.VersionNFS3)); err != nil {
		return err
	}
	return s.await(ctx, Server, s.nullTo(mountPort, wire.ProgramMount, 3))
}

func (s *Storage) startTarget(ctx context.Context) error {
	if err := s.Start(ctx, Server); err != nil {
		return err
	}
	if s.Kind == ISCSI {
		// tgtd answers on its control socket before it listens, so the first command is the test of readiness.
		if err := s.await(ctx, Server, func(ctx context.Context) error {
			_, err := s.Run(ctx, "sh", "-ec", s.tgtSetup())
			return err
		}); err != nil {
			return err
		}
	}
	return s.await(ctx, Server, func(ctx context.Context) error {
		_, err := s.Attendant.ISCSINop(ctx, fmt.Sprintf("127.0.0.1:%d", iscsiPort), s.Target, 500*time.Millisecond)
		return err
	})
}

// tgtSetup is idempotent up to its first command, so that a repeated attempt starts afresh.
func (s *Storage) tgtSetup() string {
	var b strings.Builder
	b.WriteString("tgtadm --lld iscsi --op delete --force --mode target --tid 1 2>/dev/null || true\n")
	fmt.Fprintf(&b, "tgtadm --lld iscsi --op new --mode target --tid 1 -T %s\n", targetName)
	for _, h := range s.cluster.Hosts {
		for i, name := range s.cluster.volumeNames() {
			fmt.Fprintf(&b, "tgtadm --lld iscsi --op new --mode logicalunit --tid 1 --lun %d -b %s/%s.img --bsoflags=direct\n", h.lun(i), exportOf(h.Name), name)
		}
	}
	b.WriteString("tgtadm --lld iscsi --op bind --mode target --tid 1 -I ALL\n")
	return b.String()
}

func (s *Storage) nullTo(port int, program, version uint32) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := s.Attendant.RPCNull(ctx, fmt.Sprintf("127.0.0.1:%d", port), program, version, 500*time.Millisecond)
		return err
	}
}

func (s *Storage) await(ctx context.Context, name string, check func(context.Context) error) error {
	spec := s.specs[name]
	return awaitReady(ctx, s.Name, s.Attendant, spec, filepath.Join(s.Dir, filepath.Base(spec.Stdout)), check)
}

// programs are the storage container's, in the order of their start.
func (s *Storage) programs() map[string]attendant.Spec {
	specs := map[string]attendant.Spec{
		FaultFS: {Argv: []string{inBin + "/holdfast-faultfs", "--backing", volumes, "--control", inRun + "/faultfs.sock"}, Stdout: inLogs + "/faultfs.log"},
	}
	for _, h := range s.cluster.Hosts {
		fs := specs[FaultFS]
		fs.Argv = append(fs.Argv, "--mount", exportOf(h.Name))
		specs[FaultFS] = fs
	}
	switch s.Kind {
	case NFS:
		specs[RPCBind] = attendant.Spec{Argv: []string{"rpcbind", "-f", "-w"}, Stdout: inLogs + "/rpcbind.log"}
		specs[Server] = attendant.Spec{
			Argv:   []string{"ganesha.nfsd", "-F", "-L", "/dev/stdout", "-f", inLogs + "/ganesha.conf", "-p", "/run/ganesha.pid"},
			Stdout: inLogs + "/ganesha.log",
		}
	case ISCSI:
		specs[Server] = attendant.Spec{Argv: []string{"tgtd", "-f", "-t", "4"}, Stdout: inLogs + "/tgtd.log"}
	case ISCSIGotgt:
		specs[Server] = attendant.Spec{Argv: []string{inBin + "/gotgt", "daemon"}, Env: []string{"HOME=" + inLogs + "/gotgt", "GOSTOR_CONFIG=" + inLogs + "/gotgt/.gotgt"}, Stdout: inLogs + "/gotgt.log"}
	}
	for name, spec := range specs {
		spec.Name = name
		specs[name] = spec
	}
	return specs
}

// writeConf writes the server's configuration into the container's log directory.
func (s *Storage) writeConf() error {
	switch s.Kind {
	case NFS:
		return os.WriteFile(filepath.Join(s.Dir, "ganesha.conf"), []byte(ganeshaConf(s.cluster.Hosts)), 0o644)
	case ISCSIGotgt:
		dir := filepath.Join(s.Dir, "gotgt", ".gotgt")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, "config.json"), gotgtConf(s.Address, s.cluster), 0o644)
	}
	return nil
}

// Start starts a program of the storage server that is not running. A fault file system that is started anew gives new file
// handles, so every attachment must be made anew as well; a server may be started anew alone.
func (s *Storage) Start(ctx context.Context, name string) error {
	return startProgram(ctx, s.Name, s.Attendant, s.specs, name)
}

// Stop ends a program of the storage server, as [Host.Stop] does.
func (s *Storage) Stop(ctx context.Context, name string, grace time.Duration) error {
	return stopProgram(ctx, s.Name, s.Attendant, name, grace)
}

// Kill sends SIGKILL to a program of the storage server and does not wait.
func (s *Storage) Kill(ctx context.Context, name string) error {
	return s.Attendant.Signal(ctx, name, syscall.SIGKILL)
}

// Pause freezes every process of the storage server: connections stay open, nothing answers.
func (s *Storage) Pause(ctx context.Context) error {
	if _, err := s.cluster.docker.ContainerPause(ctx, s.ContainerID, client.ContainerPauseOptions{}); err != nil {
		return fmt.Errorf("pause %s: %w", s.Name, err)
	}
	return nil
}

// Unpause thaws it. Thawing what is not frozen is an error of the engine's.
func (s *Storage) Unpause(ctx context.Context) error {
	if _, err := s.cluster.docker.ContainerUnpause(ctx, s.ContainerID, client.ContainerUnpauseOptions{}); err != nil {
		return fmt.Errorf("unpause %s: %w", s.Name, err)
	}
	return nil
}

// Paused reports whether it is frozen.
func (s *Storage) Paused(ctx context.Context) (bool, error) {
	got, err := s.cluster.docker.ContainerInspect(ctx, s.ContainerID, client.ContainerInspectOptions{})
	if err != nil {
		return false, fmt.Errorf("inspect %s: %w", s.Name, err)
	}
	if got.Container.State == nil {
		return false, errors.New("inspect " + s.Name + ": the engine reports no state")
	}
	return got.Container.State.Paused, nil
}

// Answers asks the storage server on the wire, from this host, for a sign of life: RPC NULL or iSCSI NOP-Out.
// errors.Is(err, wire.ErrSilent) says that no answer came within the timeout.
func (h *Host) Answers(ctx context.Context, timeout time.Duration) (attendant.Answer, error) {
	s := h.cluster.Storage
	addr := fmt.Sprintf("%s:%d", s.Address, s.Port)
	if s.Kind.Block() {
		return h.Attendant.ISCSINop(ctx, addr, s.Target, timeout)
	}
	return h.Attendant.RPCNull(ctx, addr, wire.ProgramNFS, wire.VersionNFS3, timeout)
}
