package run

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/holdfast-ha/holdfast/faults/faultfs"
	"github.com/holdfast-ha/holdfast/faults/freeze"
	"github.com/holdfast-ha/holdfast/faults/lifecycle"
	"github.com/holdfast-ha/holdfast/faults/media"
	"github.com/holdfast-ha/holdfast/faults/path"
	"github.com/holdfast-ha/holdfast/faults/wire"
	"github.com/holdfast-ha/holdfast/harness/scenario"
	"github.com/holdfast-ha/holdfast/harness/tier/container"
)

// silence is how long a server must not answer to count as silent.
const silence = time.Second

// NewFault makes the fault that a scenario's words name, against this cluster. Nothing happens before its Setup.
func NewFault(f scenario.Fault, c *container.Cluster) (lifecycle.Fault, error) {
	switch f.Kind {
	case scenario.HangMedia, scenario.SlowMedia, scenario.FailMedia:
		return mediaFault(f, c)
	case scenario.FreezeNFS, scenario.FreezeISCSI:
		protocol := "nfs"
		if c.Kind.Block() {
			protocol = "iscsi"
		}
		if want := "freeze " + protocol; want != string(f.Kind) {
			return nil, fmt.Errorf("%s: this cluster's storage is %s; say %s", f.Kind, c.Kind, want)
		}
		return freeze.New(freeze.Options{Protocol: protocol, Server: c.Storage, Probe: fromHere(c)})
	case scenario.DropPath:
		host, err := c.Host(f.Host)
		if err != nil {
			return nil, err
		}
		server, err := netip.ParseAddr(c.Storage.Address)
		if err != nil {
			return nil, fmt.Errorf("drop path: the storage's address: %w", err)
		}
		return path.New(path.Options{
			Host: f.Host, Server: netip.AddrPortFrom(server, uint16(c.Storage.Port)), Runner: host, Probe: fromHost{host},
		})
	}
	return hostFault(f, c)
}

// hostFault makes a fault of one host.
func hostFault(f scenario.Fault, c *container.Cluster) (lifecycle.Fault, error) {
	host, err := c.Host(f.Host)
	if err != nil {
		return nil, err
	}
	switch {
	case f.Kind == scenario.MountDead:
		return host.DeadMount()
	case f.Kind.Program() != "":
		return host.Freeze(string(f.Kind.Program()))
	}
	return nil, fmt.Errorf("fault %q: this tier cannot do that", f.Kind)
}

func mediaFault(f scenario.Fault, c *container.Cluster) (lifecycle.Fault, error) {
	o := media.Options{
		FileSystem: &faultfs.Client{Socket: c.Storage.FaultSocket}, By: f.By, Host: f.Host,
		Error: f.Error, First: f.First, Probability: f.Probability,
		// A hang counts as proven only when a request of the cluster's own is held, not just the fault's own probe.
		AwaitOthers: true,
	}
	if f.Op != "" {
		o.Ops = []faultfs.Op{faultfs.Op(f.Op)}
	}
	if f.File != "" {
		o.File = f.File + ".img"
	}
	if f.Segment != scenario.NoSegment {
		segment := f.Segment
		o.Segment = &segment
	}
	return media.New(o)
}

// fromHere asks the storage server from the harness's own place in the network.
func fromHere(c *container.Cluster) wire.Prober {
	addr := fmt.Sprintf("%s:%d", c.Storage.Address, c.Storage.Port)
	if c.Kind.Block() {
		return wire.ISCSI{Addr: addr, Target: c.Storage.Target, Timeout: silence}
	}
	return wire.NFS{Addr: addr, Timeout: silence}
}

// fromHost asks the storage server from a host's network namespace.
type fromHost struct{ host *container.Host }

// Probe implements wire.Prober.
func (p fromHost) Probe(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	answer, err := p.host.Answers(ctx, silence)
	if err == nil {
		return answer.Took(), nil
	}
	return time.Since(began).Round(time.Millisecond), err
}
