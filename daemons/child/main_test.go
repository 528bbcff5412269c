package child_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// The test binary started with one of these as its first argument is the child of a test.
const (
	modeShow     = "show"     // reports how it was started
	modeEcho     = "echo"     // writes its input to its output
	modeDeaf     = "deaf"     // never reads its input
	modeFlood    = "flood"    // writes the given number of bytes to both outputs
	modeStubborn = "stubborn" // ignores SIGTERM, starts a child that does too, says its id, and stays
	modeHolder   = "holder"   // leaves a daemon behind that holds its output open
	modeSleeper  = "sleeper"  // sleeps for a minute
	modeFail     = "fail"     // ends with status 32 and some words
	modeKilled   = "killed"   // kills itself
	modeTouch    = "touch"    // looks at a path
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		if code, ok := childMain(os.Args[1], os.Args[2:]); ok {
			os.Exit(code)
		}
	}
	goleak.VerifyTestMain(m)
}

// childMain is the child. It ends by itself after a minute, whatever happens to the test.
func childMain(mode string, args []string) (code int, ok bool) {
	switch mode {
	case modeShow:
		dir, _ := os.Getwd()
		sid, _, _ := syscall.RawSyscall(syscall.SYS_GETSID, 0, 0, 0)
		fmt.Println("cwd", dir)
		fmt.Println("leads session", int(sid) == os.Getpid(), "and group", syscall.Getpgrp() == os.Getpid())
		fmt.Println(strings.Join(os.Environ(), " "))
		fmt.Printf("%q\n", args)
		for fd := 3; fd < 64; fd++ {
			if name, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd)); err == nil && strings.HasSuffix(name, "/daemons-own-file") {
				fmt.Println("inherited", fd, name)
			}
		}
	case modeEcho:
		_, _ = io.Copy(os.Stdout, os.Stdin)
	case modeDeaf:
		fmt.Println("done")
	case modeFlood:
		n, _ := strconv.Atoi(args[0])
		for _, f := range []*os.File{os.Stdout, os.Stderr} {
			_, _ = f.WriteString(strings.Repeat("x", n))
		}
	case modeStubborn:
		signal.Ignore(syscall.SIGTERM)
		cmd := exec.Command(os.Args[0], modeSleeper)
		cmd.Stdout = os.Stdout
		if err := cmd.Start(); err != nil {
			return 1, true
		}
		fmt.Println(cmd.Process.Pid)
		time.Sleep(time.Minute)
	case modeHolder:
		cmd := exec.Command(os.Args[0], modeSleeper)
		cmd.Stdout, cmd.SysProcAttr = os.Stdout, &syscall.SysProcAttr{Setsid: true}
		if err := cmd.Start(); err != nil {
			return 1, true
		}
		fmt.Println(cmd.Process.Pid)
	case modeSleeper:
		signal.Ignore(syscall.SIGTERM)
		time.Sleep(time.Minute)
	case modeFail:
		fmt.Println("some output")
		fmt.Fprintln(os.Stderr, "mount.nfs:\n\taccess denied")
		return 32, true
	case modeTouch:
		_, _ = os.Stat(args[0])
	case modeKilled:
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		time.Sleep(time.Minute)
	default:
		return 0, false
	}
	return 0, true
}
