package journal_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/journal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// soon is how long a test waits for what takes microseconds on an idle machine.
const soon = 30 * time.Second

// sink is a log's destination that can hang.
type sink struct {
	gate chan struct{} // a write waits until it can receive; closed = open for all
	mu   sync.Mutex
	text bytes.Buffer
}

func openSink() *sink {
	s := hangingSink()
	s.heal()
	return s
}

func hangingSink() *sink { return &sink{gate: make(chan struct{})} }

func (s *sink) heal() { close(s.gate) }

func (s *sink) Write(p []byte) (int, error) {
	<-s.gate
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *sink) lines(t *testing.T) []map[string]any {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	var lines []map[string]any
	for text := range strings.Lines(s.text.String()) {
		line := map[string]any{}
		require.NoError(t, json.Unmarshal([]byte(text), &line), "line %q", text)
		lines = append(lines, line)
	}
	return lines
}

func closeInTime(t *testing.T, j *journal.Journal) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	require.NoError(t, j.Close(ctx))
}

func TestEveryLineHasBothClocks(t *testing.T) {
	out := openSink()
	log, j := journal.New(out, slog.LevelInfo)
	before := clock.Now().Seconds()
	log.Info("turn", "state", "EngineUp", "age_s", 1.5)
	log.With("lane", "ha-writer").WithGroup("blocked").Warn("lane stalled", "for_s", 6.5, "time", "later")
	log.Debug("not this one")
	after := clock.Now().Seconds()
	closeInTime(t, j)

	lines := out.lines(t)
	require.Len(t, lines, 2)
	for _, line := range lines {
		_, err := time.Parse(time.RFC3339Nano, line["time"].(string))
		require.NoError(t, err)
		require.GreaterOrEqual(t, line["mono"], before)
		require.LessOrEqual(t, line["mono"], after)
	}
	require.Equal(t, "turn", lines[0]["msg"])
	require.Equal(t, "INFO", lines[0]["level"])
	require.Equal(t, "EngineUp", lines[0]["state"])
	require.Equal(t, "ha-writer", lines[1]["lane"])
	require.Equal(t, map[string]any{"for_s": 6.5, "time": "later"}, lines[1]["blocked"], "clocks stand at the top, not in a group")
	require.Zero(t, j.Dropped())
}

// A log on hung storage, or a stopped journald, must not stop the daemon.
func TestAHangingSinkBlocksNobodyAndDropsAreTold(t *testing.T) {
	out := hangingSink()
	log, j := journal.New(out, slog.LevelInfo)
	const written = 20_000
	logged := make(chan struct{})
	go func() {
		defer close(logged)
		for i := range written {
			log.Info("turn", "n", i)
		}
	}()
	select {
	case <-logged:
	case <-time.After(soon):
		t.Fatal("logging blocked on a hanging sink")
	}
	dropped := j.Dropped()
	require.Greater(t, dropped, uint64(written/2), "the queue is bounded")
	require.Less(t, dropped, uint64(written))

	out.heal()
	closeInTime(t, j)
	lines := out.lines(t)
	require.Len(t, lines, int(written-dropped)+1, "what was not dropped is written, and one line that tells of the rest")
	var told []map[string]any
	for _, line := range lines {
		if strings.HasPrefix(line["msg"].(string), "log lines dropped") {
			told = append(told, line)
			require.Equal(t, "WARN", line["level"])
			require.Contains(t, line, "mono")
		}
	}
	require.Len(t, told, 1)
	require.EqualValues(t, dropped, told[0]["dropped"])
	require.EqualValues(t, dropped, told[0]["dropped_total"])
}

func TestTheQueueIsBoundedInBytes(t *testing.T) {
	out := hangingSink()
	log, j := journal.New(out, slog.LevelInfo)
	long := strings.Repeat("x", 1<<20)
	for range 10 {
		log.Info(long)
	}
	require.GreaterOrEqual(t, j.Dropped(), uint64(6), "10 MiB do not fit a queue of 4 MiB")
	out.heal()
	closeInTime(t, j)
}

func TestCloseGivesUpOnAHangingSinkAtItsDeadline(t *testing.T) {
	out := hangingSink()
	log, j := journal.New(out, slog.LevelInfo)
	log.Info("never seen in time")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err := j.Close(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "1 lines unwritten, the sink hangs")

	// Logging goes on to be harmless, and the abandoned goroutine ends once the sink is back.
	log.Info("after the end")
	require.Equal(t, uint64(1), j.Dropped())
	out.heal()
	closeInTime(t, j)
}

func TestCloseTwiceAndAfterNothing(t *testing.T) {
	_, j := journal.New(openSink(), slog.LevelInfo)
	closeInTime(t, j)
	closeInTime(t, j)
}

func TestLinesOfManyWritersStayWhole(t *testing.T) {
	out := openSink()
	log, j := journal.New(out, slog.LevelInfo)
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for i := range 100 {
				log.Info("line", "writer", w, "text", fmt.Sprint(i, strings.Repeat("y", i)))
			}
		})
	}
	writers.Wait()
	closeInTime(t, j)
	require.Len(t, out.lines(t), 400)
}

func BenchmarkLogToAHangingSink(b *testing.B) {
	out := hangingSink()
	log, j := journal.New(out, slog.LevelInfo)
	b.ReportAllocs()
	for b.Loop() {
		log.Info("turn", "state", "EngineUp", "score", 3400)
	}
	out.heal()
	require.NoError(b, j.Close(b.Context()))
}
