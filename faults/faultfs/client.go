package faultfs

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// ErrNoRule is wrapped by the error of Clear for a rule that does not exist (any more).
var ErrNoRule = errors.New("no such rule")

// DefaultTimeout bounds a client call whose context has no earlier deadline.
const DefaultTimeout = 5 * time.Second

// Client talks to the control socket of a fault file system. It holds no connection between calls, needs no closing, and is
// safe for concurrent use.
type Client struct {
	Socket  string        // path of the control socket
	Timeout time.Duration // bounds a call; 0 means DefaultTimeout
}

// Add puts a rule into effect and returns its id. Requests that are under way in the backing file are not affected.
func (c Client) Add(ctx context.Context, r Rule) (string, error) {
	if err := r.Validate(); err != nil {
		return "", err
	}
	a, err := c.call(ctx, command{Cmd: cmdAdd, Rule: &r}, 0)
	return a.ID, err
}

// Clear removes a rule, which frees the requests that it holds, and returns the rule's last status.
func (c Client) Clear(ctx context.Context, id string) (RuleStatus, error) {
	a, err := c.call(ctx, command{Cmd: cmdClear, ID: id}, 0)
	if err != nil {
		return RuleStatus{}, err
	}
	if len(a.Rules) != 1 {
		return RuleStatus{}, fmt.Errorf("faultfs %s: clear %s: reply without the rule's status", c.Socket, id)
	}
	return a.Rules[0], nil
}

// ClearAll removes all rules and returns their last status.
func (c Client) ClearAll(ctx context.Context) ([]RuleStatus, error) {
	a, err := c.call(ctx, command{Cmd: cmdClearAll}, 0)
	return a.Rules, err
}

// Status returns the state of the file system and of each rule.
func (c Client) Status(ctx context.Context) (Status, error) {
	a, err := c.call(ctx, command{Cmd: cmdStatus}, 0)
	if err != nil {
		return Status{}, err
	}
	if a.Status == nil {
		return Status{}, fmt.Errorf("faultfs %s: status: reply without a status", c.Socket)
	}
	return *a.Status, nil
}

// Probe sends a request of the server's own through the gate; see Probe.
func (c Client) Probe(ctx context.Context, p Probe) (ProbeResult, error) {
	a, err := c.call(ctx, command{Cmd: cmdProbe, Probe: &p}, time.Duration(p.TimeoutMS*float64(time.Millisecond)))
	if err != nil {
		return ProbeResult{}, err
	}
	if a.Probe == nil {
		return ProbeResult{}, fmt.Errorf("faultfs %s: probe: reply without a result", c.Socket)
	}
	return *a.Probe, nil
}

// call makes one request on a connection of its own. extra is time that the server may legitimately take.
func (c Client) call(ctx context.Context, cmd command, extra time.Duration) (answer, error) {
	fail := func(err error) (answer, error) {
		return answer{}, fmt.Errorf("faultfs %s: %s: %w (is holdfast-faultfs running?)", c.Socket, cmd.Cmd, err)
	}
	timeout := c.Timeout
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout+extra)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", c.Socket)
	if err != nil {
		return fail(err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	line, err := json.Marshal(cmd)
	if err != nil {
		return answer{}, fmt.Errorf("faultfs: %s: %w", cmd.Cmd, err)
	}
	if _, err := conn.Write(append(line, '\n')); err != nil {
		return fail(err)
	}
	reply, err := bufio.NewReader(io.LimitReader(conn, maxReply)).ReadBytes('\n')
	if err != nil {
		return fail(err)
	}
	var a answer
	if err := json.Unmarshal(reply, &a); err != nil {
		return fail(err)
	}
	switch {
	case a.NoRule:
		return answer{}, fmt.Errorf("faultfs %s: %s %s: %w", c.Socket, cmd.Cmd, cmd.ID, ErrNoRule)
	case a.Error != "":
		return answer{}, fmt.Errorf("faultfs %s: %s: %s", c.Socket, cmd.Cmd, a.Error)
	}
	return a, nil
}
