package run

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/harness/events"
	"github.com/holdfast-ha/holdfast/harness/tier/container"
)

const (
	// maxDumps bounds how many moments of a run are dumped.
	maxDumps = 12
	// dumpDeadline bounds one host's dump.
	dumpDeadline = 5 * time.Second
)

// dumpScript prints every thread of a host's daemons as the kernel sees it: name, state, kernel function, system call with
// arguments, kernel stack. It needs nothing but a POSIX shell.
const dumpScript = `show() { [ -r "$2" ] && { while IFS= read -r l || [ -n "$l" ]; do echo "    $1 $l"; done < "$2"; } 2>/dev/null; }
for name in broker agent sanlock; do
  pid=
  [ -r "/run/holdfast/pids/$name.pid" ] && read -r pid < "/run/holdfast/pids/$name.pid"
  [ -n "$pid" ] && [ -d "/proc/$pid/task" ] || continue
  echo "$name, process $pid"
  for task in /proc/"$pid"/task/*; do
    read -r comm < "$task/comm" || continue
    echo "  thread ${task##*/} $comm"
    while read -r key value; do [ "$key" = State: ] && echo "    state $value"; done < "$task/status"
    show wchan "$task/wchan"; show syscall "$task/syscall"; show stack "$task/stack"
  done # threads
done`

// dump writes what every thread of every host's daemons is doing into the run directory. It is taken while each fault is in
// effect, and when a claim breaks. A dump that fails is no reason to end a run.
func (r *runner) dump(ctx context.Context, why string) {
	if r.dumps++; r.dumps > maxDumps {
		return
	}
	dir := filepath.Join(r.options.OutDir, "dumps", fmt.Sprintf("%06.1fs-%s", r.seen.now(), why))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		r.say("", "no thread dump: "+err.Error())
		return
	}
	var all sync.WaitGroup
	for _, h := range r.cluster.Hosts {
		all.Go(func() { dumpHost(ctx, h, filepath.Join(dir, h.Name+".txt")) })
	}
	all.Wait()
	r.note(events.Event{Note: &events.Note{Text: "thread dumps: " + dir}})
}

func dumpHost(ctx context.Context, h *container.Host, path string) {
	ctx, cancel := context.WithTimeout(ctx, dumpDeadline)
	defer cancel()
	text, err := h.Run(ctx, "sh", "-c", dumpScript)
	if err != nil {
		text += "\nthe dump failed: " + err.Error() + "\n"
	}
	_ = os.WriteFile(path, []byte(text), 0o644)
}
