package play

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/brokerlink"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
	"github.com/holdfast-ha/holdfast/harness/tier/container"
)

// Status is what a running cluster looks like at one moment.
type Status struct {
	RunID   string        `json:"run_id"`
	Dir     string        `json:"dir"`
	Storage string        `json:"storage"`
	Hosts   []HostStatus  `json:"hosts"`
	Faults  []FaultStatus `json:"faults"`
}

// HostStatus is one host as its own broker tells it.
type HostStatus struct {
	Name    string  `json:"name"`
	Address string  `json:"address"`
	State   string  `json:"state"` // the agent's, from the record that it put
	Score   int     `json:"score"`
	Engine  string  `json:"engine"` // vm and health
	Lease   string  `json:"lease"`
	ReadAge float64 `json:"read_age_s"` // seconds since the broker last read all segments; -1 never
	Pending bool    `json:"pending"`    // the own record is not on storage yet
	// RPCMS is how long get_view took, milliseconds.
	RPCMS    float64  `json:"rpc_ms"`
	Busy     []string `json:"busy"` // lanes in an operation for longer than 0.2 s
	Warnings []string `json:"warnings"`
	Error    string   `json:"error,omitempty"` // why the broker did not answer
}

// FaultStatus is one fault in effect.
type FaultStatus struct {
	Words string `json:"words"`
	State string `json:"state"`
}

// Status asks every broker.
func (c *Cluster) Status(ctx context.Context) Status {
	s := Status{
		RunID: c.cluster.RunID, Dir: c.cluster.RunDir, Storage: string(c.cluster.Kind),
		Hosts: make([]HostStatus, len(c.cluster.Hosts)), Faults: []FaultStatus{},
	}
	var all sync.WaitGroup
	for i, h := range c.cluster.Hosts {
		all.Go(func() { s.Hosts[i] = hostStatus(ctx, h) })
	}
	all.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.faults {
		s.Faults = append(s.Faults, FaultStatus{Words: f.words.String(), State: string(f.State())})
	}
	return s
}

func hostStatus(ctx context.Context, h *container.Host) HostStatus {
	s := HostStatus{Name: h.Name, Address: h.Address, Busy: []string{}, Warnings: []string{}}
	link := brokerlink.New(h.BrokerSocket, 3*time.Second)
	began := time.Now()
	view, err := link.GetView(ctx)
	s.RPCMS = float64(time.Since(began).Microseconds()) / 1000
	if err != nil {
		s.Error = err.Error()
		return s
	}
	s.Lease, s.ReadAge = view.Lease.State, view.ReadAge
	if own, ok := view.Segment(h.ID); ok {
		s.Pending = own.Pending
		if record, err := whiteboard.Decode(h.ID, own.Data); err == nil {
			s.Score, s.State = record.Score, humanField(record.Human, "state")
			if engine, err := whiteboard.ParseEngineStatus(record.EngineStatus); err == nil {
				s.Engine = engine.VM + "/" + engine.Health
			}
		}
	}
	if lanes, err := link.GetLanes(ctx); err == nil {
		for _, l := range lanes.Lanes {
			if l.Busy && l.BlockedFor > 0.2 {
				s.Busy = append(s.Busy, fmt.Sprintf("%s %s %.1fs", l.Name, l.Op, l.BlockedFor))
			}
		}
	}
	if health, err := link.GetHealth(ctx); err == nil {
		for _, w := range health.Warnings {
			s.Warnings = append(s.Warnings, w.Code)
		}
	}
	return s
}

// humanField reads one line of a record's human part.
func humanField(human, key string) string {
	for line := range strings.Lines(human) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), key+"="); ok {
			return value
		}
	}
	return ""
}
