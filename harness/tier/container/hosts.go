package container

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-ha/holdfast/daemons/brokerlink"
	"github.com/holdfast-ha/holdfast/harness/attendant"
)

// programs are everything that runs on a host, by name.
func (h *Host) programs(s *Storage) map[string]attendant.Spec {
	specs := map[string]attendant.Spec{
		Sanlock: {
			// -w 0: no watchdog; -l 0 and PRIVILEGED=0: no locked memory, which a container may not have; -e: a restarted daemon is
			// the same host and rejoins at once.
			Argv: []string{"sanlock", "daemon", "-D", "-w", "0", "-l", "0", "-e", h.Name, "-U", "root", "-G", "root"},
			Env:  []string{"SANLOCK_RUN_DIR=" + inSanlockDir, "SANLOCK_PRIVILEGED=0"},
		},
		Broker: {Argv: []string{inBin + "/holdfast-broker", "--config", inConf}},
		Agent:  {Argv: []string{inBin + "/holdfast-agent", "--config", inConf}},
		Probe: {Argv: []string{
			inBin + "/holdfast-probe", "--socket", inBroker, "--pids", inRun + "/pids", "--host-id", strconv.Itoa(h.ID),
			"--sd-uuid", DomainUUID, "--replay-record", "--out", inLogs + "/probe.jsonl",
		}},
	}
	for lun, volume := range h.cluster.volumeNames() {
		specs[attachment(volume)] = attendant.Spec{Argv: []string{
			"qemu-storage-daemon",
			"--blockdev", s.blockdev(h, volume, h.lun(lun)),
			"--export", "type=fuse,id=e,node-name=n,mountpoint=" + inStorage(volume) + ",writable=on,growable=off,allow-other=auto",
		}}
	}
	h.cluster.addStandins(specs, h)
	for name, spec := range specs {
		spec.Name = name
		spec.Stdout = inLogs + "/" + name + ".log"
		spec.PIDFile = inRun + "/pids/" + name + ".pid"
		specs[name] = spec
	}
	return specs
}

func attachment(volume string) string { return "attach-" + volume }

// lun is the number of the host's own LUN of a volume. All hosts' LUNs of one volume are the same blocks.
func (h *Host) lun(volume int) int { return (h.ID-1)*len(h.cluster.volumeNames()) + volume + 1 }

// blockdev is how qemu-storage-daemon reaches a volume of this server.
func (s *Storage) blockdev(h *Host, volume string, lun int) string {
	if s.Kind.Block() {
		return fmt.Sprintf("driver=iscsi,node-name=n,transport=tcp,portal=%s:%d,target=%s,lun=%d,initiator-name=iqn.2026-01.io.holdfast-ha:%s-%s,cache.direct=on",
			s.Address, s.Port, s.Target, lun, h.Name, volume)
	}
	return fmt.Sprintf("driver=nfs,node-name=n,server.type=inet,server.host=%s,path=%s/%s.img,user=0,group=0,cache.direct=on",
		s.Address, exportOf(h.Name), volume)
}

// attach brings the attachments up, all at once, until a block of each can be read.
func (h *Host) attach(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, volume := range h.cluster.volumeNames() {
		g.Go(func() error {
			if err := h.Start(ctx, attachment(volume)); err != nil {
				return err
			}
			// Before the mount the path is an empty file, so a whole block means that the attachment serves.
			return h.await(ctx, attachment(volume), func(ctx context.Context) error {
				_, err := h.Attendant.ReadBlock(ctx, inStorage(volume), 0, 4096)
				return err
			})
		})
	}
	return g.Wait()
}

// format makes the lockspace and the engine's lease, through this host's sanlock daemon.
func (h *Host) format(ctx context.Context, ioTimeout int) error {
	_, err := h.Run(ctx, inBin+"/holdfast-attendant", "format", "--sanlock-socket", inSanlock, "--lockspace", LockspaceName,
		"--lockspace-path", inStorage(Lockspace), "--resource", EngineResource, "--lease-path", inStorage(Lease), "--io-timeout", strconv.Itoa(ioTimeout), "--sector", strconv.Itoa(h.cluster.Sector))
	if err != nil {
		return fmt.Errorf("%s: format the lockspace: %w", h.Name, err)
	}
	return nil
}

// startSanlock returns when the daemon answers a question.
func (h *Host) startSanlock(ctx context.Context) error {
	return h.StartProgram(ctx, Sanlock)
}

// startBroker returns when the broker answers get_health.
func (h *Host) startBroker(ctx context.Context) error {
	return h.StartProgram(ctx, Broker)
}

// awaitLease returns when the broker says that the host id is held.
func (h *Host) awaitLease(ctx context.Context) error {
	link := h.Link()
	return h.await(ctx, Agent, func(ctx context.Context) error {
		v, err := link.GetView(ctx)
		if err == nil && v.Lease.State != "held" {
			err = fmt.Errorf("host id is %s, want held (%s); the broker's log ends: %s", v.Lease.State, v.Lease.Detail, logTail(filepath.Join(h.Dir, "broker.log")))
		}
		return err
	})
}

// Link is a client of the host's broker.
func (h *Host) Link() *brokerlink.Link { return brokerlink.New(h.BrokerSocket, 0) }

func (h *Host) await(ctx context.Context, name string, check func(context.Context) error) error {
	return awaitReady(ctx, h.Name, h.Attendant, h.specs[name], filepath.Join(h.Dir, name+".log"), check)
}
