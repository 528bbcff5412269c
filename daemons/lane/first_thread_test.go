package lane_test

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/daemons/lane"
)

// A goroutine may come to run on the process's first thread. A lane there would rename the whole process, and its thread could not
// end. The test makes that likely: in a child process with one processor, many lanes are started while the main goroutine sleeps.
func TestALaneNeverTakesTheFirstThread(t *testing.T) {
	if os.Getenv("LANE_TEST_CHILD") == "1" {
		runtime.GOMAXPROCS(1)
		process := comm(os.Getpid())
		startedOnFirst := 0
		for range 200 {
			starter, settled := make(chan int), make(chan int)
			go func() {
				starter <- unix.Gettid()
				l := lane.New("ha-first", func(lane.Done) {})
				l.Close()
				<-l.Ended()
				settled <- l.State().TID
			}()
			if <-starter == os.Getpid() {
				startedOnFirst++
			}
			require.NotEqual(t, os.Getpid(), <-settled, "a lane took the first thread")
		}
		require.Equal(t, process, comm(os.Getpid()), "the process was renamed")
		t.Logf("starts from the first thread: %d", startedOnFirst)
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	child := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestALaneNeverTakesTheFirstThread$", "-test.v", "-test.timeout=60s")
	child.Env = append(os.Environ(), "LANE_TEST_CHILD=1", "GORACE=atexit_sleep_ms=0")
	out, err := child.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS")
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "starts from the first thread") {
			t.Log(strings.TrimSpace(line))
		}
	}
}
