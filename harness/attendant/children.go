package attendant

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// child is one program that the attendant started.
type child struct {
	info   Process
	listed bool
	ended  chan struct{} // closed when the program was reaped
}

// children starts programs and collects their ends. It uses fork and wait4 directly: as the first process of a container it must
// reap every orphan, and os/exec would race with that.
type children struct {
	all bool // reap any process, known or not: only the first process of a container may

	mu     sync.Mutex // held across fork, so that no end is collected before its start is known
	byPID  map[int]*child
	byName map[string]*child
	order  []string // names in the order of the first start
}

func newChildren(all bool) *children {
	return &children{all: all, byPID: map[int]*child{}, byName: map[string]*child{}}
}

// start forks the program. files are its descriptors 0, 1, 2. A name may be used again once its program has ended, or as good as
// ended: its first thread is gone, and others wait in the kernel for storage, so that nobody can end it. An empty name is allowed and
// is not kept.
func (c *children) start(name string, argv, env []string, dir string, files [3]uintptr) (*child, error) {
	path, err := lookPath(argv)
	if err != nil {
		return nil, err
	}
	if dir == "" {
		dir = "/"
	}
	if !slices.ContainsFunc(env, func(s string) bool { return strings.HasPrefix(s, "PATH=") }) {
		env = append([]string{"PATH=" + searchPath}, env...)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.byName[name]; name != "" && old != nil && old.info.Running && !isGone(old.info.PID) {
		return nil, &Error{Kind: KindNameInUse, Text: fmt.Sprintf("%s runs already as process %d", name, old.info.PID)}
	}
	pid, err := syscall.ForkExec(path, argv, &syscall.ProcAttr{
		Dir: dir, Env: env, Files: files[:], Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return nil, &Error{Kind: KindFailed, Text: fmt.Sprintf("start %s: %v", path, err)}
	}
	ch := &child{
		info:  Process{Name: name, PID: pid, Argv: argv, Running: true, ExitCode: -1, Started: clock.Now().Seconds()},
		ended: make(chan struct{}),
	}
	c.byPID[pid] = ch
	if name != "" {
		if _, known := c.byName[name]; !known {
			c.order = append(c.order, name)
		}
		c.byName[name] = ch
	}
	return ch, nil
}

// isGone reports whether a process that was not reaped yet has no first thread any more.
func isGone(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return errors.Is(err, os.ErrNotExist)
	}
	_, rest, found := strings.Cut(string(stat), ") ")
	return found && strings.HasPrefix(rest, "Z")
}

// reap collects every end that has happened so far.
func (c *children) reap() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all {
		for {
			var ws syscall.WaitStatus
			pid, err := syscall.Wait4(-1, &ws, syscall.WNOHANG, nil)
			if err == syscall.EINTR {
				continue
			}
			if err != nil || pid <= 0 {
				return
			}
			c.noteEnd(pid, ws)
		}
	}
	for pid := range c.byPID {
		var ws syscall.WaitStatus
		if got, err := syscall.Wait4(pid, &ws, syscall.WNOHANG, nil); err == nil && got == pid {
			c.noteEnd(pid, ws)
		}
	}
}

func (c *children) noteEnd(pid int, ws syscall.WaitStatus) {
	ch := c.byPID[pid]
	if ch == nil {
		return // an orphan of somebody else's
	}
	delete(c.byPID, pid)
	ch.info.Running = false
	ch.info.Ended = clock.Now().Seconds()
	if ws.Signaled() {
		ch.info.Signal = unix.SignalName(ws.Signal())
	} else {
		ch.info.ExitCode = ws.ExitStatus()
	}
	close(ch.ended)
}

func (c *children) find(name string) (*child, Process, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch := c.byName[name]
	if ch == nil {
		return nil, Process{}, &Error{Kind: KindUnknownName, Text: fmt.Sprintf("no program was started as %q; started: %s", name, strings.Join(c.order, ", "))}
	}
	return ch, ch.info, nil
}

// list says whether a program shows among listed.
func (c *children) list(name string, listed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.byName[name].listed = listed
}

func (c *children) listed() []Process {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]Process, 0, len(c.order))
	for _, name := range c.order {
		if ch := c.byName[name]; ch.listed {
			out = append(out, ch.info)
		}
	}
	return out
}

// signal sends sig to the named program while it is certain that its process id is still its own.
func (c *children) signal(name string, sig syscall.Signal) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch := c.byName[name]
	if ch == nil || !ch.info.Running {
		return &Error{Kind: KindUnknownName, Text: fmt.Sprintf("no program named %q runs", name)}
	}
	if err := syscall.Kill(ch.info.PID, sig); err != nil {
		return &Error{Kind: KindFailed, Text: fmt.Sprintf("signal %s to %s (%d): %v", unix.SignalName(sig), name, ch.info.PID, err)}
	}
	return nil
}

// killGroup ends a child together with everything in its process group.
func (c *children) killGroup(ch *child) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ch.info.Running {
		_ = syscall.Kill(-ch.info.PID, syscall.SIGKILL) // it may have no group any more; then it has ended
	}
}

// running returns the children that have not ended, the one started last first.
func (c *children) running() []*child {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []*child
	for _, ch := range c.byPID {
		list = append(list, ch)
	}
	slices.SortFunc(list, func(a, b *child) int { return b.info.PID - a.info.PID })
	return list
}

// end reads how a child ended; call it after ended was closed.
func (c *children) end(ch *child) Process {
	c.mu.Lock()
	defer c.mu.Unlock()
	return ch.info
}

const searchPath = "/holdfast/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

func lookPath(argv []string) (string, error) {
	if len(argv) == 0 || argv[0] == "" {
		return "", &Error{Kind: KindBadRequest, Text: "argv is empty"}
	}
	if strings.ContainsRune(argv[0], '/') {
		return argv[0], nil
	}
	for _, dir := range filepath.SplitList(searchPath) {
		p := filepath.Join(dir, argv[0])
		if st, err := os.Stat(p); err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0 {
			return p, nil
		}
	}
	if p, err := exec.LookPath(argv[0]); err == nil {
		return p, nil
	}
	return "", &Error{Kind: KindBadRequest, Text: fmt.Sprintf("%s: not found in %s", argv[0], searchPath)}
}
