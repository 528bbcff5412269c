package report

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	update     = flag.Bool("update", false, "rewrite the golden files; the diff is the review")
	synthetic  = flag.Bool("synthesize", false, "rewrite the synthetic run directory that the golden tests read")
	goldenRuns = filepath.Join("testdata", "hang_write_nfs")
	goldenAway = filepath.Join("testdata", "programs_away")
)

func TestSyntheticRun(t *testing.T) {
	if !*synthetic {
		t.Skip("writes testdata; run with -synthesize")
	}
	synthesize(t, goldenRuns)
	synthesizeAway(t, goldenAway)
}

// The reports of the committed run directory are what they were. After a wanted change: go test ./harness/report -update
func TestGolden(t *testing.T) {
	for _, dir := range []string{goldenRuns, goldenAway} {
		t.Run(filepath.Base(dir), func(t *testing.T) { golden(t, dir) })
	}
}

func golden(t *testing.T, dir string) {
	r, err := Load(dir)
	require.NoError(t, err)
	page, err := Timeline(r)
	require.NoError(t, err)
	xml, err := JUnit([]*Run{r})
	require.NoError(t, err)
	for name, got := range map[string][]byte{TimelineFile: page, JUnitFile: xml, SummaryFile: []byte(Summary([]*Run{r}))} {
		path := filepath.Join(dir, name)
		if *update {
			require.NoError(t, os.WriteFile(path, got, 0o644))
			continue
		}
		want, err := os.ReadFile(path)
		require.NoError(t, err, "make it with -update")
		require.Equal(t, string(want), string(got), "%s differs; if that is wanted: go test ./harness/report -update", path)
	}
}
