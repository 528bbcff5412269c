package attendant

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

// Client talks to the attendant of one container. It holds no connection between calls, so it needs no closing, and a container
// that was killed and started again is reached without further ado.
type Client struct {
	// Socket is the path of the attendant's socket as seen from outside the container.
	Socket string
	// Timeout bounds a call whose context has no earlier deadline; 0 means 15 s.
	Timeout time.Duration

	lastID atomic.Int64
}

// NewClient returns a client of the attendant at the given socket, with the default time-out.
func NewClient(socket string) *Client { return &Client{Socket: socket} }

// Ping asks for a sign of life and returns the attendant's own process id (1 in a container).
func (c *Client) Ping(ctx context.Context) (int, error) {
	var p Process
	err := c.call(ctx, OpPing, nil, &p, 0)
	return p.PID, err
}

// WaitReady pings until the attendant answers or the context ends.
func (c *Client) WaitReady(ctx context.Context) error {
	for {
		attempt, cancel := context.WithTimeout(ctx, time.Second)
		_, err := c.Ping(attempt)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("attendant at %s does not answer: %w", c.Socket, errors.Join(ctx.Err(), err))
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Spawn starts a program under a name and returns its process id inside the container.
func (c *Client) Spawn(ctx context.Context, s Spec) (int, error) {
	var p Process
	err := c.call(ctx, OpSpawn, s, &p, 0)
	return p.PID, err
}

// Signal sends a signal to the named program (to its process alone, not to its group).
func (c *Client) Signal(ctx context.Context, name string, sig syscall.Signal) error {
	return c.call(ctx, OpSignal, nameArgs{Name: name, Sig: int(sig)}, nil, 0)
}

// Status returns what is known of the named program, which may have ended.
func (c *Client) Status(ctx context.Context, name string) (Process, error) {
	var p Process
	err := c.call(ctx, OpStatus, nameArgs{Name: name}, &p, 0)
	return p, err
}

// Wait returns when the named program has ended, or with [KindTimeout] when it has not within the timeout.
func (c *Client) Wait(ctx context.Context, name string, timeout time.Duration) (Process, error) {
	var p Process
	err := c.call(ctx, OpWait, nameArgs{Name: name}, &p, timeout)
	return p, err
}

// List returns every program that was started by name, in the order of the first start.
func (c *Client) List(ctx context.Context) ([]Process, error) {
	var list []Process
	err := c.call(ctx, OpList, nil, &list, 0)
	return list, err
}

// Run runs a program to its end and returns its output. An exit code other than 0 is not an error. The program's whole
// process group is killed when the context's deadline (at most the client's Timeout from now) passes.
func (c *Client) Run(ctx context.Context, argv ...string) (Output, error) {
	var out Output
	err := c.call(ctx, OpRun, runArgs{Argv: argv}, &out, c.remaining(ctx))
	return out, err
}

// RunInput is [Client.Run] with a text for the program's standard input and variables added to its environment.
func (c *Client) RunInput(ctx context.Context, stdin string, env []string, argv ...string) (Output, error) {
	var out Output
	err := c.call(ctx, OpRun, runArgs{Argv: argv, Env: env, Stdin: stdin}, &out, c.remaining(ctx))
	return out, err
}

// Check runs a program and makes an exit code other than 0 an error that quotes what it said.
func (c *Client) Check(ctx context.Context, argv ...string) (string, error) {
	out, err := c.Run(ctx, argv...)
	if err != nil {
		return "", err
	}
	if out.Code != 0 {
		return out.Stdout, fmt.Errorf("%v: exit code %d: %s", argv, out.Code, tail(out.Stderr+out.Stdout, 400))
	}
	return out.Stdout, nil
}

// RPCNull dials addr (IP:port) from inside the container and sends an ONC RPC NULL call. [KindTimeout] means that no answer came
// within the timeout (0: 2 s), [KindRefused] that the connection was refused or reset.
func (c *Client) RPCNull(ctx context.Context, addr string, program, version uint32, timeout time.Duration) (Answer, error) {
	var a Answer
	err := c.call(ctx, OpRPCNull, rpcArgs{Addr: addr, Program: program, Version: version}, &a, timeout)
	return a, err
}

// ISCSINop logs in to the target at addr (IP:port) from inside the container and sends a NOP-Out. Errors as with [Client.RPCNull].
func (c *Client) ISCSINop(ctx context.Context, addr, target string, timeout time.Duration) (Answer, error) {
	var a Answer
	err := c.call(ctx, OpISCSINop, iscsiArgs{Addr: addr, Target: target}, &a, timeout)
	return a, err
}

// ReadBlock reads length bytes (at most [MaxBlock]) at an offset of a file in the container, past the page cache where the file
// system allows it.
func (c *Client) ReadBlock(ctx context.Context, path string, offset int64, length int) ([]byte, error) {
	var b blockResult
	err := c.call(ctx, OpReadBlock, blockArgs{Path: path, Offset: offset, Length: length}, &b, 0)
	return b.Data, err
}

// State returns how the named program is right now, which may have ended.
func (c *Client) State(ctx context.Context, name string) (State, error) {
	var s State
	err := c.call(ctx, OpState, nameArgs{Name: name}, &s, 0)
	return s, err
}

// Ask sends a program that serves at addr (a socket's path or IP:port, inside the container) the cheapest question of its protocol:
// "sanlock" its version, "broker" get_health, "vdsm" a TLS handshake, "smtp" its greeting. Errors as with [Client.RPCNull].
func (c *Client) Ask(ctx context.Context, program, addr string, timeout time.Duration) (Answer, error) {
	var a Answer
	err := c.call(ctx, OpAsk, askArgs{Program: program, Addr: addr}, &a, timeout)
	return a, err
}

// Look tells what is at a path of the container, without following a symbolic link. Only for paths that cannot hang.
func (c *Client) Look(ctx context.Context, path string) (FileInfo, error) {
	var info FileInfo
	err := c.call(ctx, OpLook, pathArgs{Path: path}, &info, 0)
	return info, err
}

func (c *Client) timeout() time.Duration {
	if c.Timeout > 0 {
		return c.Timeout
	}
	return 15 * time.Second
}

// remaining leaves the attendant a little less time than the caller has, so that its answer still arrives.
func (c *Client) remaining(ctx context.Context) time.Duration {
	left := c.timeout()
	if deadline, ok := ctx.Deadline(); ok {
		left = min(left, time.Until(deadline))
	}
	return max(left-left/20, time.Millisecond)
}

// call makes one request on a connection of its own. within is the time-out handed to the attendant (0 = its default).
func (c *Client) call(ctx context.Context, op string, args, result any, within time.Duration) error {
	limit := max(c.timeout(), within+2*time.Second)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	req := Request{ID: c.lastID.Add(1), Op: op, TimeoutMS: within.Milliseconds()}
	if within > 0 && req.TimeoutMS == 0 {
		req.TimeoutMS = 1
	}
	if args != nil {
		raw, err := json.Marshal(args)
		if err != nil {
			return fmt.Errorf("attendant: %s: %w", op, err)
		}
		req.Args = raw
	}
	line, err := json.Marshal(req)
	if err != nil {
		return fmt.Errorf("attendant: %s: %w", op, err)
	}
	reply, err := exchange(ctx, c.Socket, append(line, '\n'))
	if err != nil {
		return fmt.Errorf("attendant at %s: %s: %w", c.Socket, op, err)
	}
	if reply.ID != req.ID {
		return fmt.Errorf("attendant at %s: %s: answer to request %d, want %d", c.Socket, op, reply.ID, req.ID)
	}
	if reply.Kind != "" {
		return &Error{Op: op, Kind: reply.Kind, Text: reply.Error}
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(reply.Result, result); err != nil {
		return fmt.Errorf("attendant at %s: %s: unreadable result: %w", c.Socket, op, err)
	}
	return nil
}

// exchange writes one line and reads one line on a fresh connection, all within the context.
func exchange(ctx context.Context, socket string, line []byte) (Reply, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return Reply{}, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := conn.Write(line); err != nil {
		return Reply{}, errors.Join(ctx.Err(), err)
	}
	raw, err := bufio.NewReader(conn).ReadBytes('\n')
	if err != nil {
		return Reply{}, errors.Join(ctx.Err(), err)
	}
	var r Reply
	if err := json.Unmarshal(raw, &r); err != nil {
		return Reply{}, fmt.Errorf("unreadable reply: %w", err)
	}
	return r, nil
}

// IsKind reports whether err is a failure of the given kind that the attendant reported.
func IsKind(err error, k Kind) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == k
}

func tail(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return "..." + s[len(s)-n:]
}
