package vdsm

import (
	"context"
	"encoding/json"
	"fmt"
)

// HostStats is what Host.getStats says, as far as Holdfast uses it.
type HostStats struct {
	// MemFree is the host's free memory in MiB; "" when VDSM did not say.
	MemFree Text `json:"memFree"`
	// Network is the state of each network device, bridges among them, by name.
	Network map[string]NetworkStats `json:"network"`
}

// NetworkStats is the state of one network device.
type NetworkStats struct {
	State Text `json:"state"` // "up" or "down"
}

// DomainMonitor is what VDSM's monitor says of one storage domain.
type DomainMonitor struct {
	Code Text `json:"code"` // 0, or a storage error's code
	// LastCheck is how long ago the status was updated, in seconds.
	LastCheck Text `json:"lastCheck"`
	// Delay is how long the last read took, in seconds; 0 when it failed.
	Delay Text `json:"delay"`
	Valid bool `json:"valid"` // no error. True before the first check too: see Actual
	// Acquired: VDSM holds its host id in the domain's own lockspace.
	Acquired bool `json:"acquired"`
	// Actual is false until the first full check; nil from a VDSM that does not say.
	Actual  *bool `json:"actual"`
	Version Text  `json:"version"`
}

// Ping2 asks VDSM for an answer and nothing else.
func (c *Client) Ping2(ctx context.Context) error { return c.Call(ctx, "Host.ping2", nil, nil) }

// HostGetStats returns the host's figures. VDSM's own may take seconds when it has hosted-engine data to collect.
func (c *Client) HostGetStats(ctx context.Context) (HostStats, error) {
	return call[HostStats](ctx, c, "Host.getStats", nil)
}

// RepoStats returns what VDSM's monitors say of the storage domains with these ids, by id. A domain that is not
// monitored is absent. No ids: all that are monitored.
func (c *Client) RepoStats(ctx context.Context, domains ...string) (map[string]DomainMonitor, error) {
	if domains == nil {
		domains = []string{}
	}
	var raw map[string]json.RawMessage
	if err := c.Call(ctx, "Host.getStorageRepoStats", map[string]any{"domains": domains}, &raw); err != nil {
		return nil, err
	}
	monitors := make(map[string]DomainMonitor, len(raw))
	for id, one := range raw {
		if len(one) == 0 || one[0] != '{' {
			continue // versions put a plain member beside the domains
		}
		var m DomainMonitor
		if err := json.Unmarshal(one, &m); err != nil {
			return nil, c.failed("Host.getStorageRepoStats", KindProtocol, fmt.Errorf("domain %.40q: %w", id, err))
		}
		monitors[id] = m
	}
	return monitors, nil
}

// StartMonitoringDomain makes VDSM monitor a storage domain and acquire the host id in its lockspace. It returns before
// that is done: RepoStats tells. Nothing happens when it is monitored already.
func (c *Client) StartMonitoringDomain(ctx context.Context, domain string, hostID int) error {
	return c.Call(ctx, "Host.startMonitoringDomain", map[string]any{"sdUUID": domain, "hostID": hostID}, nil)
}

// StopMonitoringDomain ends that. It is refused with CodeInPool when the domain belongs to a connected pool.
func (c *Client) StopMonitoringDomain(ctx context.Context, domain string) error {
	return c.Call(ctx, "Host.stopMonitoringDomain", map[string]any{"sdUUID": domain}, nil)
}
