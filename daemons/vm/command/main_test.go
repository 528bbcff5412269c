package command

import (
	"context"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/vm"
)

// The test binary started with one of these as its first argument is the engine of a test.
const (
	modeEngine     = "engine"      // starting, up, ends on SIGTERM
	modeStubborn   = "stubborn"    // ignores SIGTERM and starts a child that does too
	modeRefused    = "refused"     // cannot have its lease
	modeSilent     = "silent"      // ends without a word
	modeEmpty      = "environment" // reports its environment and working directory
	modeStarter    = "starter"     // starts an engine in the given run directory and dies at once
	modeGrandchild = "grandchild"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		if code, ok := engineMain(os.Args[1], os.Args[2:]); ok {
			os.Exit(code)
		}
	}
	goleak.VerifyTestMain(m)
}

// engineMain is the program under the driver's care. It ends by itself after a minute, whatever happens to the test.
func engineMain(mode string, args []string) (code int, ok bool) {
	minute := time.After(time.Minute)
	report := func(state vm.State, message string) {
		ticks, _ := StartTicks(os.Getpid())
		_ = WriteReport(os.Getenv(StatusEnv), Report{
			State: state, Message: message, PID: os.Getpid(), StartTicks: ticks, Since: clock.Now().Seconds(),
		})
	}
	switch mode {
	case modeEngine:
		asked := make(chan os.Signal, 1)
		signal.Notify(asked, syscall.SIGTERM)
		report(vm.StateStarting, "")
		time.Sleep(100 * time.Millisecond)
		report(vm.StateUp, "")
		select {
		case <-asked:
		case <-minute:
		}
		report(vm.StateDown, "stopped on request")
	case modeStubborn:
		signal.Ignore(syscall.SIGTERM)
		child := exec.Command(os.Args[0], modeGrandchild)
		if err := child.Start(); err != nil {
			return 1, true
		}
		_ = os.WriteFile("grandchild", []byte(strconv.Itoa(child.Process.Pid)), 0o600)
		report(vm.StateUp, "")
		<-minute
	case modeGrandchild:
		signal.Ignore(syscall.SIGTERM)
		<-minute
	case modeRefused:
		report(vm.StateDown, "engine: Failed to acquire lock: error -243")
		return 1, true
	case modeSilent:
		return 7, true
	case modeEmpty:
		dir, _ := os.Getwd()
		sid, _, _ := syscall.RawSyscall(syscall.SYS_GETSID, 0, 0, 0)
		for _, line := range append(os.Environ(), "cwd "+dir, "leads its session "+strconv.FormatBool(int(sid) == os.Getpid())) {
			_, _ = os.Stdout.WriteString(line + "\n")
		}
		report(vm.StateDown, "")
	case modeStarter:
		d, err := New(Options{RunDir: args[0], Argv: []string{os.Args[0], modeEngine}})
		if err != nil || d.Start(context.Background()) != nil {
			return 1, true
		}
	default:
		return 0, false
	}
	return 0, true
}
