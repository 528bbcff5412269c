package scenario

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// docs/scenarios.md explains every word, and its example is a scenario.
func TestTheManualKnowsEveryWord(t *testing.T) {
	data, err := os.ReadFile("../../docs/scenarios.md")
	require.NoError(t, err)
	manual := string(data)
	words := append(firstWords(), "engines", "rpc", "agent", "threads", "descriptors", "growth", "gap", "p99", "late<", "within", AllHosts, AnyHost)
	words = append(words, storages()...)
	for _, list := range [][]string{LaneNames(), LeaseStates(), AgentStates(), MediaOps(), MediaFiles(), maintenances()} {
		words = append(words, list...)
	}
	for _, kind := range []FaultKind{HangMedia, SlowMedia, FreezeNFS, FreezeISCSI, DropPath} {
		words = append(words, string(kind))
	}
	for _, word := range words {
		require.Contains(t, manual, word)
	}
	example := strings.Split(manual, "```")[1]
	s, err := Parse("docs/scenarios.md", []byte(example))
	require.NoError(t, err)
	require.NoError(t, Check(s))
	require.Empty(t, Remarks(s))

	for _, line := range strings.Split(manual, "\n") {
		heading, ok := strings.CutPrefix(line, "### `")
		if !ok {
			continue
		}
		for _, text := range strings.Split(strings.TrimSuffix(heading, "`"), "`, `") {
			if strings.Contains(text, "CONDITION") {
				continue
			}
			statement, err := ParseStatement(text)
			require.NoError(t, err, "heading %q", text)
			require.Equal(t, text, statement.String())
		}
	}
}
