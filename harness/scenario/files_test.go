package scenario

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The scenario files of the project are canonical, checked, and say what they show.
func TestScenarioFiles(t *testing.T) {
	var paths []string
	for _, pattern := range []string{"*.txt", "*/*.txt"} {
		found, err := filepath.Glob(filepath.Join("../../scenarios", pattern))
		require.NoError(t, err)
		require.NotEmpty(t, found)
		paths = append(paths, found...)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			s, err := Load(path)
			require.NoError(t, err)
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, s.String(), string(data), "the file is not in canonical form")
			require.Empty(t, Remarks(s))
		})
	}
}
