package lease

import (
	"flag"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain runs the tests, or, when the binary was started by one of them as the process that registers, that. The
// daemon kills registered processes, so the test process itself never is one.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == registrantMode {
		os.Exit(registrantMain(os.Args[2], os.Stdin, os.Stdout))
	}
	// The tests wait for sanlock's timers, not for a processor; without this two of them would run at a time.
	flag.Parse()
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}
