package vdsm

import (
	"context"
	"errors"
	"time"
)

// VMStats is what VM.getStats and the events say of a virtual machine, as far as Holdfast uses it.
type VMStats struct {
	Status      Text `json:"status"` // one of VDSM's words: package vm has them
	ExitCode    Text `json:"exitCode"`
	ExitReason  Text `json:"exitReason"` // a number; means something with status Down
	ExitMessage Text `json:"exitMessage"`
	// StatusTime is when VDSM saw this, in milliseconds of its own clock: 2^31-1 plus the host's uptime. Compare it as a
	// number; "" or "None" when VDSM does not know.
	StatusTime Text `json:"statusTime"`
	// CPUUser and CPUSys are in percent of one processor.
	CPUUser Text `json:"cpuUser"`
	CPUSys  Text `json:"cpuSys"`
	// CPUActual is "false" while the two are placeholders; older VDSMs have no such member and say it with a CPUUsage of
	// "0.00".
	CPUActual Text `json:"cpuActual"`
	CPUUsage  Text `json:"cpuUsage"`
	MemUsage  Text `json:"memUsage"` // percent of its memory
}

// VMGetStats returns the state of a virtual machine. CodeNoSuchVM: it is not on this host.
func (c *Client) VMGetStats(ctx context.Context, id string) (VMStats, error) {
	const op = "VM.getStats"
	var list []VMStats
	if err := c.Call(ctx, op, map[string]any{"vmID": id}, &list); err != nil {
		return VMStats{}, err
	}
	if len(list) != 1 {
		return VMStats{}, c.failed(op, KindProtocol, errors.New("want a list with one element"))
	}
	return list[0], nil
}

// VMCreate makes VDSM create and start a virtual machine and returns its status, WaitForLaunch as a rule, before it
// runs. params are VDSM's: the key xml with libvirt's domain XML, or the single settings of older times.
func (c *Client) VMCreate(ctx context.Context, id string, params map[string]any) (status string, err error) {
	var made struct {
		Status Text `json:"status"`
	}
	err = c.Call(ctx, "VM.create", map[string]any{"vmID": id, "vmParams": params}, &made)
	return string(made.Status), err
}

// VMDestroy ends a virtual machine at once and removes it from VDSM's list.
func (c *Client) VMDestroy(ctx context.Context, id string) error {
	return c.Call(ctx, "VM.destroy", map[string]any{"vmID": id}, nil)
}

// VMShutdown asks the guest to shut down after delay, whole seconds, which it shows its users with message. It returns
// at once.
func (c *Client) VMShutdown(ctx context.Context, id string, delay time.Duration, message string) error {
	return c.Call(ctx, "VM.shutdown", map[string]any{"vmID": id, "delay": int(delay / time.Second), "message": message}, nil)
}
