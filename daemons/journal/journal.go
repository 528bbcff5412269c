// Package journal writes log lines without ever making anyone wait.
//
// A log line goes into a bounded queue; one goroutine writes the queue to the sink. When the sink hangs (journald stopped, a
// full pipe, a log directory on dead storage) lines are dropped and counted, and the daemon goes on. When the sink is back,
// one line tells how many were lost.
//
// Lines are JSON objects with "time" (wall clock, for people), "mono" (CLOCK_MONOTONIC in seconds, to be compared with
// other logs of the same machine), "level", "msg" and the line's own members.
package journal

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// Bounds of the queue. A daemon writes a few lines a second, so this is minutes of a hanging sink.
const (
	maxLines = 4096
	maxBytes = 4 << 20
)

// Journal owns the queue and the goroutine that writes it.
type Journal struct {
	sink  io.Writer
	wake  chan struct{} // capacity 1
	ended chan struct{}

	mu      sync.Mutex // held for a few instructions, never while the sink is written
	queue   [][]byte   // guarded by mu
	bytes   int        // in queue and with the writer; guarded by mu
	lines   int        // in queue and with the writer; guarded by mu
	dropped uint64     // guarded by mu
	closed  bool       // guarded by mu
}

// New returns a logger that writes lines of at least the given level to w, and the Journal behind it, which the caller
// closes at the end. w is written by one goroutine at a time, one or more whole lines a call.
func New(w io.Writer, level slog.Level) (*slog.Logger, *Journal) {
	j := &Journal{sink: w, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	go j.write()
	handler := slog.NewJSONHandler(enqueue{j}, &slog.HandlerOptions{Level: level, ReplaceAttr: addMono})
	return slog.New(handler), j
}

// addMono puts "mono" beside the line's "time". A group without a name is inlined; the time inside it is given as text,
// so that this function, which is called for it again, leaves it alone.
func addMono(groups []string, a slog.Attr) slog.Attr {
	if len(groups) > 0 || a.Key != slog.TimeKey || a.Value.Kind() != slog.KindTime {
		return a
	}
	return slog.Attr{Value: slog.GroupValue(
		slog.String(slog.TimeKey, a.Value.Time().Format(time.RFC3339Nano)),
		slog.Float64("mono", clock.Now().Seconds()),
	)}
}

// enqueue is what slog writes to: it copies the line and returns.
type enqueue struct{ journal *Journal }

func (e enqueue) Write(line []byte) (int, error) {
	j := e.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed || j.lines >= maxLines || j.bytes+len(line) > maxBytes {
		j.dropped++
		return len(line), nil
	}
	j.queue = append(j.queue, append([]byte(nil), line...))
	j.lines++
	j.bytes += len(line)
	j.signal()
	return len(line), nil
}

func (j *Journal) signal() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// write is the only goroutine that touches the sink. Close ends it, unless the sink hangs.
func (j *Journal) write() {
	defer close(j.ended)
	var reported uint64
	for range j.wake {
		for {
			batch, lines := j.take()
			if lines == 0 {
				break
			}
			for _, line := range batch {
				_, _ = j.sink.Write(line) // a log that cannot be written has nowhere to say so
			}
			dropped := j.release(batch)
			if dropped > reported {
				j.tellDropped(dropped-reported, dropped)
				reported = dropped
			}
		}
		if j.finished() {
			return
		}
	}
}

func (j *Journal) take() (batch [][]byte, lines int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	batch, j.queue = j.queue, nil
	return batch, len(batch)
}

func (j *Journal) release(batch [][]byte) (dropped uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines -= len(batch)
	for _, line := range batch {
		j.bytes -= len(line)
	}
	return j.dropped
}

func (j *Journal) finished() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.closed && len(j.queue) == 0
}

// tellDropped writes straight to the sink: the queue must not be able to drop the line that tells of dropped lines.
func (j *Journal) tellDropped(now, total uint64) {
	direct := slog.NewJSONHandler(j.sink, &slog.HandlerOptions{ReplaceAttr: addMono})
	slog.New(direct).Warn("log lines dropped: the log's sink did not take them in time",
		"dropped", now, "dropped_total", total)
}

// Dropped returns how many lines were lost so far.
func (j *Journal) Dropped() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.dropped
}

// Close refuses further lines (they count as dropped) and waits until the queue is written or ctx ends. In the latter
// case the sink hangs, its goroutine is abandoned, and the error tells how many lines were still queued.
func (j *Journal) Close(ctx context.Context) error {
	j.mu.Lock()
	j.closed = true
	j.signal()
	j.mu.Unlock()
	select {
	case <-j.ended:
		return nil
	case <-ctx.Done():
		j.mu.Lock()
		defer j.mu.Unlock()
		return fmt.Errorf("close log: %d lines unwritten, the sink hangs: %w", j.lines, context.Cause(ctx))
	}
}
