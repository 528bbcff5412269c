// Package needs lets the tests of the faults say what they cannot do without. It is the little that they share with
// harness/needs, which faults must not import: a test whose need is not met is skipped with the reason and the cure, and
// fails where the environment has CI=true.
package needs

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Root wants the effective user to be root.
func Root(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		unmet(t, "root", "run the test with sudo")
	}
}

// FUSE wants /dev/fuse and the right to mount.
func FUSE(t testing.TB) {
	t.Helper()
	Root(t)
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		unmet(t, err.Error(), "modprobe fuse")
		return
	}
	f.Close()
}

// Program wants a program in PATH or in a system directory, and returns its path; pkg is the Debian package that has it.
func Program(t testing.TB, pkg, name string) string {
	t.Helper()
	if p, err := exec.LookPath(name); err == nil {
		return p
	}
	for _, dir := range []string{"/usr/sbin", "/sbin", "/usr/local/sbin"} {
		if p, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return p
		}
	}
	unmet(t, "no program "+name, "apt-get install "+pkg)
	return ""
}

func unmet(t testing.TB, reason, cure string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("NEEDS %s; cure: %s (CI=true, so this is a failure, not a skip)", reason, cure)
	}
	t.Skipf("SKIPPED, NOT PASSED: needs %s; cure: %s", reason, cure)
}
