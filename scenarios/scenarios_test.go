package scenarios

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/harness/scenario"
	"github.com/holdfast-ha/holdfast/harness/verdict"
)

// TestFilesVet needs nothing but Go: every file parses, says in prose what it shows, and prints back to itself.
func TestFilesVet(t *testing.T) {
	files := slices.Concat(files(t, ""), files(t, "long"), files(t, "rpc"))
	require.GreaterOrEqual(t, len(files), 7)
	for _, file := range files {
		sc, err := scenario.Load(file)
		require.NoError(t, err)
		require.NotEmpty(t, strings.Join(sc.Prose, ""), "%s: no prose says what it shows", file)
	}
}

// TestScenarios runs every file on real servers and daemons and wants PASS.
func TestScenarios(t *testing.T) {
	bin := binaries(t)
	for _, file := range files(t, "") {
		t.Run(strings.TrimSuffix(file, ".txt"), func(t *testing.T) {
			t.Parallel()
			passes(t, bin, file)
		})
	}
}

// TestLongScenarios runs the files that take minutes, one after the other: `make test-long`.
func TestLongScenarios(t *testing.T) {
	if os.Getenv("HOLDFAST_LONG") == "" {
		t.Skip("these take minutes each; `make test-long` runs them")
	}
	bin := binaries(t)
	for _, file := range slices.Concat(files(t, "long"), files(t, "rpc")) {
		t.Run(strings.TrimSuffix(file, ".txt"), func(t *testing.T) { passes(t, bin, file) })
	}
}

// passes runs one file and wants PASS and a whole run directory.
func passes(t *testing.T, bin, file string) {
	t.Helper()
	o := runScenario(t, bin, filepath.Join("scenarios", file))
	require.Equal(t, verdict.Pass, o.verdict.Verdict, "%s\n%s", o.verdict.Reason, o.output)
	require.Equal(t, 0, o.code, "exit code of a PASS; the run said:\n%s", o.output)
	wanted := []string{"scenario.txt", "events.jsonl", "timeline.html", "junit.xml", "versions.json", "hosts/host2/broker.log"}
	if len(o.verdict.Faults) > 0 {
		wanted = append(wanted, "dumps/*/host2.txt")
	}
	for _, left := range wanted {
		found, err := filepath.Glob(filepath.Join(o.dir, left))
		require.NoError(t, err)
		require.NotEmpty(t, found, "the run directory lacks %s", left)
	}
	t.Logf("%s in %.1f s", o.verdict.Verdict, o.verdict.WallS)
}

// files are the scenarios of a directory here: "" those that every `make test` runs, long those that take minutes, rpc those of the table of
// latencies.
func files(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	require.NoError(t, err)
	return files
}
