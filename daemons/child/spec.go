package child

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// Limits that hold where a Spec is silent.
const (
	// DefaultDeadline is how long a child may run.
	DefaultDeadline = 20 * time.Second
	// DefaultMaxOutput is how much of each output stream is kept, in bytes.
	DefaultMaxOutput = 64 << 10
)

// searchPath is where programs are looked for, and the child's own PATH.
const searchPath = "/usr/sbin:/usr/bin:/sbin:/bin"

// Spec says what to run.
type Spec struct {
	// Argv is the program and its arguments. A program without a slash is looked for in PATH: Env's, else
	// /usr/sbin:/usr/bin:/sbin:/bin.
	Argv []string
	// Env is added, as NAME=value, to PATH and LC_ALL=C, and wins over them. Nothing of the daemon's own environment
	// is passed on.
	Env []string
	// Stdin is what the child may read; nil = nothing.
	Stdin []byte
	// MaxOutput bounds what is kept of standard output and of standard error, each, in bytes; the rest is read and
	// dropped. 0 = DefaultMaxOutput.
	MaxOutput int
	// Deadline is how long the child may run; 0 = DefaultDeadline. The context may end it earlier.
	Deadline time.Duration
	// Ward, if not nil, keeps account of children that cannot be killed. Users that may start such (mount, for one)
	// keep one for as long as they live.
	Ward *Ward
}

// Output is what came of a child.
type Output struct {
	Stdout, Stderr string
	// Code is the exit status, 0 to 255; -1 if the child was killed, was abandoned or never ran.
	Code int
	// Truncated says that more was written than MaxOutput.
	Truncated bool
}

// Errors of Run, besides *ExitError.
var (
	// ErrDeadline: the child was killed because its time was over.
	ErrDeadline = errors.New("did not end in time and was killed")
	// ErrAbandoned: it was killed and did not die. It probably waits for storage.
	ErrAbandoned = errors.New("did not die when killed and was left behind; it probably waits for storage")
	// ErrStuck: the same command was abandoned earlier and is still there, so it was not started again.
	ErrStuck = errors.New("the same command was left behind earlier and is still stuck; not started again")
	// ErrRemote: the program lies on shared storage.
	ErrRemote = errors.New("lies on shared storage; programs must lie on a local disk")
	// ErrNotFound: there is no such program.
	ErrNotFound = errors.New("program not found")
)

// ExitError is a child that ended by itself with a status other than 0, or that died of a signal nobody here sent.
type ExitError struct {
	Program string
	Code    int    // exit status; -1 if a signal ended it
	State   string // the status in words, such as "exit status 32"
	Stderr  string // the beginning of what it said about it, one line, at most 300 bytes
}

// Error returns, for example: mount: exit status 32: mount.nfs: access denied by server.
func (e *ExitError) Error() string {
	text := e.Program + ": " + e.State
	if e.Stderr != "" {
		text += ": " + e.Stderr
	}
	return text
}

// check refuses what cannot be run at all.
func (s Spec) check() error {
	if len(s.Argv) == 0 || s.Argv[0] == "" {
		return errors.New("child: no program given")
	}
	if strings.Contains(s.Argv[0], "/") && !filepath.IsAbs(s.Argv[0]) {
		return fmt.Errorf("child %s: want an absolute path or a name without a slash", s.Argv[0])
	}
	for _, text := range append(append([]string{}, s.Argv...), s.Env...) {
		if strings.ContainsRune(text, 0) {
			return fmt.Errorf("child %s: an argument or a variable contains a zero byte", s.Argv[0])
		}
	}
	return nil
}

// environment returns the child's variables.
func (s Spec) environment() []string {
	return append([]string{"PATH=" + searchPath, "LC_ALL=C"}, s.Env...)
}

// path returns where the program is looked for.
func (s Spec) path() string {
	found := searchPath
	for _, variable := range s.Env {
		if value, ok := strings.CutPrefix(variable, "PATH="); ok {
			found = value
		}
	}
	return found
}
