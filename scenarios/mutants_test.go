package scenarios

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/harness/verdict"
)

// A mutant is the same code with one known defect put back, by a build tag. Its scenario must notice; a scenario that passes
// on its mutant proves nothing.
var mutants = []struct {
	tag     string
	pkg     string // what is built with the tag
	binary  string // what it replaces; "holdfast" runs the scenario itself
	file    string
	want    verdict.Outcome
	breaks  string // the claim that must be among the broken ones; "" for none
	because string
}{
	{
		"mutant_rpcwaits", "./daemons/cmd/holdfast-broker", "holdfast-broker", "hang_write_nfs.txt", verdict.Fail,
		"always rpc host2",
		"an RPC handler that waits for the writer breaks `always rpc`",
	},
	{
		"mutant_oneslot", "./daemons/cmd/holdfast-broker", "holdfast-broker", "global_maintenance_survives_hang.txt", verdict.Fail,
		"expect disk maintenance=global",
		"one slot for all segments loses the operator's maintenance (S7)",
	},
	{
		"mutant_noopfault", "./harness/cmd/holdfast", "holdfast", "hang_write_nfs.txt", verdict.Invalid,
		"",
		"a fault that was not injected cannot be proven",
	},
}

// TestMutantsAreCaught runs each mutant in its scenario.
func TestMutantsAreCaught(t *testing.T) {
	bin := binaries(t)
	for _, m := range mutants {
		t.Run(m.tag, func(t *testing.T) {
			t.Parallel()
			mutant := build(t, m.tag, m.pkg, m.binary)
			var o outcome
			file := filepath.Join("scenarios", m.file)
			if m.binary == "holdfast" {
				o = runScenario(t, filepath.Dir(mutant), file, "--bin", bin)
			} else {
				o = runScenario(t, bin, file, "--binary", m.binary+"="+mutant)
			}
			require.Equal(t, m.want, o.verdict.Verdict, "%s\nreason: %s\n%s", m.because, o.verdict.Reason, o.output)
			require.Equal(t, m.want.ExitCode(), o.code, "exit code of %s", m.want)
			broken := slices.ContainsFunc(o.verdict.Claims, func(c verdict.Claim) bool { return !c.OK && strings.HasPrefix(c.Text, m.breaks) })
			require.True(t, m.breaks == "" || broken, "want %q broken; claims: %+v", m.breaks, o.verdict.Claims)
			t.Logf("%s: %s: %s", m.tag, o.verdict.Verdict, o.verdict.Reason)
		})
	}
}

// build makes one mutant in a directory of its own.
func build(t *testing.T, tag, pkg, binary string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	path := filepath.Join(t.TempDir(), binary)
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-tags", tag, "-o", path, pkg)
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "build with -tags %s:\n%s", tag, out)
	return path
}
