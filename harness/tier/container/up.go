package container

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"time"

	apimount "github.com/moby/moby/api/types/mount"
	"golang.org/x/sync/errgroup"

	"github.com/holdfast-ha/holdfast/fixtures/images"
)

// Up builds a cluster and returns when it is ready, or undoes what it had built and returns why. A context that ends while it
// works has the same effect as a failure.
//
// What happens beside what: the storage server starts while the hosts' containers do; every host attaches, starts sanlock and its
// broker for itself; the lockspace is formatted by host 1 and every agent waits for that alone.
func Up(ctx context.Context, o Options) (*Cluster, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	b := &builder{o: o, began: time.Now(), formatted: make(chan struct{})}
	if err := b.findBinaries(); err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	whole := ctx
	ctx, cancel := context.WithTimeout(ctx, o.ReadyTimeout)
	defer cancel()
	if err := b.build(ctx); err != nil {
		if b.begun {
			down, cancel := context.WithTimeout(context.WithoutCancel(whole), 30*time.Second)
			defer cancel()
			err = errors.Join(err, b.c.Down(down))
		}
		return nil, fmt.Errorf("cluster: %w", err)
	}
	return b.c, nil
}

// builder carries what only the building needs.
type builder struct {
	o         Options
	c         *Cluster
	began     time.Time
	binaries  map[string]string // name -> path
	gotgt     string
	begun     bool          // there is something that Down must undo
	formatted chan struct{} // closed when lockspace and lease exist
}

func (b *builder) findBinaries() error {
	b.binaries = map[string]string{}
	for name := range mains() {
		_, replaced := b.o.Binaries[name]
		if b.o.StopAfter != StageReady && !replaced && !slices.Contains(storageBinaries(), name) {
			continue // never started
		}
		if name == "holdfast-standin" && !replaced && !b.o.VDSM && !b.o.SMTP {
			continue
		}
		p, err := b.o.binary(name)
		if err != nil {
			return err
		}
		b.binaries[name] = p
	}
	if b.o.Storage == ISCSIGotgt {
		p, err := gotgt()
		if err != nil {
			return err
		}
		b.gotgt = p
	}
	return nil
}

