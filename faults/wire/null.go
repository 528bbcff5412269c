package wire

import (
	"context"
	"math/rand/v2"
	"net"
	"time"
)

// Program and version numbers of ONC-RPC services.
const (
	ProgramNFS   = 100003
	ProgramMount = 100005
	VersionNFS3  = 3
	VersionNFS4  = 4
)

// NFS is a Prober that sends an ONC-RPC NULL call over TCP, to the NFS program unless told otherwise.
type NFS struct {
	Addr    string        // host:port of the server, usually port 2049
	Program uint32        // 0 means ProgramNFS
	Version uint32        // 0 means VersionNFS3
	Timeout time.Duration // 0 means DefaultTimeout
}

// Probe sends one NULL call and waits for its reply.
func (p NFS) Probe(ctx context.Context) (time.Duration, error) {
	program, version := p.Program, p.Version
	if program == 0 {
		program = ProgramNFS
	}
	if version == 0 {
		version = VersionNFS3
	}
	return null(ctx, p.Addr, program, version, p.Timeout)
}

// Null sends one NULL call of the given program and version to addr (host:port) over TCP and waits for the reply until the
// context's deadline, at most DefaultTimeout. It returns the time from the dial to the reply.
func Null(ctx context.Context, addr string, program, version uint32) (time.Duration, error) {
	timeout := DefaultTimeout
	if d, ok := ctx.Deadline(); ok {
		timeout = time.Until(d) // a caller that names a deadline gets all of it
	}
	return null(ctx, addr, program, version, max(timeout, time.Nanosecond))
}

func null(ctx context.Context, addr string, program, version uint32, timeout time.Duration) (time.Duration, error) {
	return exchange(ctx, "rpc null", addr, timeout, func(conn net.Conn) error {
		xid := newXID()
		if _, err := conn.Write(encodeNullCall(xid, program, version)); err != nil {
			return err
		}
		reply, err := readRecord(conn)
		if err != nil {
			return err
		}
		return checkNullReply(reply, xid)
	})
}

// newXID numbers calls. Each call has a connection of its own, so the number only has to differ from noise.
func newXID() uint32 { return rand.Uint32() }
