package needs

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder stands in for a test and remembers how it was ended.
type recorder struct {
	testing.TB
	skipped, failed string
}

func (r *recorder) Helper()                   {}
func (r *recorder) Skip(args ...any)          { r.skipped = fmt.Sprint(args...) }
func (r *recorder) Fatalf(f string, a ...any) { r.failed = fmt.Sprintf(f, a...); panic("ended") }

func TestUnmetSkipsLoudlyButFailsInCI(t *testing.T) {
	t.Setenv("CI", "")
	r := &recorder{TB: t}
	Unless(r, false, "a moon", "there is none", "build one")
	require.Contains(t, r.skipped, "SKIPPED, NOT PASSED")
	require.Contains(t, r.skipped, "build one")

	t.Setenv("CI", "true")
	r = &recorder{TB: t}
	require.Panics(t, func() { Unless(r, false, "a moon", "there is none", "build one") })
	require.Contains(t, r.failed, "a moon")
	require.Empty(t, r.skipped)
}

func TestMetGoesOn(t *testing.T) {
	r := &recorder{TB: t}
	Unless(r, true, "", "", "")
	require.Equal(t, "sh", filepath.Base(Program(r, "dash", "sh")[0]))
	require.Empty(t, r.skipped+r.failed)
	_, err := FindProgram("no-such-program-anywhere")
	require.Error(t, err)
}

func TestDockerAnswers(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "hfneeds")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "d.sock")
	t.Setenv("DOCKER_HOST", "unix://"+socket)
	require.ErrorContains(t, DockerAnswers(t.Context()), socket)

	l, err := net.Listen("unix", socket)
	require.NoError(t, err)
	status := http.StatusOK
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	s.Listener.Close()
	s.Listener = l
	s.Start()
	defer s.Close()
	require.NoError(t, DockerAnswers(t.Context()))
	status = http.StatusInternalServerError
	require.ErrorContains(t, DockerAnswers(t.Context()), "500")
}
