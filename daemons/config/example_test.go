package config_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/config"
)

const examplePath = "../packaging/holdfast.conf"

var update = flag.Bool("update", false, "rewrite the example file from the table of keys")

// The example file is the manual, so it must say what the code does.
func TestExampleFileIsTheTable(t *testing.T) {
	if *update {
		require.NoError(t, os.WriteFile(examplePath, []byte(config.Example()), 0o644)) //nolint:gosec // G306: an example that everybody may read
	}
	text, err := os.ReadFile(examplePath)
	require.NoError(t, err)
	require.Equal(t, config.Example(), string(text), "run: go test ./daemons/config -run ExampleFile -update")
}

// Every key stands in the example as a comment; with the comment signs taken away, the file says what the defaults say.
func TestExampleFileUncommentedSaysTheDefaults(t *testing.T) {
	text, err := os.ReadFile(examplePath)
	require.NoError(t, err)

	var bare strings.Builder
	keys := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		setting, commented := strings.CutPrefix(line, "#")
		if !commented || strings.HasPrefix(setting, " ") || !strings.Contains(setting, "=") {
			continue
		}
		name, _, _ := strings.Cut(setting, " ")
		keys[name] = true
		if name == "host_id" {
			setting = "host_id = 7\n"
		}
		bare.WriteString(setting)
	}
	for _, key := range config.Keys() {
		require.True(t, keys[key.Name], "key %s is missing in the example file", key.Name)
	}
	require.Len(t, keys, len(config.Keys()), "the example file has keys that do not exist")

	got, err := config.Parse("example", []byte(bare.String()))
	require.NoError(t, err)
	want := config.Default()
	want.HostID = 7
	require.Equal(t, want, got)

	// As it is delivered, the file sets nothing, and so lacks a host id.
	_, err = config.Load(examplePath)
	require.ErrorContains(t, err, `key "host_id": required and missing`)
}
