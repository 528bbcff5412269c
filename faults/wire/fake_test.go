package wire

import (
	"encoding/binary"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeServer listens on loopback and lets talk have every connection. It ends with the test.
func fakeServer(t *testing.T, talk func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var mu sync.Mutex
	var conns []net.Conn
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
			running.Go(func() {
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
				talk(conn)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, c := range conns {
			c.Close()
		}
		mu.Unlock()
		running.Wait()
	})
	return l.Addr().String()
}

// silent accepts and reads, and never answers: what a paused server looks like.
func silent(conn net.Conn) {
	buf := make([]byte, 4096)
	for {
		if _, err := conn.Read(buf); err != nil {
			return
		}
	}
}

// fakeNFS answers every NULL call; reply makes the words behind the xid.
func fakeNFS(reply ...uint32) func(net.Conn) {
	return func(conn net.Conn) {
		for {
			call, err := readRecord(conn)
			if err != nil {
				return
			}
			record := append([]byte(nil), call[:4]...)
			for _, w := range reply {
				record = binary.BigEndian.AppendUint32(record, w)
			}
			// In two fragments, as a server may.
			out := binary.BigEndian.AppendUint32(nil, 4)
			out = append(out, record[:4]...)
			out = binary.BigEndian.AppendUint32(out, lastFragment|uint32(len(record)-4))
			if _, err := conn.Write(append(out, record[4:]...)); err != nil {
				return
			}
		}
	}
}

// fakeTarget is an iSCSI target that needs `rounds` of login, sends a ping of its own before the NOP's answer, and
// refuses logins with the given status if that is not 0.
func fakeTarget(rounds int, status uint16) func(net.Conn) {
	return func(conn net.Conn) {
		statSN := uint32(100)
		send := func(p pdu) bool {
			b := p.encode()
			b[0] &^= immediate
			binary.BigEndian.PutUint32(b[24:], statSN)
			statSN++
			_, err := conn.Write(b)
			return err == nil
		}
		for {
			p, err := readPDU(conn)
			if err != nil {
				return
			}
			var ok bool
			switch p.opcode {
			case opLogin:
				rounds--
				flags := byte(stageOperational << 2)
				if rounds <= 0 {
					flags = finalBit | stageOperational<<2 | stageFullFeature
				}
				ok = send(pdu{opcode: opLoginReply, flags: flags, task: p.task, tsih: 7, status: status, payload: keys("TargetPortalGroupTag=1")})
			case opNopOut:
				ok = send(pdu{opcode: opNopIn, flags: finalBit, task: noTag, word20: 5}) &&
					send(pdu{opcode: opNopIn, flags: finalBit, task: p.task, word20: noTag})
			case opLogout:
				send(pdu{opcode: opLogoutReply, flags: finalBit, task: p.task})
				return
			default:
				ok = send(pdu{opcode: opReject, flags: finalBit, task: noTag})
			}
			if !ok {
				return
			}
		}
	}
}
