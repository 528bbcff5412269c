// Package container builds a small cluster out of containers: each host a container of its own (PID and network namespace,
// address, host name) with a real sanlock daemon, broker, agent and probe; a storage server in one more container (nfs-ganesha or
// tgt) that exports volumes through the fault file system; userspace attachments (qemu-storage-daemon) in place of kernel clients.
//
// [Up] makes it, [Cluster.Down] takes it down in the order that heals before it kills, [GC] removes what a killed harness left.
// Everything is labelled with the run, the directories and the process (pid and start time) that made it. Outside the containers
// nothing touches a path that can hang.
package container

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// Kind is a storage server that the tier can build.
type Kind string

// The storage servers.
const (
	NFS        Kind = "nfs"         // nfs-ganesha, NFS v3
	ISCSI      Kind = "iscsi"       // tgt
	ISCSIGotgt Kind = "iscsi:gotgt" // gotgt as a program of the user's, opt-in by HOLDFAST_GOTGT
)

// ParseKind reads a storage name as scenarios and the command line write it.
func ParseKind(s string) (Kind, error) {
	switch k := Kind(strings.ToLower(strings.TrimSpace(s))); k {
	case NFS, ISCSI, ISCSIGotgt:
		return k, nil
	case "iscsi:tgt":
		return ISCSI, nil
	case "nfs:ganesha":
		return NFS, nil
	}
	return "", fmt.Errorf("storage %q: this tier knows nfs, iscsi and iscsi:gotgt; did you mean %q?", s, nearestKind(s))
}

// Block reports whether the server exports LUNs (true) or files (false).
func (k Kind) Block() bool { return k != NFS }

// Options say what [Up] builds. The zero value of a field means the default named beside it.
type Options struct {
	// RunDir is the directory of this run: made when absent, must not hold another cluster. Required. It may be on any local
	// file system with 64 MiB free.
	RunDir string
	// RunID names the run in container names and labels; default: made from the time and the process id. Lower-case letters, digits, dashes.
	RunID string
	// Hosts is the number of hosts, 1 to 16; default 3.
	Hosts int
	// Storage is the server; default [NFS].
	Storage Kind
	// TimeFactor goes into holdfast.conf and scales the daemons' timings; default 0.2.
	TimeFactor float64
	// IOTimeout is sanlock's io_timeout, whole seconds; default 1 s.
	IOTimeout time.Duration
	// VDSM starts the stand-in for VDSM on every host, and makes the daemons use it.
	VDSM bool
	// SMTP starts the stand-in for a mail server on every host; what it was sent stands in the host's mail.jsonl.
	SMTP bool
	// OVF adds the volumes of the shared configuration and of two OVF_STOREs.
	OVF bool
	// Sector is the sector size of the lockspace in bytes, 512 or 4096; default 512.
	Sector int
	// BinDir holds the static binaries; default: $HOLDFAST_BIN, else the directory of the running program, else bin/ of the module.
	BinDir string
	// Binaries replaces single binaries, name (holdfast-broker) to path: a mutant, a build with the race detector.
	Binaries map[string]string
	// Config adds or replaces lines of every host's holdfast.conf.
	Config map[string]string
	// StopAfter ends the building early; default [StageReady]. What is up by then serves.
	StopAfter Stage
	// ReadyTimeout bounds the whole of Up; default 60 s.
	ReadyTimeout time.Duration
	// Progress, when set, is called with each step as it ends, from several goroutines, one call at a time.
	Progress func(Step)
}

// Stage is how far [Up] goes.
type Stage int

// The stages in their order.
const (
	StageReady    Stage = iota // everything: daemons serve, the lease is held, probes run
	StageServers               // containers and the storage server
	StageAttached              // also the attachments on every host
	StageLeases                // also sanlock, lockspace and engine lease formatted
)

// reaches reports whether a build that stops after s includes the given stage.
func (s Stage) reaches(stage Stage) bool {
	return s == StageReady || (stage != StageReady && s >= stage)
}

// Step is one measured step of [Up] or [Cluster.Down].
type Step struct {
	Name  string        `json:"name"`  // image, network, container, server, format, attach, sanlock, broker, lease, agent, ...
	Where string        `json:"where"` // host or storage; "" = the cluster
	Began time.Duration `json:"began"` // since Up was called
	Took  time.Duration `json:"took"`
}

func (o Options) withDefaults() (Options, error) {
	if o.RunDir == "" {
		return o, fmt.Errorf("cluster: a run directory is needed")
	}
	dir, err := filepath.Abs(o.RunDir)
	if err != nil {
		return o, fmt.Errorf("cluster: run directory %s: %w", o.RunDir, err)
	}
	o.RunDir = dir
	if o.RunID == "" {
		o.RunID = newRunID(time.Now())
	}
	if !validRunID(o.RunID) {
		return o, fmt.Errorf("cluster: run id %q: want 1 to 32 lower-case letters, digits, dashes", o.RunID)
	}
	if o.Hosts == 0 {
		o.Hosts = 3
	}
	if o.Hosts < 1 || o.Hosts > 16 {
		return o, fmt.Errorf("cluster: %d hosts: want 1 to 16", o.Hosts)
	}
	if o.Storage == "" {
		o.Storage = NFS
	}
	if o.Storage, err = ParseKind(string(o.Storage)); err != nil {
		return o, fmt.Errorf("cluster: %w", err)
	}
	if o.TimeFactor == 0 {
		o.TimeFactor = 0.2
	}
	if o.TimeFactor < 0.05 || o.TimeFactor > 10 {
		return o, fmt.Errorf("cluster: time factor %g: want 0.05 to 10", o.TimeFactor)
	}
	if o.IOTimeout == 0 {
		o.IOTimeout = time.Second
	}
	if o.IOTimeout < time.Second || o.IOTimeout%time.Second != 0 {
		return o, fmt.Errorf("cluster: io_timeout %s: want whole seconds from 1s", o.IOTimeout)
	}
	if o.Sector == 0 {
		o.Sector = 512
	}
	if o.Sector != 512 && o.Sector != 4096 {
		return o, fmt.Errorf("cluster: sector size %d: want 512 or 4096", o.Sector)
	}
	if o.ReadyTimeout == 0 {
		o.ReadyTimeout = 60 * time.Second
	}
	return o, nil
}

func (o Options) parts() Parts {
	return Parts{VDSM: o.VDSM, SMTP: o.SMTP, OVF: o.OVF, Sector: o.Sector}
}

func validRunID(s string) bool {
	if s == "" || len(s) > 32 {
		return false
	}
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return false
		}
	}
	return s[0] != '-'
}

func nearestKind(s string) Kind {
	switch {
	case strings.Contains(s, "gotgt"):
		return ISCSIGotgt
	case strings.HasPrefix(strings.ToLower(s), "i"), strings.Contains(s, "tgt"):
		return ISCSI
	}
	return NFS
}
