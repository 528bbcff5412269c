// Package needs lets a test say what it cannot do without. A test whose need is not met is skipped with a reason and the cure;
// where the environment has CI=true it fails instead, so that nothing is left out unseen.
package needs

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Docker wants a Docker engine that answers.
func Docker(t testing.TB) {
	t.Helper()
	if err := DockerAnswers(t.Context()); err != nil {
		unmet(t, "a Docker engine", err.Error(), "run ci/setup.sh (it starts one), or set DOCKER_HOST")
	}
}

// Root wants the effective user to be root.
func Root(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		unmet(t, "root", fmt.Sprintf("effective user is %d", os.Geteuid()), "run the test with sudo")
	}
}

// FUSE wants /dev/fuse to open for reading and writing.
func FUSE(t testing.TB) {
	t.Helper()
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		unmet(t, "/dev/fuse", err.Error(), "load the kernel module (modprobe fuse) and run as root")
		return
	}
	f.Close()
}

// Program wants every named program to be found in PATH or in the system's sbin directories; pkg is the Debian package that has it.
// It returns the path of each.
func Program(t testing.TB, pkg string, names ...string) []string {
	t.Helper()
	var paths []string
	for _, name := range names {
		p, err := FindProgram(name)
		if err != nil {
			unmet(t, name, err.Error(), "apt-get install "+pkg)
			return nil
		}
		paths = append(paths, p)
	}
	return paths
}

// FindProgram looks a program up in PATH, then in /usr/sbin, /sbin and /usr/local/sbin, which a user's PATH often lacks.
func FindProgram(name string) (string, error) {
	if p, err := exec.LookPath(name); err == nil {
		return p, nil
	}
	for _, dir := range []string{"/usr/sbin", "/sbin", "/usr/local/sbin"} {
		p := filepath.Join(dir, name)
		if st, err := os.Stat(p); err == nil && !st.IsDir() && st.Mode()&0o111 != 0 {
			return p, nil
		}
	}
	return "", fmt.Errorf("%s: not found in PATH nor in the sbin directories", name)
}

// Unless fails or skips the test with the given need, reason and cure when ok is false: for needs that this package has no name for.
func Unless(t testing.TB, ok bool, need, reason, cure string) {
	t.Helper()
	if !ok {
		unmet(t, need, reason, cure)
	}
}

func unmet(t testing.TB, need, reason, cure string) {
	t.Helper()
	text := fmt.Sprintf("NEEDS %s: %s; cure: %s", need, reason, cure)
	if ci := os.Getenv("CI"); ci == "true" || ci == "1" {
		t.Fatalf("%s (CI is set, so this is a failure, not a skip)", text)
	}
	t.Skip("SKIPPED, NOT PASSED: " + text)
}

// DockerAnswers asks the Docker engine that DOCKER_HOST (or the default socket) names for a sign of life, within 3 s. It uses
// nothing but HTTP, so that a test binary which only wants to skip does not link a Docker client.
func DockerAnswers(ctx context.Context) error {
	host := os.Getenv("DOCKER_HOST")
	if host == "" {
		host = "unix:///var/run/docker.sock"
	}
	u, err := url.Parse(host)
	if err != nil {
		return fmt.Errorf("DOCKER_HOST %q: %w", host, err)
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	network, address := "tcp", u.Host
	if u.Scheme == "unix" {
		network, address = "unix", u.Path
	}
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://docker/_ping", nil)
	if err != nil {
		return err
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return fmt.Errorf("the engine at %s does not answer: %s", host, strings.TrimPrefix(err.Error(), "Get \"http://docker/_ping\": "))
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the engine at %s answers %s", host, resp.Status)
	}
	return nil
}
