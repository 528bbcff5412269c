package lease

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// registrantMode is the first argument that turns the test binary into a program which registers with sanlock and
// does what it reads from stdin, one JSON object a line.
const registrantMode = "registrant"

type errand struct {
	Do          string // acquire, release, inquire, restrict
	Resource    Resource
	NoWait      bool
	Restriction Restriction
}

type answer struct {
	Code  int // the daemon's result, 0 when it was fine
	Error string
	Held  []Resource
	Took  time.Duration
}

func registrantMain(socket string, in io.Reader, out io.Writer) int {
	ctx := context.Background()
	registered, err := Client{Socket: socket, Timeout: 10 * time.Second}.Register(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		var o errand
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		var a answer
		started := time.Now()
		switch o.Do {
		case "acquire":
			err = registered.Acquire(ctx, AcquireOptions{NoWait: o.NoWait}, o.Resource)
		case "release":
			err = registered.Release(ctx, o.Resource)
		case "release all":
			err = registered.Release(ctx)
		case "inquire":
			a.Held, err = registered.Inquire(ctx)
		case "restrict":
			err = registered.Restrict(ctx, o.Restriction)
		}
		a.Took = time.Since(started)
		if err != nil {
			a.Error = err.Error()
			result, _ := ResultOf(err)
			a.Code = result.Code()
		}
		if err := json.NewEncoder(out).Encode(a); err != nil {
			return 1
		}
	}
	_ = registered.Close()
	return 0
}

// registrant is a running program of that kind.
type registrant struct {
	t     *testing.T
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
	ended chan struct{} // closed when the process has ended and was collected
}

func startRegistrant(t *testing.T, socket string) *registrant {
	t.Helper()
	cmd := exec.Command(os.Args[0], registrantMode, socket)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, outWriter, err := os.Pipe()
	require.NoError(t, err)
	cmd.Stdout = outWriter
	require.NoError(t, cmd.Start())
	outWriter.Close()
	r := &registrant{t: t, cmd: cmd, in: in, out: bufio.NewReader(out), ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		r.kill()
		out.Close()
	})
	return r
}

func (r *registrant) pid() int { return r.cmd.Process.Pid }

// kill ends the process the hard way.
func (r *registrant) kill() {
	_ = r.cmd.Process.Kill()
	<-r.ended
}

// awaitSignal waits for the end of the process and returns the signal that ended it.
func (r *registrant) awaitSignal() syscall.Signal {
	r.t.Helper()
	select {
	case <-r.ended:
	case <-time.After(60 * time.Second):
		r.t.Fatal("the registered process is still alive")
	}
	status, ok := r.cmd.ProcessState.Sys().(syscall.WaitStatus)
	require.True(r.t, ok && status.Signaled(), "ended with %v, want a signal", r.cmd.ProcessState)
	return status.Signal()
}

// do sends one errand and returns the answer.
func (r *registrant) do(o errand) answer {
	r.t.Helper()
	b, err := json.Marshal(o)
	require.NoError(r.t, err)
	_, err = r.in.Write(append(b, '\n'))
	require.NoError(r.t, err)
	line, err := r.out.ReadBytes('\n')
	require.NoError(r.t, err, "the registered program gave no answer to %q", o.Do)
	var a answer
	require.NoError(r.t, json.Unmarshal(line, &a))
	return a
}
