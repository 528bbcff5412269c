package door

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// Guests are the users who may come in. A user who is not among them is cut off, whatever the socket's mode.
type Guests struct{ uids []int }

// NewGuests returns the guests of the given names or numbers; the daemon's own user is always one. remarks tell which
// names this machine does not know.
func NewGuests(names []string) (g Guests, remarks []string) {
	g.uids = []int{os.Geteuid()}
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

// Listener returns l with every connection checked: strangers are closed and told to report, which must not block.
func (g Guests) Listener(l net.Listener, report func(error)) net.Listener {
	return guarded{Listener: l, guests: g, report: report}
}

type guarded struct {
	net.Listener
	guests Guests
	report func(error)
}

// Accept returns the next connection of a guest.
func (l guarded) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if err := l.guests.Check(conn); err != nil {
			conn.Close()
			l.report(err)
			continue
		}
		return conn, nil
	}
}
