package shell

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/broker/shell/door"
	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// attendant talks to the service manager, and looks after the socket's name, from a goroutine of its own: a manager that
// does not read its socket holds up nobody.
type attendant struct {
	log      *slog.Logger
	tell     func(string) error // nil: there is no manager
	watchdog time.Duration      // the manager wants to hear as often as this; 0: it does not
	status   func() string
	socket   *door.Socket
	lost     chan error // capacity 1: the socket's name is gone

	turned atomic.Int64 // when the core's loop last turned; clock.Mono
	says   chan string
	quit   chan struct{}
	ended  chan struct{}
}

// attendPeriod is how often the attendant looks around, unless the watchdog wants more.
const attendPeriod = time.Second

func newAttendant(options Options, socket *door.Socket, status func() string) *attendant {
	a := &attendant{
		log: options.Log, tell: options.Notify, watchdog: options.Watchdog, status: status, socket: socket, lost: make(chan error, 1),
		says: make(chan string, 16), quit: make(chan struct{}), ended: make(chan struct{}),
	}
	a.turn()
	go a.attend()
	return a
}

// turn notes that the core's loop has turned.
func (a *attendant) turn() { a.turned.Store(int64(clock.Now())) }

// say has a message sent; what finds no room is lost, for a manager that does not read anyway.
func (a *attendant) say(state string) {
	select {
	case a.says <- state:
	default:
	}
}

func (a *attendant) attend() {
	defer close(a.ended)
	period := attendPeriod
	if a.watchdog > 0 {
		period = min(period, a.watchdog/2)
	}
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	status, missed := "", false
	for {
		select {
		case state := <-a.says:
			a.send(state)
		case <-ticker.C:
			if text := a.status(); text != status {
				status = text
				a.send("STATUS=" + text)
			}
			// The ping vouches for the core's loop and for nothing else: not for a lane, and not for storage. It comes twice as
			// often as asked for, so a loop that has stood still for half of that is worth missing one.
			if a.watchdog > 0 && clock.Now().Sub(clock.Mono(a.turned.Load())) < a.watchdog/2 {
				a.send("WATCHDOG=1")
			}
			if err := a.socket.Lost(); err != nil && !missed {
				missed = true
				a.lost <- err
			}
		case <-a.quit:
			for len(a.says) > 0 {
				a.send(<-a.says)
			}
			return
		}
	}
}

func (a *attendant) send(state string) {
	if a.tell == nil {
		return
	}
	if err := a.tell(state); err != nil {
		a.log.Warn("service manager not told", "state", state, "error", err.Error())
	}
}

// stop sends what is left and ends. A manager that does not take it is left after limit.
func (a *attendant) stop(limit time.Duration) {
	close(a.quit)
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-a.ended:
	case <-timer.C:
		a.log.Warn("service manager does not take its messages")
	}
}

// statusLine is what systemctl status shows.
func (s *shell) statusLine() string {
	snap := s.snapshot.Load()
	if snap == nil {
		return "starting"
	}
	line := fmt.Sprintf("host id %d, storage %s, lease %v, %d segments", s.Config.HostID, snap.Mount.State, snap.Lease.State, len(snap.Segments))
	var codes []string
	for _, w := range s.warnings(clock.Now()) {
		codes = append(codes, string(w.Code))
	}
	if len(codes) > 0 {
		slices.Sort(codes)
		line += ", warnings: " + strings.Join(codes, " ")
	}
	return line
}
