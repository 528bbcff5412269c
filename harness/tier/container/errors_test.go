package container

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/config"
	"github.com/holdfast-ha/holdfast/harness/needs"
)

func TestBadOptionsSayWhatIsWanted(t *testing.T) {
	whole := built(t, slices.Sorted(maps.Keys(mains()))...)
	for name, c := range map[string]struct {
		o    Options
		want string
	}{
		"no directory": {Options{}, "run directory is needed"},
		"storage":      {Options{RunDir: "x", Storage: "nsf"}, `did you mean "nfs"`},
		"storage tgt":  {Options{RunDir: "x", Storage: "tgtd"}, `did you mean "iscsi"`},
		"hosts":        {Options{RunDir: "x", Hosts: 17}, "want 1 to 16"},
		"run id":       {Options{RunDir: "x", RunID: "Big_One"}, "lower-case"},
		"factor":       {Options{RunDir: "x", TimeFactor: 0.01}, "want 0.05 to 10"},
		"io_timeout":   {Options{RunDir: "x", IOTimeout: 1500 * time.Millisecond}, "whole seconds"},
		"binary":       {Options{RunDir: "x", BinDir: "/nonexistent"}, "make build"},
		"replacement":  {Options{RunDir: "x", BinDir: whole, Binaries: map[string]string{"holdfast-broker": "/etc/passwd"}}, "not a program"},
		"loader":       {Options{RunDir: "x", Binaries: map[string]string{"holdfast-attendant": "/bin/sh"}, StopAfter: StageServers}, "CGO_ENABLED=0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("HOLDFAST_BIN", "")
			_, err := Up(t.Context(), c.o)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestGotgtIsRefusedWithoutItsBinary(t *testing.T) {
	t.Setenv(GotgtEnv, "")
	_, err := gotgt()
	require.ErrorContains(t, err, GotgtEnv)
	t.Setenv(GotgtEnv, "/nonexistent/gotgt")
	_, err = gotgt()
	require.ErrorContains(t, err, "/nonexistent/gotgt")
}

func TestNoEngine(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
	_, err := Up(t.Context(), Options{RunDir: t.TempDir(), StopAfter: StageServers, BinDir: built(t, "holdfast-attendant", "holdfast-faultfs")})
	require.ErrorIs(t, err, ErrNoEngine)
	require.ErrorContains(t, err, "ci/setup.sh")
	_, err = GC(t.Context())
	require.ErrorIs(t, err, ErrNoEngine)
}

func TestFullDiskIsOneClearErrorAndLeavesNothing(t *testing.T) {
	needs.Docker(t)
	needs.Root(t)
	dir := t.TempDir()
	out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", dir).CombinedOutput()
	needs.Unless(t, err == nil, "a small tmpfs", string(out), "run as root with CAP_SYS_ADMIN")
	defer func() { _ = exec.Command("umount", "-l", dir).Run() }()
	id := "full-disk-test"
	_, err = Up(t.Context(), Options{RunDir: filepath.Join(dir, "run"), RunID: id, StopAfter: StageServers, BinDir: built(t, "holdfast-attendant", "holdfast-faultfs")})
	require.ErrorContains(t, err, "MiB free")
	require.ErrorContains(t, err, "--out")
	left, err := Leftovers(t.Context(), id)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestSecondClusterInOneDirectoryIsRefused(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, recordFile), []byte("{}"), 0o600))
	err := makeDirs(Options{RunDir: dir, Hosts: 1}, "/tmp/holdfast-never-made")
	require.ErrorContains(t, err, "another cluster")
	require.NoDirExists(t, "/tmp/holdfast-never-made")
}

func TestSocketDirectoryGuard(t *testing.T) {
	keep := t.TempDir()
	require.Error(t, removeSockDir(t.Context(), nil, keep))
	require.DirExists(t, keep)
	require.Error(t, removeSockDir(t.Context(), nil, "/tmp/holdfast-x/../../etc"))
}

func TestHoldfastConfIsAccepted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "holdfast.conf")
	o, err := Options{RunDir: "x", Config: map[string]string{"log_level": "debug"}}.withDefaults()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte(holdfastConf(o, "host2", 2)), 0o600))
	got, err := config.Load(path)
	require.NoError(t, err)
	require.Equal(t, 2, got.HostID)
	require.Equal(t, "host2", got.HostName)
	require.Equal(t, "debug", got.LogLevel)
	require.Equal(t, time.Second, got.IOTimeout)
	require.Equal(t, "/storage/whiteboard.img", got.WhiteboardPath)
	require.Equal(t, "/holdfast/bin/holdfast-engine", got.VMCommand[0])
}
