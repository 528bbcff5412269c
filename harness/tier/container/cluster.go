package container

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/moby/moby/client"

	"github.com/holdfast-ha/holdfast/harness/attendant"
)

// Names of the programs on a host, as [Host.Start] and its kin take them.
const (
	Sanlock = "sanlock"
	Broker  = "broker"
	Agent   = "agent"
	Probe   = "probe"
)

// Names of the volumes; "attach-" + name is the attachment's program on a host.
const (
	Whiteboard = "whiteboard"
	Lockspace  = "lockspace"
	Lease      = "lease"
	Disk       = "disk"
	// Only with Options.OVF: the shared configuration, and the two volumes in which the engine publishes its OVF.
	Configuration = "conf"
	OVF1          = "ovf1"
	OVF2          = "ovf2"
)

// Cluster is a running cluster: made by [Up], or found again by [Open].
type Cluster struct {
	RunID   string
	RunDir  string
	SockDir string // short directory of unix sockets, one subdirectory for each container
	Kind    Kind
	// TimeFactor and IOTimeout are what the cluster was built with.
	TimeFactor float64
	IOTimeout  time.Duration
	// Parts are what the cluster has beside the usual.
	Parts
	Network Network
	Hosts   []*Host
	Storage *Storage

	docker *client.Client
	began  time.Time // when Up was called; after Open, when that was

	mu       sync.Mutex // also makes calls of progress one at a time
	steps    []Step
	progress func(Step)
}

// Parts are what a cluster may have beside the usual; see the fields of [Options].
type Parts struct {
	VDSM   bool `json:"vdsm,omitempty"`
	SMTP   bool `json:"smtp,omitempty"`
	OVF    bool `json:"ovf,omitempty"`
	Sector int  `json:"sector,omitempty"` // bytes
}

// Network is the cluster's own bridge network.
type Network struct {
	Name   string `json:"name"`
	ID     string `json:"id"`
	Subnet string `json:"subnet"` // CIDR
}

// Host is one host of the cluster: a container.
type Host struct {
	Name        string // host1, host2, ...
	ID          int    // sanlock host id, 1...
	Address     string // IP on the cluster's network
	ContainerID string
	Dir         string // RUNDIR/hosts/NAME: holdfast.conf, logs, probe.jsonl
	SockDir     string // SOCKDIR/NAME: sockets, pid files, engine files
	// BrokerSocket is the broker's RPC socket as seen from outside the container.
	BrokerSocket string
	Attendant    *attendant.Client

	specs   map[string]attendant.Spec
	cluster *Cluster
}

// Storage is the storage server: a container.
type Storage struct {
	Kind        Kind
	Name        string // storage
	Address     string // IP on the cluster's network
	Port        int    // 2049 or 3260
	Target      string // iSCSI name of the target; "" for NFS
	Export      string // NFS export path; "" for iSCSI
	ContainerID string
	Dir         string // RUNDIR/storage: logs of the server and of the fault file system
	SockDir     string
	// FaultSocket is the control socket of the fault file system as seen from outside the container.
	FaultSocket string
	// Volumes maps a volume's name to its backing file as seen from outside: a plain local file below the fault file system,
	// which never hangs.
	Volumes   map[string]string
	Attendant *attendant.Client

	specs   map[string]attendant.Spec
	cluster *Cluster
}

// Host returns the host of that name.
func (c *Cluster) Host(name string) (*Host, error) {
	for _, h := range c.Hosts {
		if h.Name == name {
			return h, nil
		}
	}
	return nil, fmt.Errorf("no host %q in this cluster of %d (host1 to host%d)", name, len(c.Hosts), len(c.Hosts))
}

// Steps returns the measured steps so far, in the order in which they ended.
func (c *Cluster) Steps() []Step {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Step(nil), c.steps...)
}

// Start starts a program of the host that is not running.
func (h *Host) Start(ctx context.Context, name string) error {
	return startProgram(ctx, h.Name, h.Attendant, h.specs, name)
}

// Stop sends SIGTERM to a program of the host and waits for its end; after the grace it sends SIGKILL and waits once more as long.
// A program that is blocked on storage does not end: that is an error.
func (h *Host) Stop(ctx context.Context, name string, grace time.Duration) error {
	return stopProgram(ctx, h.Name, h.Attendant, name, grace)
}

// Kill sends SIGKILL to a program of the host and does not wait.
func (h *Host) Kill(ctx context.Context, name string) error {
	return h.Attendant.Signal(ctx, name, syscall.SIGKILL)
}

// Restart stops a program (grace 5 s) and starts it again.
func (h *Host) Restart(ctx context.Context, name string) error {
	if err := h.Stop(ctx, name, 5*time.Second); err != nil {
		return err
	}
	return h.Start(ctx, name)
}

// StartAgent starts the host's agent.
func (h *Host) StartAgent(ctx context.Context) error { return h.Start(ctx, Agent) }

// StopAgent stops the host's agent.
func (h *Host) StopAgent(ctx context.Context) error { return h.Stop(ctx, Agent, 10*time.Second) }

// Run runs a program in the host's container, that is, in its network and PID namespace, and returns its standard output; an exit
// code other than 0 is an error that quotes what it said.
func (h *Host) Run(ctx context.Context, argv ...string) (string, error) {
	return h.Attendant.Check(ctx, argv...)
}

// Run runs a program in the storage server's container, as [Host.Run] does.
func (s *Storage) Run(ctx context.Context, argv ...string) (string, error) {
	return s.Attendant.Check(ctx, argv...)
}
