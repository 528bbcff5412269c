package scenarios

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/harness/verdict"
)

// A mutant is the same code with one known defect put back: a patch in mutants/. What should notice must notice; a scenario or a
// test that passes on its mutant proves nothing.
type mutant struct {
	name    string          // the patch's, without .patch
	about   string          // the defect, with its S number if it has one
	builds  string          // package of the program that is built with the defect
	file    string          // the scenario that notices ...
	want    verdict.Outcome // ... with this verdict ...
	breaks  string          // ... and this claim among the broken ones; "" for none
	test    string          // or the Go test that fails: PACKAGE NAME
	always  bool            // run by every `make test`, not only by `make mutants`
	patched []string        // the files that it changes, from the module's root
}

// allMutants says that every mutant is to be run, as `make mutants` does.
func allMutants() bool { return os.Getenv("HOLDFAST_MUTANTS") == "all" }

// TestMutantsAreCaught runs each mutant in its scenario or test.
func TestMutantsAreCaught(t *testing.T) {
	skipped := 0
	for _, m := range mutants(t) {
		if !m.always && !allMutants() {
			skipped++
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			overlay := m.overlay(t)
			if m.test != "" {
				m.failsItsTest(t, overlay)
				return
			}
			bin := binaries(t)
			program := m.build(t, overlay)
			name := filepath.Base(m.builds)
			args := []string{"--binary", name + "=" + program}
			if name == "holdfast" {
				args, bin = []string{"--bin", bin}, filepath.Dir(program)
			}
			o := runScenario(t, bin, filepath.Join("scenarios", m.file), args...)
			require.Equal(t, m.want, o.verdict.Verdict, "%s\nreason: %s\n%s", m.about, o.verdict.Reason, o.output)
			require.Equal(t, m.want.ExitCode(), o.code, "exit code of %s", m.want)
			broken := slices.ContainsFunc(o.verdict.Claims, func(c verdict.Claim) bool { return !c.OK && strings.HasPrefix(c.Text, m.breaks) })
			require.True(t, m.breaks == "" || broken, "want %q broken; claims: %+v", m.breaks, o.verdict.Claims)
			t.Logf("%s: %s: %s", m.about, o.verdict.Verdict, o.verdict.Reason)
		})
	}
	if skipped > 0 {
		t.Logf("%d more mutants are run by `make mutants`", skipped)
	}
}

// TestMutantsFitTheCode needs nothing but Go: each patch applies, names what is there, and what it makes compiles. A patch that
// rotted proves nothing.
func TestMutantsFitTheCode(t *testing.T) {
	all := mutants(t)
	require.GreaterOrEqual(t, len(all), 3)
	for _, m := range all {
		t.Run(m.name, func(t *testing.T) {
			overlay := m.overlay(t)
			if m.file != "" {
				require.FileExists(t, m.file, "the scenario that it names")
			}
			pkg := m.builds
			if m.test != "" {
				pkg, _, _ = strings.Cut(m.test, " ")
			}
			run(t, 5*time.Minute, "go", "vet", "-overlay", overlay, pkg)
		})
	}
}

func (m mutant) failsItsTest(t *testing.T, overlay string) {
	t.Helper()
	pkg, name, _ := strings.Cut(m.test, " ")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "test", "-overlay", overlay, "-count=1", "-v", "-run", "^"+name+"$", pkg)
	cmd.Dir = ".."
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit, "%s: %s passes with the defect in it:\n%s", m.about, m.test, out)
	require.Contains(t, string(out), "--- FAIL: "+name, "it must fail by itself, not for want of a build")
	t.Logf("%s: %s fails", m.about, m.test)
}

// build makes the mutant's program in a directory of its own.
func (m mutant) build(t *testing.T, overlay string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), filepath.Base(m.builds))
	run(t, 5*time.Minute, "go", "build", "-trimpath", "-overlay", overlay, "-o", path, m.builds)
	return path
}

// overlay applies the patch to copies of the files that it changes and tells the go command to take those. The tree stays as it is.
func (m mutant) overlay(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	dir := t.TempDir()
	replace := map[string]string{}
	for _, file := range m.patched {
		text, err := os.ReadFile(filepath.Join(root, file))
		if !errors.Is(err, os.ErrNotExist) {
			require.NoError(t, err)
		}
		copied := filepath.Join(dir, file)
		require.NoError(t, os.MkdirAll(filepath.Dir(copied), 0o755))
		if err == nil {
			require.NoError(t, os.WriteFile(copied, text, 0o600))
		}
		replace[filepath.Join(root, file)] = copied
	}
	run(t, time.Minute, "patch", "--directory="+dir, "--strip=1", "--fuzz=0", "--silent", "--input="+filepath.Join(root, "scenarios", "mutants", m.name+".patch"))
	list, err := json.Marshal(map[string]any{"Replace": replace})
	require.NoError(t, err)
	path := filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(path, list, 0o600))
	return path
}

func run(t *testing.T, limit time.Duration, argv ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%v:\n%s", argv, out)
}

// header is a line before the patch itself: `name: value`.
var header = regexp.MustCompile(`^(mutant|builds|scenario|verdict|breaks|test|when): (.+)$`)

// mutants reads the headers of all patches.
func mutants(t *testing.T) []mutant {
	t.Helper()
	files, err := filepath.Glob("mutants/*.patch")
	require.NoError(t, err)
	var all []mutant
	for _, file := range files {
		m := mutant{name: strings.TrimSuffix(filepath.Base(file), ".patch"), builds: "./daemons/cmd/holdfast-broker", want: verdict.Fail}
		text, err := os.Open(file)
		require.NoError(t, err)
		lines := bufio.NewScanner(text)
		for lines.Scan() {
			if changed, found := strings.CutPrefix(lines.Text(), "+++ b/"); found {
				m.patched = append(m.patched, changed)
			}
			part := header.FindStringSubmatch(lines.Text())
			if part == nil || len(m.patched) > 0 {
				continue
			}
			switch part[1] {
			case "mutant":
				m.about = part[2]
			case "builds":
				m.builds = part[2]
			case "scenario":
				m.file = part[2]
			case "verdict":
				m.want = verdict.Outcome(part[2])
			case "breaks":
				m.breaks = part[2]
			case "test":
				m.test = part[2]
			case "when":
				m.always = part[2] == "always"
			}
		}
		require.NoError(t, lines.Err())
		require.NoError(t, text.Close())
		require.NotEmpty(t, m.about, "%s: no line `mutant: ...` says which defect it is", file)
		require.NotEmpty(t, m.patched, "%s: changes no file", file)
		require.NotEqual(t, m.file == "", m.test == "", "%s: either `scenario: FILE` or `test: PACKAGE NAME` must notice", file)
		all = append(all, m)
	}
	return all
}
