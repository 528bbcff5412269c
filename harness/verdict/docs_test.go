package verdict

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// docs/verdict.md names every member, and its example is a verdict.
func TestTheManualKnowsEveryMember(t *testing.T) {
	data, err := os.ReadFile("../../docs/verdict.md")
	require.NoError(t, err)
	manual := string(data)
	for _, v := range []any{Verdict{}, Fault{}, Claim{}, Phases{}, Latency{}, Lane{}, AgentTicks{}, Lateness{}} {
		for _, field := range reflect.VisibleFields(reflect.TypeOf(v)) {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			require.Regexp(t, "[`.]"+name+"`", manual, "%T.%s", v, field.Name)
		}
	}
	_, example, _ := strings.Cut(manual, "```json\n")
	example, _, _ = strings.Cut(example, "```")
	decoder := json.NewDecoder(strings.NewReader(example))
	decoder.DisallowUnknownFields()
	var v Verdict
	require.NoError(t, decoder.Decode(&v))
	require.Equal(t, Pass, v.Verdict)
}
