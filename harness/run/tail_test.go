package run

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestFollowTakesWholeLines: a line counts when its newline is there, whatever the pieces in which it was written, and what
// was written just before the end is still read.
func TestFollowTakesWholeLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "late.log")
	ctx, stop := context.WithCancel(t.Context())
	var mu sync.Mutex
	var lines []string
	var followed error
	var done sync.WaitGroup
	done.Go(func() {
		followed = follow(ctx, path, func(line []byte) {
			mu.Lock()
			defer mu.Unlock()
			lines = append(lines, string(line))
		})
	})
	f, err := os.Create(path) // only now does the file come into being
	require.NoError(t, err)
	defer f.Close()
	long := strings.Repeat("x", 200<<10)
	for _, piece := range []string{"on", "e\n\ntwo\nth", "ree\n", long, "\n"} {
		_, err := f.WriteString(piece)
		require.NoError(t, err)
		time.Sleep(5 * time.Millisecond)
	}
	require.Eventually(t, func() bool { mu.Lock(); defer mu.Unlock(); return len(lines) == 4 }, 10*time.Second, 5*time.Millisecond)
	_, err = f.WriteString("last\nhalf")
	require.NoError(t, err)
	stop()
	done.Wait()
	require.NoError(t, followed)
	require.Equal(t, []string{"one", "two", "three", long, "last"}, lines)
}

// TestFollowTellsOfAFileItCannotRead: an engine's log that nobody could read is not the log of an engine that never ran.
func TestFollowTellsOfAFileItCannotRead(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	require.NoError(t, follow(ctx, filepath.Join(t.TempDir(), "none"), nil), "a host without an engine has no log")
	require.Error(t, follow(ctx, t.TempDir(), nil))
}
