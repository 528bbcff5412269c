package child

import (
	"slices"
	"strings"
	"sync"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// Ward keeps account of abandoned children. The zero value is ready. Its methods may be called from any goroutine and
// never block.
type Ward struct {
	mu     sync.Mutex
	stuck  map[string]Stuck // by the whole command; guarded by mu
	ending uint64           // abandoned children that ended after all; guarded by mu
}

// Stuck is a child that was killed and has not died.
type Stuck struct {
	Program string     // Argv[0]
	PID     int        // its process id
	Since   clock.Mono // when it was abandoned
}

// Stuck returns the children that are stuck now, the oldest first.
func (w *Ward) Stuck() []Stuck {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := make([]Stuck, 0, len(w.stuck))
	for _, s := range w.stuck {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b Stuck) int { return int(a.Since - b.Since) })
	return all
}

// Ended counts the abandoned children that ended after all.
func (w *Ward) Ended() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ending
}

// holds says whether this command is stuck already. A nil Ward holds nothing.
func (w *Ward) holds(argv []string) bool {
	if w == nil {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	_, ok := w.stuck[command(argv)]
	return ok
}

func (w *Ward) take(argv []string, pid int) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stuck == nil {
		w.stuck = map[string]Stuck{}
	}
	w.stuck[command(argv)] = Stuck{Program: argv[0], PID: pid, Since: clock.Now()}
}

func (w *Ward) release(argv []string) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.stuck, command(argv))
	w.ending++
}

// command is a key for a whole command. Arguments hold no zero bytes.
func command(argv []string) string { return strings.Join(argv, "\x00") }
