package scenarios

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/harness/scenario"
	"github.com/holdfast-ha/holdfast/harness/verdict"
)

// TestFilesVet needs nothing but Go: every file parses, says in prose what it shows, and prints back to itself.
func TestFilesVet(t *testing.T) {
	files := files(t)
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
	for _, file := range files(t) {
		t.Run(strings.TrimSuffix(file, ".txt"), func(t *testing.T) {
			t.Parallel()
			o := runScenario(t, bin, filepath.Join("scenarios", file))
			require.Equal(t, verdict.Pass, o.verdict.Verdict, "%s\n%s", o.verdict.Reason, o.output)
			require.Equal(t, 0, o.code, "exit code of a PASS; the run said:\n%s", o.output)
			for _, left := range []string{"scenario.txt", "events.jsonl", "timeline.html", "junit.xml", "versions.json", "dumps/*/host2.txt", "hosts/host2/broker.log"} {
				found, err := filepath.Glob(filepath.Join(o.dir, left))
				require.NoError(t, err)
				require.NotEmpty(t, found, "the run directory lacks %s", left)
			}
			t.Logf("%s in %.1f s", o.verdict.Verdict, o.verdict.WallS)
		})
	}
}

func files(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.txt")
	require.NoError(t, err)
	return files
}
