package run

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/holdfast-ha/holdfast/harness/events"
	"github.com/holdfast-ha/holdfast/harness/scenario"
	"github.com/holdfast-ha/holdfast/harness/tier/container"
	"github.com/holdfast-ha/holdfast/harness/verdict"
)

const (
	// killDeadline bounds the end of a program after SIGKILL.
	killDeadline = 5 * time.Second
	// dying is how long the other threads of a process may take to end after the first; those that are still there then are stuck.
	dying = 300 * time.Millisecond
	// signalled is what a shell adds to a signal's number to make an exit code of it.
	signalled = 128
)

// stop ends a program by SIGTERM and judges how it ended.
func (r *runner) stop(ctx context.Context, s *scenario.Stop) (ok bool, detail string) {
	e, err := r.end(ctx, s.Program, s.On, syscall.SIGTERM, s.Within)
	switch {
	case err != nil:
		return false, err.Error()
	case !e.ended:
		return false, fmt.Sprintf("it did not end within %s of SIGTERM: %s", s.Within, e.describe())
	case s.Code != scenario.AnyCode && !e.coded:
		return false, fmt.Sprintf("its exit code is not known, %d was claimed; %s", s.Code, e.describe())
	case s.Code != scenario.AnyCode && e.code != s.Code:
		return false, fmt.Sprintf("exit code %d was claimed; %s", s.Code, e.describe())
	case s.Code == scenario.AnyCode && e.coded && e.code > signalled:
		return false, "it did not end by itself: " + e.describe()
	}
	return true, e.describe()
}

// kill ends a program by SIGKILL.
func (r *runner) kill(ctx context.Context, s *scenario.Kill) (ok bool, detail string) {
	e, err := r.end(ctx, s.Program, s.On, syscall.SIGKILL, killDeadline)
	if err != nil {
		return false, err.Error()
	}
	return e.ended, e.describe()
}

// ending is how a program ended, or did not.
type ending struct {
	ended bool
	pid   int
	took  time.Duration
	code  int  // 128 + N where signal N ended it
	coded bool // code is known
	stuck int  // threads that wait in the kernel for storage, after all others have ended
	state string
}

func (e ending) describe() string {
	text := fmt.Sprintf("process %d ended", e.pid)
	if !e.ended {
		return fmt.Sprintf("process %d is in state %s with %d threads after %.2f s", e.pid, e.state, e.stuck, e.took.Seconds())
	}
	if e.coded {
		text += fmt.Sprintf(" with exit code %d", e.code)
	}
	text += fmt.Sprintf(" after %.2f s", e.took.Seconds())
	if e.stuck > 0 {
		text += fmt.Sprintf("; %d of its threads still wait in the kernel", e.stuck)
	}
	return text
}

// end signals a program and waits for its end. From the signal on the program is away by the scenario's will.
func (r *runner) end(ctx context.Context, program scenario.Program, on string, sig syscall.Signal, limit time.Duration) (ending, error) {
	host, err := r.cluster.Host(on)
	if err != nil {
		return ending{}, err
	}
	name := string(program)
	phase := events.ProgramStopping
	if sig == syscall.SIGKILL {
		phase = events.ProgramKilled
	}
	at := r.seen.now()
	if err := within(ctx, rpcDeadline, func(ctx context.Context) error { return host.Program(name).Signal(ctx, sig) }); err != nil {
		return ending{}, err
	}
	r.away = append(r.away, verdict.Away{Host: on, Program: name, Span: verdict.Span{From: at, To: math.Inf(1)}})
	r.programNote(on, name, phase, "")
	e, err := awaitEnd(ctx, host, name, limit)
	if err == nil && e.ended {
		r.programNote(on, name, events.ProgramEnded, e.describe())
	}
	return e, err
}

