package run

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/harness/report"
)

// TestVersionsNameAMutant: a verdict on another binary must not be taken for one on the daemon.
func TestVersionsNameAMutant(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, writeVersions(dir, ourVersions(7, map[string]string{"holdfast-broker": "/tmp/mutant"})))
	text, err := os.ReadFile(filepath.Join(dir, report.VersionsFile))
	require.NoError(t, err)
	require.Contains(t, string(text), `"holdfast-broker": "replaced by /tmp/mutant"`)
	require.Contains(t, string(text), `"seed": "7"`)
}
