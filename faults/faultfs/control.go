package faultfs

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Time limits of the control server.
const (
	idleLimit    = 60 * time.Second // between two requests of a connection
	writeLimit   = 5 * time.Second  // for one reply
	maxProbeTime = 60 * time.Second
)

// Control serves the control protocol for one mounted file system.
type Control struct {
	fs  *FS
	log *slog.Logger
}

// NewControl returns the control server of a file system.
func NewControl(f *FS, log *slog.Logger) *Control { return &Control{fs: f, log: log} }

// Listen makes the control socket, in place of one that a predecessor left behind. Who may reach it is decided by mode and by
// the directory that it lies in.
func Listen(path string, mode os.FileMode) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("faultfs: control socket %s: %w", path, err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("faultfs: control socket: %w", err)
	}
	if err := os.Chmod(path, mode); err != nil {
		l.Close()
		return nil, fmt.Errorf("faultfs: control socket: %w", err)
	}
	return l, nil
}

// Serve answers connections until ctx ends; then it closes the listener and all connections and waits for their goroutines.
func (c *Control) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var open sync.WaitGroup
	defer open.Wait()
	defer cancel()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	slots := make(chan struct{}, maxConns)
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("faultfs: control: accept: %w", err)
		}
		select {
		case slots <- struct{}{}:
		default:
			c.log.Warn("too many control connections, closing one", "limit", maxConns)
			conn.Close()
			continue
		}
		open.Go(func() {
			defer func() { <-slots }()
			c.serve(ctx, conn)
		})
	}
}

// serve answers the requests of one connection, one after the other.
func (c *Control) serve(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	lines := bufio.NewScanner(conn)
	lines.Buffer(make([]byte, 0, 4096), maxLine)
	for {
		_ = conn.SetReadDeadline(time.Now().Add(idleLimit))
		if !lines.Scan() {
			if errors.Is(lines.Err(), bufio.ErrTooLong) {
				c.reply(conn, answer{Error: fmt.Sprintf("request line is longer than %d bytes", maxLine)})
			}
			return
		}
		if !c.reply(conn, c.handle(ctx, lines.Bytes())) {
			return
		}
	}
}

func (c *Control) reply(conn net.Conn, a answer) bool {
	line, err := json.Marshal(a)
	if err != nil {
		line = []byte(`{"error":"the reply cannot be encoded"}`)
	}
	_ = conn.SetWriteDeadline(time.Now().Add(writeLimit))
	_, err = conn.Write(append(line, '\n'))
	return err == nil
}

// handle carries out one request. It refuses unknown fields, so that a misspelt selector does not silently select everything.
func (c *Control) handle(ctx context.Context, line []byte) answer {
	var cmd command
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&cmd); err != nil {
		return answer{Error: "bad request: " + err.Error()}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return answer{Error: "bad request: more than one value on the line"}
	}
	switch {
	case cmd.Cmd == cmdAdd && cmd.Rule != nil:
		return c.add(*cmd.Rule)
	case cmd.Cmd == cmdClear && cmd.ID != "":
		s, err := c.fs.Gate.Clear(cmd.ID)
		if err != nil {
			return answer{Error: err.Error(), NoRule: errors.Is(err, ErrNoRule)}
		}
		c.log.Info("rule cleared", "rule", s)
		return answer{Rules: []RuleStatus{s}}
	case cmd.Cmd == cmdClearAll:
		cleared := c.fs.Gate.ClearAll()
		c.log.Info("all rules cleared", "rules", cleared)
		return answer{Rules: cleared}
	case cmd.Cmd == cmdStatus:
		s := c.fs.Status()
		return answer{Status: &s}
	case cmd.Cmd == cmdProbe && cmd.Probe != nil:
		return c.probe(ctx, *cmd.Probe)
	}
	return answer{Error: fmt.Sprintf("command %q is unknown or lacks its argument; want add (rule), clear (id), clear_all, status or probe (probe)", cmd.Cmd)}
}

func (c *Control) add(r Rule) answer {
	id, err := c.fs.Gate.Add(r)
	if err != nil {
		return answer{Error: err.Error()}
	}
	r.ID = id
	c.log.Info("rule added", "rule", r)
	return answer{ID: id}
}

// probe sends a request through the gate and, when it passes, reads the backing file.
func (c *Control) probe(ctx context.Context, p Probe) answer {
	limit := time.Duration(p.TimeoutMS * float64(time.Millisecond))
	if limit < time.Millisecond || limit > maxProbeTime {
		return answer{Error: fmt.Sprintf("probe: timeout_ms is %v, want 1 to %d", p.TimeoutMS, maxProbeTime.Milliseconds())}
	}
	// The selectors of a probe obey the same rules as those of a rule.
	if err := (Rule{Kind: Hang, Ops: []Op{p.Op}, File: p.File}).Validate(); err != nil || p.Offset < 0 {
		return answer{Error: fmt.Sprintf("probe: want a known op, a base name as file and no negative offset: %v", err)}
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	start := time.Now()
	q := Request{Op: p.Op, Via: p.Via, File: p.File}
	if p.Op.ranged() {
		q.Offset, q.Length = p.Offset, alignment
	}
	heldBy, failed, err := c.fs.Gate.Test(ctx, q)
	result := ProbeResult{HeldBy: heldBy, Errno: failed, WaitedMS: milliseconds(time.Since(start)), Passed: err == nil && failed == ""}
	if result.Passed {
		if err := touch(filepath.Join(c.fs.o.Backing, p.File), p.Offset); err != nil {
			return answer{Error: "probe: " + err.Error()}
		}
	}
	return answer{Probe: &result}
}

// touch reads a block of a file past the page cache where possible, or only looks at a directory.
func touch(path string, off int64) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: path, Err: err}
	}
	f := newFile(nil, &bounce{}, "", "", fd, unix.O_RDONLY)
	defer func() { _ = f.close() }()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return &os.PathError{Op: "stat", Path: path, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil
	}
	if f.direct >= 0 && off%alignment == 0 {
		if _, err := f.readDirect(f.buffer.get(alignment), off); err == nil {
			return nil
		}
	}
	if _, err := unix.Pread(fd, make([]byte, alignment), off); err != nil {
		return &os.PathError{Op: "read", Path: path, Err: err}
	}
	return nil
}

// Status describes the file system and its rules.
func (f *FS) Status() Status {
	s := Status{Mount: f.o.Mount, Backing: f.o.Backing, Passed: f.Gate.Passed(), Uptime: f.Gate.Uptime().Seconds(), Rules: f.Gate.Rules()}
	for _, r := range s.Rules {
		s.Held += r.Held
	}
	return s
}
