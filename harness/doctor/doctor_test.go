package doctor

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-ha/holdfast/harness/needs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEveryCapabilityIsExplained(t *testing.T) {
	began := time.Now()
	list := Examine(t.Context())
	require.Less(t, time.Since(began), 15*time.Second)
	names := map[string]bool{}
	for _, c := range list {
		t.Logf("%-45s ok=%-5v for %-15q %s", c.Name, c.OK, c.Needed, c.Found)
		require.False(t, names[c.Name], "%s twice", c.Name)
		names[c.Name] = true
		require.NotEmpty(t, c.Name)
		if !c.OK {
			require.NotEmpty(t, c.Found, "%s: what was seen", c.Name)
			require.NotEmpty(t, c.Cure, "%s: how to get it", c.Name)
		}
	}
}

func TestThisMachineCanRunTheContainerTier(t *testing.T) {
	needs.Docker(t)
	require.Empty(t, Blocking(Examine(t.Context())))
}

func TestWithoutAnEngine(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
	blocking := Blocking(Examine(t.Context()))
	require.NotEmpty(t, blocking)
	require.Equal(t, "docker engine", blocking[0].Name)
	require.Contains(t, blocking[0].Cure, "ci/setup.sh")
}

func TestJudgements(t *testing.T) {
	dir := t.TempDir()
	file := func(text string) string {
		p := filepath.Join(dir, "f")
		require.NoError(t, os.WriteFile(p, []byte(text), 0o600))
		return p
	}
	require.False(t, fuse(file("")).OK, "a file is no device")
	require.False(t, fuse(filepath.Join(dir, "gone")).OK)
	require.Contains(t, appArmor(file("Y\n")).Found, "unconfined")
	require.Contains(t, appArmor(file("N\n")).Found, "not active")
	require.Equal(t, "v2", controlGroups(file("cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n")).Found)
	require.Equal(t, "v1", controlGroups(file("cgroup /sys/fs/cgroup/cpu cgroup rw 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n")).Found)
	require.False(t, controlGroups(file("proc /proc proc rw 0 0\n")).OK)
	require.False(t, rootful([]string{"name=seccomp", "name=rootless"}).OK)
	require.True(t, rootful([]string{"name=seccomp,profile=default"}).OK)
	require.False(t, diskSpace("x", dir, 1<<60, "cure").OK)
	require.True(t, kernelClient("NFS", "nfs", file("nodev\tnfs\n")).OK)
}
