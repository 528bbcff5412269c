package scenario

import (
	"fmt"
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
	words = append(words, observedWords()...)
	words = append(words, withVDSM, withSMTP, withOVF, "sector", "answers", "half_open", "torn=yes", "updated", "code=0", "contains=")
	for _, list := range [][]string{MediaErrors(), MonitorTypes(), damages(), answerWords()} {
		words = append(words, list...)
	}
	for _, p := range programs() {
		words = append(words, string(p))
	}
	for _, kind := range FaultKinds() {
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

	require.NoError(t, conditionsPrintBack(manual))
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

// conditionsPrintBack reads every condition of the table below `expect CONDITION`.
func conditionsPrintBack(manual string) error {
	_, behind, _ := strings.Cut(manual, "### `expect CONDITION")
	table, _, _ := strings.Cut(behind, "### ")
	for _, line := range strings.Split(table, "\n") {
		cell, ok := strings.CutPrefix(line, "| `")
		cell, _, _ = strings.Cut(cell, "` |")
		if !ok {
			continue
		}
		for _, text := range strings.Split(cell, "`, `") {
			statement, err := ParseStatement("expect " + text + " within=10s")
			if err != nil {
				return err
			}
			if want := "expect " + text + " within=10s"; statement.String() != want {
				return fmt.Errorf("the manual has %q, the canonical text is %q", want, statement)
			}
		}
	}
	return nil
}
