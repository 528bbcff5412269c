package probe

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// lanePrefix begins the names of threads that may block on storage.
const lanePrefix = "ha-"

// processes looks at daemons through /proc.
type processes struct {
	proc    string // "/proc"
	pids    string // directory of NAME.pid
	blocked blocked
}

// look reads one daemon's process. What cannot be read is said in Err; it never fails.
func (p *processes) look(name string, now clock.Mono) Threads {
	t := Threads{Head: Head{KindThreads, now.Seconds()}, Process: name, FDs: -1, Threads: []Thread{}}
	pid, err := readPID(filepath.Join(p.pids, name+".pid"))
	if err != nil {
		t.Err = err.Error()
		return t
	}
	dir := filepath.Join(p.proc, strconv.Itoa(pid))
	tasks, err := names(filepath.Join(dir, "task"))
	if err != nil {
		t.Err = fmt.Sprintf("no process %d: %v", pid, err)
		return t
	}
	t.PID, t.Total = pid, len(tasks)
	if fds, err := names(filepath.Join(dir, "fd")); err == nil {
		t.FDs = len(fds)
	} else {
		t.Err = err.Error()
	}
	t.RSSKB = readRSS(dir)
	for _, task := range tasks {
		tid, err := strconv.Atoi(task)
		if err != nil {
			continue
		}
		taskDir := filepath.Join(dir, "task", task)
		comm := readWord(filepath.Join(taskDir, "comm"))
		if !strings.HasPrefix(comm, lanePrefix) {
			continue
		}
		t.Threads = append(t.Threads, p.thread(taskDir, tid, comm, now))
	}
	return t
}

func (p *processes) thread(dir string, tid int, comm string, now clock.Mono) Thread {
	t := Thread{TID: tid, Comm: comm, Syscall: -1}
	var problems []error
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	t.State = stateOf(stat)
	problems = append(problems, err)
	if t.WChan = readWord(filepath.Join(dir, "wchan")); t.WChan == "0" {
		t.WChan = ""
	}
	call, err := os.ReadFile(filepath.Join(dir, "syscall"))
	problems = append(problems, err)
	t.Syscall, t.Args = parseSyscall(string(call))
	t.SyscallName = SyscallName(runtime.GOARCH, t.Syscall)
	status, err := os.ReadFile(filepath.Join(dir, "status"))
	problems = append(problems, err)
	t.Switches = parseSwitches(status)
	if err := errors.Join(problems...); err != nil {
		t.Err = err.Error()
	}
	t.Since = p.blocked.since(tid, condition{
		state: t.State, call: string(bytes.TrimSpace(call)), switches: t.Switches,
	}, now).Seconds()
	return t
}

// condition is what a thread is seen in; two equal ones in a row mean that it did not run in between.
type condition struct {
	state    string
	call     string // the line of /proc/.../syscall
	switches uint64
}

// waits says whether the thread is off the processor.
func (c condition) waits() bool { return c.state != "R" && c.state != "" && c.call != "running" }

// blocked remembers since when each thread, by id, has been in the same condition. Ids are
// unique in the machine's or container's pid name space, so one table serves all processes.
type blocked struct {
	seen map[int]*sighting
}

type sighting struct {
	condition
	first clock.Mono
	last  clock.Mono
}

// since notes what a thread is in now, and returns when it was first seen in that; 0 if it runs.
func (b *blocked) since(tid int, c condition, now clock.Mono) clock.Mono {
	if b.seen == nil {
		b.seen = map[int]*sighting{}
	}
	if !c.waits() {
		delete(b.seen, tid)
		return 0
	}
	s, ok := b.seen[tid]
	if !ok || s.call != c.call || s.switches != c.switches {
		s = &sighting{condition: c, first: now}
		b.seen[tid] = s
	}
	s.last = now
	return s.first
}

// forget drops threads that were not seen since this time.
func (b *blocked) forget(since clock.Mono) {
	for tid, s := range b.seen {
		if s.last < since {
			delete(b.seen, tid)
		}
	}
}

func readPID(path string) (int, error) {
	text := readWord(path)
	if text == "" {
		return 0, fmt.Errorf("no pid in %s", path)
	}
	pid, err := strconv.Atoi(text)
	if err != nil || pid <= 0 {
		return 0, fmt.Errorf("bad pid %.20q in %s", text, path)
	}
	return pid, nil
}

// readWord returns a small file's text without white space around it, or "".
func readWord(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(bytes.TrimSpace(data))
}

func names(dir string) ([]string, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Readdirnames(-1)
}

func readRSS(dir string) int {
	fields := strings.Fields(readWord(filepath.Join(dir, "statm")))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.Atoi(fields[1])
	return pages * (os.Getpagesize() / 1024)
}

// stateOf finds the state in a stat line: the word after the name in
// parentheses, which may itself contain parentheses.
func stateOf(stat []byte) string {
	end := bytes.LastIndexByte(stat, ')')
	if end < 0 || len(stat) < end+3 {
		return ""
	}
	return string(stat[end+2 : end+3])
}

// parseSyscall reads a line of /proc/.../syscall: "running", "-1 SP PC" when
// blocked outside a system call, or the number, six arguments, SP and PC.
func parseSyscall(line string) (number int, args []string) {
	fields := strings.Fields(line)
	if len(fields) != 9 {
		return -1, nil
	}
	number, err := strconv.Atoi(fields[0])
	if err != nil {
		return -1, nil
	}
	return number, fields[1:7]
}

// parseSwitches adds up the two context switch counters of a status file.
func parseSwitches(status []byte) uint64 {
	var sum uint64
	for line := range bytes.Lines(status) {
		name, value, ok := bytes.Cut(line, []byte(":"))
		if ok && bytes.HasSuffix(name, []byte("voluntary_ctxt_switches")) {
			n, _ := strconv.ParseUint(string(bytes.TrimSpace(value)), 10, 64)
			sum += n
		}
	}
	return sum
}
