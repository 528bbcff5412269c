package container

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Sizes of the volumes in bytes. The whiteboard has 2001 segments of 4096 bytes, rounded up.
const (
	whiteboardSize = 16 << 20
	leaseAreaSize  = 4 << 20
	diskSize       = 16 << 20
	confSize       = 1 << 20
	storeSize      = 1 << 20
	// needFree is what the run directory's file system must have: volumes, logs, a report.
	needFree = 96 << 20
)

// volumeNames in the order of their LUN numbers, which begin at 1.
func (p Parts) volumeNames() []string {
	names := []string{Whiteboard, Lockspace, Lease, Disk}
	if p.OVF {
		names = append(names, Configuration, OVF1, OVF2)
	}
	return names
}

func volumeSize(name string) int64 {
	switch name {
	case Whiteboard:
		return whiteboardSize
	case Disk:
		return diskSize
	case Configuration:
		return confSize
	case OVF1, OVF2:
		return storeSize
	}
	return leaseAreaSize
}

// newRunID is short, because it is part of a unix socket's path, and tells the time to a person.
func newRunID(now time.Time) string {
	return fmt.Sprintf("%s-%x", now.Format("150405"), (now.UnixMicro()%1e6)<<8|int64(os.Getpid()&0xff))
}

// SockDirs is the pattern of the directories of runs' unix sockets: in /tmp whatever TMPDIR says, because a socket's path has 107
// bytes at most.
const SockDirs = "/tmp/holdfast-*"

// sockDirOf is the directory of a run's unix sockets.
func sockDirOf(runID string) string { return strings.TrimSuffix(SockDirs, "*") + runID }

// makeDirs makes the run's directories and volumes. Everything that a container's root will put files into is made here
// beforehand, so that the user who runs the harness may remove it again.
func makeDirs(o Options, sockDir string) error {
	if err := os.MkdirAll(o.RunDir, 0o755); err != nil {
		return fmt.Errorf("run directory: %w", err)
	}
	if strings.ContainsAny(o.RunDir, ":,\n") {
		return fmt.Errorf("run directory %s: a colon or comma in the path cannot be handed to the engine; choose another with --out", o.RunDir)
	}
	if _, err := os.Stat(filepath.Join(o.RunDir, recordFile)); err == nil {
		return fmt.Errorf("run directory %s: it holds another cluster's %s; choose an empty directory", o.RunDir, recordFile)
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(o.RunDir, &fs); err == nil && int64(fs.Bavail)*fs.Bsize < needFree {
		return fmt.Errorf("run directory %s: %d MiB free, want %d; cure: free some space or choose another directory with --out",
			o.RunDir, int64(fs.Bavail)*fs.Bsize>>20, needFree>>20)
	}
	if err := os.Mkdir(sockDir, 0o755); err != nil {
		if errors.Is(err, os.ErrExist) {
			return fmt.Errorf("socket directory %s: another run has this id; cure: `holdfast gc`, or another run id", sockDir)
		}
		return fmt.Errorf("socket directory: %w", err)
	}
	if err := fillDirs(o, sockDir); err != nil {
		return errors.Join(err, os.RemoveAll(sockDir))
	}
	return nil
}

func fillDirs(o Options, sockDir string) error {
	dirs := []string{"storage/volumes"}
	socks := []string{"storage"}
	for id := 1; id <= o.Hosts; id++ {
		name := hostName(id)
		dirs = append(dirs, filepath.Join("hosts", name))
		socks = append(socks, name)
		for _, d := range []string{"sanlock", "pids", stateDir, certDir} {
			socks = append(socks, filepath.Join(name, d))
		}
	}
	for _, d := range dirs {
		if err := os.MkdirAll(filepath.Join(o.RunDir, d), 0o755); err != nil {
			return fmt.Errorf("run directory: %w", err)
		}
	}
	for _, d := range socks {
		if err := os.MkdirAll(filepath.Join(sockDir, d), 0o755); err != nil {
			return fmt.Errorf("socket directory: %w", err)
		}
	}
	return makeVolumes(filepath.Join(o.RunDir, "storage", "volumes"), o.parts().volumeNames())
}

// makeVolumes makes the sparse, zeroed backing files.
func makeVolumes(dir string, names []string) error {
	for _, name := range names {
		f, err := os.OpenFile(filepath.Join(dir, name+".img"), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
		if err != nil {
			return fmt.Errorf("volume %s: %w", name, err)
		}
		err = f.Truncate(volumeSize(name))
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return fmt.Errorf("volume %s: %w; cure: free some disk space", name, err)
		}
	}
	return nil
}

func hostName(id int) string { return fmt.Sprintf("host%d", id) }
