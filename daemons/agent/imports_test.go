package agent_test

import (
	"context"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const module = "github.com/holdfast-ha/holdfast"

func goList(t *testing.T, args ...string) []string {
	t.Helper()
	ctx, done := context.WithTimeout(t.Context(), 2*time.Minute)
	defer done()
	cmd := exec.CommandContext(ctx, "go", append([]string{"list"}, args...)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "go list %v: %s", args, stderr.String())
	return strings.Fields(string(out))
}

// The agent decides even when storage hangs, so nothing that is linked into it may be able to reach storage (S16).
func TestAgentReachesNoStorage_S16(t *testing.T) {
	for _, pkg := range []string{"daemons/agent", "daemons/agent/shell", "daemons/cmd/holdfast-agent"} {
		deps := goList(t, "-deps", module+"/"+pkg)
		require.Contains(t, deps, module+"/"+pkg)
		for _, dep := range deps {
			path, own := strings.CutPrefix(dep, module+"/")
			if !own {
				continue
			}
			for _, forbidden := range []string{
				"daemons/lane", "daemons/lease", "daemons/whiteboard/segmentfile", "daemons/broker", "daemons/storage", "harness", "faults",
			} {
				require.False(t, path == forbidden || strings.HasPrefix(path, forbidden+"/"), "%s is linked with %s", pkg, path)
			}
		}
	}
}

// The core has no clock, file, socket, goroutine, log or random source.
func TestCoreIsPure(t *testing.T) {
	allowed := []string{
		"cmp", "errors", "fmt", "slices", "strings", "time",
		module + "/daemons/clock", module + "/daemons/config", module + "/daemons/whiteboard",
	}
	imports := goList(t, "-f", `{{join .Imports "\n"}}`, module+"/daemons/agent")
	require.NotEmpty(t, imports)
	for _, imported := range imports {
		require.True(t, slices.Contains(allowed, imported), "the core imports %s", imported)
	}
	// time and clock are for values only.
	sources := goList(t, "-f", `{{range .GoFiles}}{{$.Dir}}/{{.}} {{end}}`, module+"/daemons/agent")
	out, err := exec.CommandContext(t.Context(), "grep", append([]string{
		"-nE", `time\.(Now|Since|Until|After|AfterFunc|Sleep|Tick|NewTimer|NewTicker)\(|clock\.(Now|BootSeconds|System)\(|config\.Load\(|\bgo (func|[a-z]+\()|make\(chan`,
	}, sources...)...).CombinedOutput()
	require.Empty(t, string(out), "the core reads a clock or starts something")
	require.Error(t, err, "grep finds nothing, which it reports as exit status 1")
}