func (b *builder) build(ctx context.Context) error {
	o := b.o
	docker, err := dial(ctx)
	if err != nil {
		return err
	}
	c := &Cluster{
		RunID: o.RunID, RunDir: o.RunDir, SockDir: sockDirOf(o.RunID), Kind: o.Storage,
		TimeFactor: o.TimeFactor, IOTimeout: o.IOTimeout, docker: docker, progress: o.Progress, began: b.began,
		Parts: o.parts(),
	}
	b.c = c
	if err := b.step("image", "", func() error { return images.Ensure(ctx, nil) }); err != nil {
		docker.Close()
		return err
	}
	if err := makeDirs(o, c.SockDir); err != nil {
		docker.Close()
		return err
	}
	b.begun = true
	labels, err := harnessLabels(c.RunID, c.RunDir, c.SockDir)
	if err != nil {
		return err
	}
	if err := writeOwner(c.SockDir, labels); err != nil {
		return err
	}
	var subnet netip.Prefix
	if err := b.step("network", "", func() error {
		c.Network, subnet, err = makeNetwork(ctx, c.RunID, labels)
		return err
	}); err != nil {
		return err
	}
	b.describe(subnet)
	if err := b.configure(ctx); err != nil {
		return err
	}
	g, gctx := errgroup.WithContext(ctx)
	served := make(chan struct{})
	g.Go(func() error { return b.storage(gctx, labels, served) })
	for _, h := range c.Hosts {
		g.Go(func() error { return b.host(gctx, h, labels, served) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	b.note("ready", "", b.began)
	return c.writeRecord()
}

// storage starts the storage container and its server, then closes served.
func (b *builder) storage(ctx context.Context, labels map[string]string, served chan<- struct{}) error {
	s := b.c.Storage
	err := b.step("container", s.Name, func() (err error) {
		mounts := []apimount.Mount{
			bind(s.Dir, inLogs, false), bind(filepath.Join(s.Dir, "volumes"), volumes, false), bind(s.SockDir, inRun, false),
		}
		mounts = append(mounts, b.binaryMounts(storageBinaries())...)
		if b.gotgt != "" {
			mounts = append(mounts, bind(b.gotgt, inBin+"/gotgt", true))
		}
		s.ContainerID, err = b.start(ctx, s.Name, s.Address, []string{"SYS_ADMIN", "DAC_READ_SEARCH"}, mounts, labels)
		return err
	})
	if err == nil {
		err = b.step("attendant", s.Name, func() error { return s.Attendant.WaitReady(ctx) })
	}
	if err == nil {
		err = b.step("server", s.Name, func() error { return s.startServer(ctx) })
	}
	if err != nil {
		return err
	}
	close(served)
	return nil
}

// host starts one host's container and everything on it.
func (b *builder) host(ctx context.Context, h *Host, labels map[string]string, served <-chan struct{}) error {
	first := h.ID == 1
	steps := []struct {
		name  string
		stage Stage
		wait  <-chan struct{}
		do    func() error
	}{
		{"container", StageServers, nil, func() (err error) {
			mounts := append([]apimount.Mount{bind(h.Dir, inLogs, false), bind(h.SockDir, inRun, false)}, b.binaryMounts(hostBinaries())...)
			h.ContainerID, err = b.start(ctx, h.Name, h.Address, []string{"SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE"}, mounts, labels)
			return err
		}},
		{"attendant", StageServers, nil, func() error { return h.Attendant.WaitReady(ctx) }},
		{"sanlock", StageLeases, nil, func() error { return h.startSanlock(ctx) }},
		{"stand-ins", StageReady, nil, func() error { return h.startStandins(ctx) }},
		{"export", StageServers, served, func() error { return b.checkExport(ctx, h) }},
		{"attach", StageAttached, served, func() error { return h.attach(ctx) }},
		{"format", StageLeases, nil, func() error {
			if !first {
				return nil
			}
			defer close(b.formatted)
			return h.format(ctx, int(b.o.IOTimeout/time.Second))
		}},
		{"broker", StageReady, nil, func() error { return h.startBroker(ctx) }},
		{"agent", StageReady, b.formatted, func() error { return h.StartAgent(ctx) }},
		{"probe", StageReady, nil, func() error { return h.Start(ctx, Probe) }},
		{"lease", StageReady, nil, func() error { return h.awaitLease(ctx) }},
	}
	for _, s := range steps {
		if !b.o.StopAfter.reaches(s.stage) {
			continue
		}
		if s.wait != nil {
			select {
			case <-s.wait:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if err := b.step(s.name, h.Name, s.do); err != nil {
			return err
		}
	}
	return nil
}

// checkExport lets an independent NFS client mount, write and read the fresh export once, from host 1. It asks the port mapper, which
// the server may tell of its mount service a moment after it answers; so it tries again for a while.
func (b *builder) checkExport(ctx context.Context, h *Host) error {
	if h.ID != 1 || b.c.Kind.Block() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 4*time.Second)
	defer cancel()
	for {
		_, err := h.Run(ctx, inBin+"/holdfast-attendant", "check-export", "--addr", b.c.Storage.Address, "--export", exportOf(h.Name))
		if err == nil || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(10 * pollEvery):
		}
	}
}

func (b *builder) start(ctx context.Context, name, address string, caps []string, mounts []apimount.Mount, labels map[string]string) (string, error) {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return "", err
	}
	own := map[string]string{} // testcontainers adds to the map that it is given
	for k, v := range labels {
		own[k] = v
	}
	spec := containerSpec{
		name: name, runID: b.c.RunID, network: b.c.Network.Name, address: ip, caps: caps, mounts: mounts, labels: own, apparmor: appArmorActive(),
	}
	return spec.start(ctx)
}

func (b *builder) binaryMounts(names []string) []apimount.Mount {
	var mounts []apimount.Mount
	for _, n := range names {
		if p, ok := b.binaries[n]; ok {
			mounts = append(mounts, bind(p, inBin+"/"+n, true))
		}
	}
	return mounts
}

func (b *builder) step(name, where string, do func() error) error {
	began := time.Now()
	if err := do(); err != nil {
		return err
	}
	b.note(name, where, began)
	return nil
}

func (b *builder) note(name, where string, began time.Time) {
	b.c.note(Step{Name: name, Where: where, Began: began.Sub(b.began), Took: time.Since(began)})
}

// note records a step and reports it.
func (c *Cluster) note(s Step) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.steps = append(c.steps, s)
	if c.progress != nil {
		c.progress(s)
	}
}
