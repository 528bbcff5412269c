package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/holdfast-ha/holdfast/daemons/vm"
)

// maxFile bounds what is read of a state file, in bytes.
const maxFile = 64 << 10

// record is engine.json.
type record struct {
	PID        int    `json:"pid"`
	StartTicks uint64 `json:"start_ticks"`
	// Started is CLOCK_MONOTONIC, in seconds.
	Started float64 `json:"started"`
	// Killed is set before SIGKILL is sent, so that a process which cannot die is not taken for a running engine.
	Killed bool `json:"killed,omitempty"`
}

// exit is engine-exit.json.
type exit struct {
	PID        int     `json:"pid"`
	StartTicks uint64  `json:"start_ticks"`
	Message    string  `json:"message"`
	At         float64 `json:"at"` // CLOCK_MONOTONIC, in seconds
}

// Report is engine-status.json, what the program says about itself.
type Report struct {
	State      vm.State `json:"state"`
	Message    string   `json:"message,omitempty"`
	ExitReason int      `json:"exit_reason"`           // one of vm's Exit constants; read when State is down
	PID        int      `json:"pid,omitempty"`         // of the program; 0 = not said
	StartTicks uint64   `json:"start_ticks,omitempty"` // of PID, see StartTicks
	Since      float64  `json:"since,omitempty"`       // CLOCK_MONOTONIC in seconds at which State began; 0 = not said
}

// WriteReport puts r in place of the file at path, complete or not at all.
func WriteReport(path string, r Report) error { return writeJSON(path, r) }

func (d *Driver) recordPath() string { return filepath.Join(d.options.RunDir, "engine.json") }
func (d *Driver) exitPath() string   { return filepath.Join(d.options.RunDir, "engine-exit.json") }

// writeJSON writes a temporary file beside path and renames it.
func writeJSON(path string, value any) error {
	b, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = file.Write(append(b, '\n'))
	err = errors.Join(err, file.Chmod(0o644), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		os.Remove(file.Name())
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// readJSON reads path into value and says whether the file is there.
func readJSON(path string, value any) (bool, error) {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read engine state: %w", err)
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, maxFile))
	if err == nil {
		err = json.Unmarshal(b, value)
	}
	if err != nil {
		return false, fmt.Errorf("read engine state %s: %w; make sure that no engine runs here, then remove the file", path, err)
	}
	return true, nil
}
