package container

import (
	"context"
	"errors"
	"time"

	"github.com/holdfast-ha/holdfast/harness/attendant"
)

var errSoon = errors.New("not written yet")

// Up builds a cluster and returns when it is ready, or undoes what it had built and returns why.
func Up(ctx context.Context, o Options) (*Cluster, error) { return nil, errSoon }

// Open finds the cluster again that another process built, from the cluster.json in its run directory.
func Open(runDir string) (*Cluster, error) { return nil, errSoon }

// Close gives up the connections to the engine and leaves the cluster running.
func (c *Cluster) Close() error { return errSoon }

// Down takes the cluster down. It may be called more than once and after a failed Up.
func (c *Cluster) Down(ctx context.Context) error { return errSoon }

// ReadSegment reads whiteboard segment id (0 to 2000), 4096 bytes, from the backing file on the server's side, past every host cache.
func (c *Cluster) ReadSegment(id int) ([]byte, error) { return nil, errSoon }

// Removed says what [GC] did.
type Removed struct {
	Runs, Containers, Networks, Dirs []string
	Kept                             []string // runs of harness processes that live
}

// GC removes the containers, networks and socket directories of runs whose harness process is gone.
func GC(ctx context.Context) (Removed, error) { return Removed{}, errSoon }

// Leftovers lists what is left of a run ("" = of any run): containers, networks, mounts, processes, socket directories. Empty = nothing.
func Leftovers(ctx context.Context, runID string) ([]string, error) { return nil, errSoon }

// Pause freezes every process of the storage server.
func (s *Storage) Pause(ctx context.Context) error { return errSoon }

// Unpause thaws it.
func (s *Storage) Unpause(ctx context.Context) error { return errSoon }

// Paused reports whether it is frozen.
func (s *Storage) Paused(ctx context.Context) (bool, error) { return false, errSoon }

// Answers asks the server on the wire, from the given host, for a sign of life: RPC NULL or iSCSI NOP-Out.
func (h *Host) Answers(ctx context.Context, timeout time.Duration) (attendant.Answer, error) {
	return attendant.Answer{}, errSoon
}

// BuildBinaries builds the static binaries of the module into dir (default: bin/ of the module) and returns the directory.
func BuildBinaries(ctx context.Context, dir string) (string, error) { return "", errSoon }

func newRunID(now time.Time) string { return now.Format("0102-150405") }

func startProgram(ctx context.Context, where string, a *attendant.Client, specs map[string]attendant.Spec, name string) error {
	return errSoon
}

func stopProgram(ctx context.Context, where string, a *attendant.Client, name string, grace time.Duration) error {
	return errSoon
}
