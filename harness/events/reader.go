package events

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// maxLine bounds one line of a log; a longer one is skipped and counted.
const maxLine = 1 << 20

// Log is what was read from a log.
type Log struct {
	// Events in order of time; events of one moment keep the order in which they were written.
	Events []Event
	// Skipped lines: not JSON, too long, cut off, of a kind this version does not know, or without the payload of their kind.
	Skipped int
	// FirstSkipped tells the first of them: line number and why. Empty when there is none.
	FirstSkipped string
}

// Read reads a whole log and tolerates what it does not understand. The error is that of the reader alone.
func Read(r io.Reader) (Log, error) {
	var log Log
	in := bufio.NewReaderSize(r, 64<<10)
	for number := 1; ; number++ {
		line, tooLong, err := readLine(in)
		if len(bytes.TrimSpace(line)) > 0 || tooLong {
			log.add(number, line, tooLong)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return log, fmt.Errorf("read the event log, line %d: %w", number, err)
		}
	}
	slices.SortStableFunc(log.Events, func(a, b Event) int {
		switch {
		case a.T < b.T:
			return -1
		case a.T > b.T:
			return 1
		}
		return 0
	})
	return log, nil
}

// ReadFile reads the log at path.
func ReadFile(path string) (Log, error) {
	f, err := os.Open(path)
	if err != nil {
		return Log{}, fmt.Errorf("read the event log: %w", err)
	}
	defer f.Close()
	return Read(f)
}

func (log *Log) add(number int, line []byte, tooLong bool) {
	if tooLong {
		log.skip(number, fmt.Sprintf("longer than %d bytes", maxLine))
		return
	}
	var e Event
	if err := json.Unmarshal(line, &e); err != nil {
		log.skip(number, err.Error())
		return
	}
	if kind := e.kind(); kind == "" || kind != e.Kind {
		log.skip(number, fmt.Sprintf("kind %q is unknown or has no payload", e.Kind))
		return
	}
	log.Events = append(log.Events, e)
}

func (log *Log) skip(number int, why string) {
	log.Skipped++
	if log.FirstSkipped == "" {
		log.FirstSkipped = fmt.Sprintf("line %d: %s", number, why)
	}
}

// readLine reads up to the next newline and remembers at most maxLine bytes of it.
func readLine(in *bufio.Reader) (line []byte, tooLong bool, err error) {
	for {
		part, err := in.ReadSlice('\n')
		if !tooLong && len(line)+len(part) <= maxLine {
			line = append(line, part...)
		} else {
			tooLong = true
			line = nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, tooLong, err
		}
	}
}
