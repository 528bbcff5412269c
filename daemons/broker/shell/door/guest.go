package door

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Guests are the users who may come in. A user who is not among them is cut off, whatever the socket's mode.
type Guests struct{ uids []int }

// NewGuests returns the guests of the given names or numbers. The daemon's own user always is one, and so is root: he can
// become any other, so refusing him keeps nobody out but the operator. remarks tell which names this machine does not know.
func NewGuests(names []string) (g Guests, remarks []string) {
	g.uids = []int{0, os.Geteuid()}
	for _, name := range names {
		uid, err := idOf(passwd, name)
		if err != nil {
			remarks = append(remarks, fmt.Sprintf("allow_users: %s is left out: %v", name, err))
			continue
		}
		g.uids = append(g.uids, uid)
	}
	return g, remarks
}

// ErrStranger says that a user who is not a guest wanted to come in.
var ErrStranger = errors.New("this user may not connect")

// Check asks the kernel who is at the other end of a connection; nil if it is a guest. It never blocks.
func (g Guests) Check(conn net.Conn) error {
	socket, ok := conn.(*net.UnixConn)
	if !ok {
		return fmt.Errorf("%w: %s is no Unix socket", ErrStranger, conn.LocalAddr())
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrStranger, err)
	}
	var peer *unix.Ucred
	var credErr error
	if err := raw.Control(func(fd uintptr) {
		peer, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil || credErr != nil {
		return fmt.Errorf("%w: who it is cannot be told: %w", ErrStranger, errors.Join(err, credErr))
	}
	if slices.Contains(g.uids, int(peer.Uid)) {
		return nil
	}
	return fmt.Errorf("%w: user %d, process %d; add the user to allow_users if it should", ErrStranger, peer.Uid, peer.Pid)
}

// reportPause is the least time between two reports of strangers, so that nobody can fill the log by knocking.
const reportPause = 10 * time.Second

// Listener returns l with every connection checked: strangers are closed. report, which must not block, hears of one of them
// in 10 s and how many more there were. Accept is for one goroutine.
func (g Guests) Listener(l net.Listener, report func(error)) net.Listener {
	return &guarded{Listener: l, guests: g, report: report}
}

type guarded struct {
	net.Listener
	guests Guests
	report func(error)

	reported time.Time // last
	missed   int       // strangers since then
}

// turnAway reports a stranger, if it is time for that.
func (l *guarded) turnAway(err error) {
	if time.Since(l.reported) < reportPause {
		l.missed++
		return
	}
	if l.missed > 0 {
		err = fmt.Errorf("%w (%d earlier ones were not reported)", err, l.missed)
	}
	l.reported, l.missed = time.Now(), 0
	l.report(err)
}

// Accept returns the next connection of a guest.
func (l *guarded) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if err := l.guests.Check(conn); err != nil {
			conn.Close()
			l.turnAway(err)
			continue
		}
		return conn, nil
	}
}
