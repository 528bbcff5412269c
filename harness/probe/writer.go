package probe

import (
	"encoding/json"
	"fmt"
	"io"
	"sync/atomic"
)

// queued is how many lines may wait for a slow file; a few seconds' worth.
const queued = 1024

// writer puts lines into the file, one write each, from its own goroutine, so
// that a slow disk does not disturb what is being measured.
type writer struct {
	lines   chan any
	dropped atomic.Int64
	done    chan struct{}
	err     error // valid once done is closed
	failed  func(error)
}

func newWriter(out io.Writer, failed func(error)) *writer {
	w := &writer{lines: make(chan any, queued), done: make(chan struct{}), failed: failed}
	go w.run(out)
	return w
}

func (w *writer) run(out io.Writer) {
	defer close(w.done)
	for line := range w.lines {
		if w.err != nil {
			continue
		}
		data, err := json.Marshal(line)
		if err == nil {
			_, err = out.Write(append(data, '\n'))
		}
		if err != nil {
			w.err = fmt.Errorf("probe: write a line: %w; check the disk that holds the output file", err)
			w.failed(w.err)
		}
	}
}

// write queues a line, or drops it if the queue is full.
func (w *writer) write(line any) {
	select {
	case w.lines <- line:
	default:
		w.dropped.Add(1)
	}
}

// close writes what is queued and ends the goroutine. Nothing may be written after.
func (w *writer) close() error {
	close(w.lines)
	<-w.done
	return w.err
}
