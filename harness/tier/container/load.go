package container

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/holdfast-ha/holdfast/harness/attendant"
	"github.com/holdfast-ha/holdfast/harness/load"
)

// loadGrace is what a load may take beyond its time: to start, to end the last calls, to report.
const loadGrace = 20 * time.Second

// Load puts the host's broker under the load of many clients, from one process in the host's container, and returns what they met.
// The socket of the options is ignored.
func (h *Host) Load(ctx context.Context, o load.Options) (load.Result, error) {
	o.Socket = inBroker
	client := attendant.Client{Socket: h.Attendant.Socket, Timeout: o.For + loadGrace}
	out, err := client.Check(ctx, append([]string{inBin + "/holdfast-probe", "load"}, o.Args()...)...)
	if err != nil {
		return load.Result{}, fmt.Errorf("%s: load: %w", h.Name, err)
	}
	var result load.Result
	if err := json.Unmarshal([]byte(out), &result); err != nil {
		return load.Result{}, fmt.Errorf("%s: load: unreadable result: %w", h.Name, err)
	}
	return result, nil
}
