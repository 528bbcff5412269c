package events

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"sync"
)

// DefaultLimit is how many bytes a log may grow to: some 400,000 events.
const DefaultLimit = 64 << 20

// reserve is kept free below the limit for the note that says how many events were left out.
const reserve = 256

// ErrClosed is returned by Append after Close.
var ErrClosed = errors.New("event log is closed")

// Writer appends events to a log. It is safe for concurrent use. Each event is handed to the operating system before Append
// returns, so a harness that is killed leaves a log that is whole up to that moment. Past its limit the writer drops
// RPC, lane and agent samples and whatever else comes, counts them, and says so in a last note.
type Writer struct {
	mu      sync.Mutex
	w       io.Writer
	closer  io.Closer
	limit   int64
	written int64
	dropped int
	lastT   float64
	closed  bool
}

// NewWriter returns a writer to w that stops at limit bytes (0: DefaultLimit). Writes to w happen under the writer's lock,
// one a line; w must be a local file or memory, never the storage under test.
func NewWriter(w io.Writer, limit int64) *Writer {
	if limit <= 0 {
		limit = DefaultLimit
	}
	return &Writer{w: w, limit: limit}
}

// Create opens a log file, empty, for this user to write and everybody to read.
func Create(path string) (*Writer, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("create the event log: %w", err)
	}
	w := NewWriter(f, DefaultLimit)
	w.closer = f
	return w, nil
}

// Append writes one event. It fills in the kind from the payload. An event without a payload, with a kind that does not fit,
// or with a time that is not a number is refused; a full log is not an error (see Dropped).
func (w *Writer) Append(e Event) error {
	kind := e.kind()
	switch {
	case kind == "":
		return errors.New("append to the event log: the event has no payload")
	case e.Kind != "" && e.Kind != kind:
		return fmt.Errorf("append to the event log: kind %q, but the payload is of kind %q", e.Kind, kind)
	case math.IsNaN(e.T) || math.IsInf(e.T, 0):
		return fmt.Errorf("append to the event log: time %v is not a number of seconds", e.T)
	}
	e.Kind = kind
	e.T = round(e.T, 1e6)
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("append to the event log: %w", err)
	}
	line = append(line, '\n')

	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return ErrClosed
	}
	if w.written+int64(len(line)) > w.limit-reserve {
		w.dropped++
		w.lastT = e.T
		return nil
	}
	return w.write(line)
}

func (w *Writer) write(line []byte) error {
	n, err := w.w.Write(line)
	w.written += int64(n)
	if err != nil {
		return fmt.Errorf("append to the event log: %w", err)
	}
	return nil
}

// Dropped says how many events were left out because the log was full.
func (w *Writer) Dropped() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dropped
}

// Close notes what was left out, if anything, and closes the file that Create opened. A second Close does nothing.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	w.closed = true
	var err error
	if w.dropped > 0 {
		text := fmt.Sprintf("the event log was full at %d bytes: %d later events are missing", w.limit, w.dropped)
		line, merr := json.Marshal(Event{T: w.lastT, Kind: KindNote, Note: &Note{Text: text}})
		if merr == nil {
			err = w.write(append(line, '\n'))
		}
	}
	if w.closer != nil {
		err = errors.Join(err, w.closer.Close())
	}
	return err
}

func round(v, unit float64) float64 { return math.Round(v*unit) / unit }
