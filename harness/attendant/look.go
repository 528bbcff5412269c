package attendant

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// state reads how a program is from /proc, while it is certain that its process id is still its own.
func (s *Server) state(name string) (any, error) {
	_, info, err := s.children.find(name)
	if err != nil || !info.Running {
		return State{Process: info}, err
	}
	dir := fmt.Sprintf("/proc/%d", info.PID)
	out := State{Process: info, State: letter(filepath.Join(dir, "stat"))}
	tasks, err := os.ReadDir(filepath.Join(dir, "task"))
	if err == nil {
		out.Threads = len(tasks)
		for _, t := range tasks {
			if letter(filepath.Join(dir, "task", t.Name(), "stat")) == "T" {
				out.Stopped++
			}
		}
	}
	if fds, err := os.ReadDir(filepath.Join(dir, "fd")); err == nil {
		out.Descriptors = len(fds)
	}
	// It may have ended meanwhile, and then nothing of the above is worth anything.
	if _, again, err := s.children.find(name); err != nil || again.PID != info.PID || !again.Running {
		return State{Process: again}, err
	}
	return out, nil
}

// letter is the state in a stat file of /proc; "" when there is none.
func letter(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	// The name in parentheses may hold anything.
	rest := bytes.TrimSpace(data[bytes.LastIndexByte(data, ')')+1:])
	if len(rest) == 0 {
		return ""
	}
	return string(rest[:1])
}

// look describes what is at a path.
func look(path string) (any, error) {
	if !strings.HasPrefix(path, "/") {
		return nil, &Error{Kind: KindBadRequest, Text: fmt.Sprintf("path %q: want an absolute one", path)}
	}
	st, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	info := FileInfo{Kind: kindOfFile(st.Mode()), Size: st.Size(), Mtime: float64(st.ModTime().UnixNano()) / 1e9}
	if sys, ok := st.Sys().(*syscall.Stat_t); ok {
		info.Mode, info.UID, info.GID = sys.Mode&0o7777, int(sys.Uid), int(sys.Gid)
	}
	switch info.Kind {
	case "link":
		target, err := os.Readlink(path)
		info.Data = []byte(target)
		return info, err
	case "file":
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		info.Data, err = io.ReadAll(io.LimitReader(f, MaxBlock))
		return info, err
	}
	return info, nil
}

func kindOfFile(mode fs.FileMode) string {
	switch mode.Type() {
	case 0:
		return "file"
	case fs.ModeDir:
		return "directory"
	case fs.ModeSocket:
		return "socket"
	case fs.ModeSymlink:
		return "link"
	case fs.ModeNamedPipe:
		return "pipe"
	}
	return "device"
}
