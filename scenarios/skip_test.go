package scenarios

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/harness/verdict"
)

// TestWithoutAnEngineRunsAreSkippedLoudly: no Docker engine is exit code 3, with what is missing and how to get it.
func TestWithoutAnEngineRunsAreSkippedLoudly(t *testing.T) {
	bin := binaries(t)
	t.Setenv("DOCKER_HOST", "unix://"+filepath.Join(t.TempDir(), "nobody.sock"))
	dir := keepDir(t)
	code, output := holdfast(t, bin, "run", "scenarios/hang_write_nfs.txt", "--out", dir)
	require.Equal(t, 3, code, output)
	require.Contains(t, output, "Docker engine")
	require.Contains(t, output, "ci/setup.sh")
	v, err := verdict.Read(dir)
	require.NoError(t, err)
	require.Equal(t, verdict.Skip, v.Verdict)
	require.FileExists(t, filepath.Join(dir, "timeline.html"))
}

// TestBadInputIsAnsweredWithItsCure: exit code 2, the place, what was expected, the nearest word; nothing is started.
func TestBadInputIsAnsweredWithItsCure(t *testing.T) {
	bin := binaries(t)
	bad := filepath.Join(t.TempDir(), "bad.txt")
	require.NoError(t, os.WriteFile(bad, []byte("cluster hosts=3 storage=nfs\nexpect host2 lnae=ha-writer blocked within=5s\n"), 0o600))
	for _, c := range []struct {
		args []string
		code int
		want []string
	}{
		{[]string{"run", bad}, 2, []string{bad + ":2:", `"lnae"`, "expected", `did you mean "lane"`}},
		{[]string{"run", "scenarios/no_such.txt"}, 2, []string{"no such file", "given by path"}},
		{[]string{"run", "scenarios/hang_write_nfs.txt", "scenarios/hang_write_nfs.txt"}, 2, []string{"both are called hang_write_nfs"}},
		{[]string{"run", "scenarios/hang_write_nfs.txt", "--tier", "moon"}, 2, []string{"container"}},
		{[]string{"run", "scenarios/hang_write_nfs.txt", "--binary", "holdfast-broker=/no/such"}, 2, []string{"holdfast-broker", "no such file"}},
		{[]string{"up", "--storage", "floppy"}, 2, []string{"nfs", "iscsi"}},
		{[]string{"up", "--storage", "iscsi:gotgt", "--out", filepath.Join(t.TempDir(), "run")}, 1, []string{"HOLDFAST_GOTGT"}},
		{[]string{"fault", "hang", "medai"}, 2, []string{`did you mean "media"`}},
		{[]string{"report", t.TempDir()}, 1, []string{"verdict.json", "--out"}},
		{[]string{"halt"}, 2, []string{"unknown command"}},
	} {
		code, output := holdfast(t, bin, c.args...)
		require.Equal(t, c.code, code, "holdfast %v said:\n%s", c.args, output)
		for _, want := range c.want {
			require.Contains(t, output, want, "holdfast %v", c.args)
		}
	}
}
