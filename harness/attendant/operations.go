package attendant

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// carryOut does what one request asks, within its time-out.
func (s *Server) carryOut(ctx context.Context, req Request) (any, error) {
	within := 10 * time.Second
	if req.Op == OpRPCNull || req.Op == OpISCSINop || req.Op == OpAsk {
		within = 2 * time.Second
	}
	if req.TimeoutMS > 0 {
		within = time.Duration(req.TimeoutMS) * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	switch req.Op {
	case OpPing:
		return Process{Name: "attendant", PID: os.Getpid(), Running: true, ExitCode: -1}, nil
	case OpList:
		return s.children.listed(), nil
	case OpSpawn:
		return withArgs(req, func(a Spec) (any, error) { return s.spawn(a) })
	case OpSignal:
		return withArgs(req, func(a nameArgs) (any, error) { return nil, s.children.signal(a.Name, syscall.Signal(a.Sig)) })
	case OpStatus:
		return withArgs(req, func(a nameArgs) (any, error) {
			_, info, err := s.children.find(a.Name)
			return info, err
		})
	case OpWait:
		return withArgs(req, func(a nameArgs) (any, error) { return s.wait(ctx, a.Name) })
	case OpRun:
		return withArgs(req, func(a runArgs) (any, error) { return s.run(ctx, a) })
	case OpRPCNull:
		return withArgs(req, func(a rpcArgs) (any, error) {
			if s.Probes.RPCNull == nil {
				return nil, &Error{Kind: KindBadRequest, Text: "this attendant has no RPC probe"}
			}
			return answer(s.Probes.RPCNull(ctx, a.Addr, a.Program, a.Version))
		})
	case OpISCSINop:
		return withArgs(req, func(a iscsiArgs) (any, error) {
			if s.Probes.ISCSINop == nil {
				return nil, &Error{Kind: KindBadRequest, Text: "this attendant has no iSCSI probe"}
			}
			return answer(s.Probes.ISCSINop(ctx, a.Addr, a.Target))
		})
	case OpAsk:
		return withArgs(req, func(a askArgs) (any, error) {
			if s.Probes.Ask == nil {
				return nil, &Error{Kind: KindBadRequest, Text: "this attendant asks no programs"}
			}
			return answer(s.Probes.Ask(ctx, a.Program, a.Addr))
		})
	case OpState:
		return withArgs(req, func(a nameArgs) (any, error) { return s.state(a.Name) })
	case OpLook:
		return withArgs(req, func(a pathArgs) (any, error) { return look(a.Path) })
	case OpReadBlock:
		return withArgs(req, func(a blockArgs) (any, error) { return readBlock(a) })
	}
	return nil, &Error{Kind: KindBadRequest, Text: fmt.Sprintf("operation %q is not known", req.Op)}
}

func withArgs[A any](req Request, f func(A) (any, error)) (any, error) {
	var a A
	if err := json.Unmarshal(req.Args, &a); err != nil {
		return nil, &Error{Kind: KindBadRequest, Text: fmt.Sprintf("arguments of %s: %v", req.Op, err)}
	}
	return f(a)
}

func answer(took time.Duration, err error) (any, error) {
	return Answer{TookUS: took.Microseconds()}, err
}

func (s *Server) spawn(a Spec) (any, error) {
	if !validName(a.Name) {
		return nil, &Error{Kind: KindBadRequest, Text: fmt.Sprintf("name %q: want 1 to 32 letters, digits, dashes, dots", a.Name)}
	}
	null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	if err != nil {
		return nil, &Error{Kind: KindFailed, Text: err.Error()}
	}
	defer null.Close()
	out := null
	if a.Stdout != "" {
		out, err = os.OpenFile(a.Stdout, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
		if err != nil {
			return nil, &Error{Kind: KindFailed, Text: err.Error()}
		}
		defer out.Close()
		_ = out.Chmod(0o644) // whatever the umask is, the user outside may read the log
	}
	ch, err := s.children.start(a.Name, a.Argv, a.Env, a.Dir, [3]uintptr{null.Fd(), out.Fd(), out.Fd()})
	if err != nil {
		return nil, err
	}
	s.children.list(a.Name, !a.Unlisted)
	p := s.children.end(ch)
	if a.PIDFile != "" {
		if err := writePIDFile(a.PIDFile, p.PID); err != nil {
			s.children.killGroup(ch)
			return nil, &Error{Kind: KindFailed, Text: err.Error()}
		}
	}
	return p, nil
}

func writePIDFile(path string, pid int) error {
	if err := os.WriteFile(path+".new", []byte(strconv.Itoa(pid)+"\n"), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func validName(s string) bool {
	return s != "" && len(s) <= 32 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") == ""
}

func (s *Server) wait(ctx context.Context, name string) (any, error) {
	ch, _, err := s.children.find(name)
	if err != nil {
		return nil, err
	}
	select {
	case <-ch.ended:
		return s.children.end(ch), nil
	case <-ctx.Done():
		return nil, &Error{Kind: KindTimeout, Text: fmt.Sprintf("%s still runs as process %d", name, ch.info.PID)}
	}
}

// run starts a program with its output in pipes and waits for it; at the deadline its whole process group is killed.
func (s *Server) run(ctx context.Context, a runArgs) (any, error) {
	began := time.Now()
	in, err := stdinFile(a.Stdin)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	var readers sync.WaitGroup
	var streams [2]capped
	var writeEnds, readEnds [2]*os.File
	for i := range streams {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, &Error{Kind: KindFailed, Text: err.Error()}
		}
		defer r.Close()
		defer w.Close()
		readEnds[i], writeEnds[i] = r, w
	}
	ch, err := s.children.start("", a.Argv, a.Env, "", [3]uintptr{in.Fd(), writeEnds[0].Fd(), writeEnds[1].Fd()})
	if err != nil {
		return nil, err
	}
	for i := range streams {
		writeEnds[i].Close()
		readers.Add(1)
		go func() { defer readers.Done(); _, _ = io.Copy(&streams[i], readEnds[i]) }() // the read end is closed below at the latest
	}
	timedOut := false
	select {
	case <-ch.ended:
	case <-ctx.Done():
		timedOut = true
		s.children.killGroup(ch)
	}
	// A descendant may hold the pipes open; what it writes after the program's own end is not waited for. A program that was
	// killed is not waited for at all: blocked in the kernel it ends when what it waits for does, and the reaper collects it.
	drained := make(chan struct{})
	go func() { readers.Wait(); close(drained) }()
	if !timedOut {
		select {
		case <-drained:
		case <-time.After(200 * time.Millisecond):
		}
	}
	for i := range readEnds {
		readEnds[i].Close()
	}
	<-drained
	if timedOut {
		return nil, &Error{Kind: KindTimeout, Text: fmt.Sprintf("%v had not ended after %s and was killed; stderr: %s",
			a.Argv, time.Since(began).Round(time.Millisecond), tail(streams[1].String(), 200))}
	}
	info := s.children.end(ch)
	out := Output{
		Code: info.ExitCode, Stdout: streams[0].String(), Stderr: streams[1].String(),
		Truncated: streams[0].dropped || streams[1].dropped, TookMS: time.Since(began).Milliseconds(),
	}
	if info.Signal != "" {
		out.Code = 128 + int(unix.SignalNum(info.Signal))
	}
	return out, nil
}

// stdinFile returns a descriptor that reads the text: a memory file, so that nobody has to feed a pipe.
func stdinFile(text string) (*os.File, error) {
	if text == "" {
		return os.Open("/dev/null")
	}
	fd, err := unix.MemfdCreate("stdin", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("memory file: %w", err)
	}
	f := os.NewFile(uintptr(fd), "stdin")
	if _, err := f.WriteString(text); err != nil {
		f.Close()
		return nil, err
	}
	_, err = f.Seek(0, io.SeekStart)
	return f, err
}

// capped keeps the first MaxOut bytes and counts the rest as dropped.
type capped struct {
	buf     bytes.Buffer
	dropped bool
}

func (c *capped) Write(p []byte) (int, error) {
	if room := MaxOut - c.buf.Len(); room < len(p) {
		c.dropped = true
		c.buf.Write(p[:max(room, 0)])
		return len(p), nil
	}
	return c.buf.Write(p)
}

func (c *capped) String() string { return strings.ToValidUTF8(c.buf.String(), "?") }

// readBlock reads with O_DIRECT where the file system has it, else after dropping the cached pages.
func readBlock(a blockArgs) (any, error) {
	if a.Length < 1 || a.Length > MaxBlock || a.Offset < 0 {
		return nil, &Error{Kind: KindBadRequest, Text: fmt.Sprintf("offset %d, length %d: want an offset from 0 and a length of 1 to %d", a.Offset, a.Length, MaxBlock)}
	}
	data, err := ReadDirect(a.Path, a.Offset, a.Length)
	if err != nil {
		return nil, err
	}
	return blockResult{Data: data}, nil
}
