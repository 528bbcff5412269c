package shell

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/holdfast-ha/holdfast/daemons/agent"
)

// askMaintenance looks for the flag of local maintenance. It is a worker's job because even a local file can hang.
func (s *shell) askMaintenance(context.Context) agent.Event {
	local, err := readMaintenance(s.options.LocalMaintenanceFile)
	return agent.MaintenanceAnswer{Local: local, Failure: failure(err)}
}

// largestFile bounds what is read of ha.conf, in bytes; two lines are expected.
const largestFile = 64 << 10

// readMaintenance reads upstream's ha.conf. A file that is not there sets nothing.
func readMaintenance(path string) (bool, error) {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read %s: %w", path, err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, largestFile))
	if err != nil {
		return false, fmt.Errorf("read %s: %w", path, err)
	}
	local, err := parseMaintenance(text)
	if err != nil {
		return false, fmt.Errorf("%s: %w", path, err)
	}
	return local, nil
}

// parseMaintenance reads lines key=value; either of the two flags means local maintenance. The last line of a key counts,
// an absent key is false, and the first letter of a value decides, as in upstream.
func parseMaintenance(text []byte) (bool, error) {
	flags := map[string]bool{"local_maintenance": false, "local_maintenance_manual": false}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for number := 1; lines.Scan(); number++ {
		key, value, found := strings.Cut(lines.Text(), "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if _, known := flags[key]; !found || !known {
			continue
		}
		switch {
		case value != "" && strings.Contains("tTyY1", value[:1]):
			flags[key] = true
		case value != "" && strings.Contains("fFnN0", value[:1]):
			flags[key] = false
		default:
			return false, fmt.Errorf("line %d: %s is %q; write True or False", number, key, value)
		}
	}
	if err := lines.Err(); err != nil {
		return false, fmt.Errorf("not lines of text: %w", err)
	}
	return flags["local_maintenance"] || flags["local_maintenance_manual"], nil
}