// awaitEnd looks at a program until it has ended or had its time.
func awaitEnd(ctx context.Context, host *container.Host, name string, limit time.Duration) (e ending, err error) {
	began := time.Now()
	var ghost time.Time // when its first thread was seen to have ended
	held := until(ctx.Done(), began.Add(limit), func() bool {
		var s container.ProgramState
		err = within(ctx, rpcDeadline, func(ctx context.Context) (err error) { s, err = host.ProgramState(ctx, name); return err })
		if err != nil {
			return true
		}
		e = ending{pid: s.PID, took: time.Since(began), state: s.State, stuck: s.Threads}
		switch {
		case !s.Running:
			e.ended, e.code, e.coded, e.stuck = true, s.ExitCode, true, 0
		case s.State != "Z":
			ghost = time.Time{}
		case ghost.IsZero():
			ghost = time.Now()
		case time.Since(ghost) > dying: // its first thread has ended, and so has every one that could
			e.ended, e.stuck, e.took = true, s.Threads-1, ghost.Sub(began)
			e.code, e.coded = leaderCode(ctx, host, s.PID)
		}
		return e.ended
	})
	if !held && err == nil {
		e.took = time.Since(began)
		e.ended = false
	}
	return e, err
}

// leaderCode reads the exit code of a process that nobody can collect yet.
func leaderCode(ctx context.Context, host *container.Host, pid int) (code int, known bool) {
	ctx, cancel := context.WithTimeout(ctx, rpcDeadline)
	defer cancel()
	text, err := host.Run(ctx, "cat", fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, false
	}
	return exitCodeOf(text)
}

// exitCodeOf is the last field of a line of /proc/PID/stat, which is a wait status.
func exitCodeOf(stat string) (code int, known bool) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	const behindName = 50 // fields behind the name, of 52
	if len(fields) < behindName {
		return 0, false
	}
	n, err := strconv.Atoi(fields[behindName-1])
	if err != nil {
		return 0, false
	}
	status := syscall.WaitStatus(n)
	if status.Signaled() {
		return signalled + int(status.Signal()), true
	}
	return status.ExitStatus(), true
}

// startAgain starts a program that was ended on purpose, and waits until it serves.
func (r *runner) startAgain(ctx context.Context, s *scenario.Start) (ok bool, detail string) {
	host, err := r.cluster.Host(s.On)
	if err != nil {
		return false, err.Error()
	}
	name := string(s.Program)
	r.programNote(s.On, name, events.ProgramStarting, "")
	began, at := time.Now(), r.seen.now()
	ctx, cancel := context.WithTimeout(ctx, s.Within)
	defer cancel()
	if err := host.StartProgram(ctx, name); err != nil {
		return false, fmt.Sprintf("not within %s: %v", s.Within, err)
	}
	if s.Program == scenario.ProgramAgent && !r.awaitTurn(ctx, s.On, at) {
		return false, fmt.Sprintf("the agent took no turn within %s", s.Within)
	}
	took := time.Since(began)
	for i := range r.away {
		if a := &r.away[i]; a.Host == s.On && a.Program == name && math.IsInf(a.To, 1) {
			a.To = r.seen.now()
		}
	}
	detail = fmt.Sprintf("serves after %.2f s", took.Seconds())
	r.programNote(s.On, name, events.ProgramServes, detail)
	return true, detail
}

// awaitTurn waits for a turn of a host's agent that began after a time.
func (r *runner) awaitTurn(ctx context.Context, host string, after float64) bool {
	deadline, _ := ctx.Deadline()
	return until(ctx.Done(), deadline, func() bool {
		last, ok := r.seen.watches[host].lastTurn()
		return ok && last.t > after
	})
}

func (r *runner) programNote(host, name string, event events.ProgramEvent, detail string) {
	r.note(events.Event{Host: host, Program: &events.Program{Name: name, Event: event, Detail: detail}})
}

// awayTimes is when the scenario kept programs from their work: ended, or frozen.
func (r *runner) awayTimes(end float64) []verdict.Away {
	away := append([]verdict.Away(nil), r.away...)
	for _, f := range r.faults {
		program := scenario.FaultKind(f.Kind).Program()
		if program == "" {
			continue
		}
		host := f.Target[strings.LastIndexByte(f.Target, ' ')+1:]
		for _, span := range verdict.FaultSpans([]verdict.Fault{f}, end) {
			away = append(away, verdict.Away{Host: host, Program: string(program), Span: span})
		}
	}
	return away
}
