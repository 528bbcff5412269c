package wire

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"time"
)

// ProbeInitiator is the initiator name that probes log in with. It is a name of its own, so a probe's session never
// replaces (reinstates) the session of the initiator under test.
const ProbeInitiator = "iqn.2025-01.org.holdfast-ha:probe"

// Bounds of one probe: rounds of login negotiation, and PDUs of other kinds skipped while waiting for an answer.
const (
	maxLoginRounds = 8
	maxSkipped     = 32
)

// ISCSI is a Prober that logs in to a target, sends a NOP-Out, waits for the NOP-In and logs out. Without a target it logs in
// to a discovery session, which has no NOP: the login reply is the answer.
type ISCSI struct {
	Addr    string        // host:port of the portal, usually port 3260
	Target  string        // IQN of the target; "" for a discovery login
	Timeout time.Duration // 0 means DefaultTimeout
}

// Probe makes one login (and NOP) and waits for its answer.
func (p ISCSI) Probe(ctx context.Context) (time.Duration, error) {
	return login(ctx, p.Addr, p.Target, p.Timeout)
}

// Nop logs in to the target at addr (host:port) and exchanges one NOP until the context's deadline, at most DefaultTimeout
// if it has none. With an empty target it is a discovery login. It returns the time from the dial to the last answer.
func Nop(ctx context.Context, addr, target string) (time.Duration, error) {
	timeout := DefaultTimeout
	if d, ok := ctx.Deadline(); ok {
		timeout = time.Until(d)
	}
	return login(ctx, addr, target, max(timeout, time.Nanosecond))
}

func login(ctx context.Context, addr, target string, timeout time.Duration) (time.Duration, error) {
	op := "iscsi nop"
	if target == "" {
		op = "iscsi login"
	}
	return exchange(ctx, op, addr, timeout, func(conn net.Conn) error {
		s := session{conn: conn, cmdSN: 1}
		s.isid = [6]byte{0x80} // type "random": the rest is a number of the initiator's choice
		_, _ = rand.Read(s.isid[1:])
		if err := s.login(target); err != nil {
			return err
		}
		if target == "" {
			return nil
		}
		if err := s.nop(); err != nil {
			return err
		}
		s.logout()
		return nil
	})
}

// session is the initiator's side of one connection.
type session struct {
	conn      net.Conn
	isid      [6]byte
	tsih      uint16
	cmdSN     uint32
	expStatSN uint32
	task      uint32
}

// login negotiates with the least that the protocol allows: no authentication, no digests.
func (s *session) login(target string) error {
	text := keys("InitiatorName="+ProbeInitiator, "SessionType=Discovery", "HeaderDigest=None", "DataDigest=None")
	if target != "" {
		text = keys("InitiatorName="+ProbeInitiator, "SessionType=Normal", "TargetName="+target,
			"HeaderDigest=None", "DataDigest=None", "MaxRecvDataSegmentLength=8192")
	}
	for range maxLoginRounds {
		reply, err := s.ask(pdu{opcode: opLogin, flags: finalBit | stageOperational<<2 | stageFullFeature, tsih: s.tsih, payload: text}, opLoginReply)
		switch {
		case err != nil:
			return err
		case reply.status != 0:
			return fmt.Errorf("%w: %s", ErrRejected, loginStatus(reply.status))
		case reply.flags&finalBit != 0 && reply.flags&3 == stageFullFeature:
			s.tsih = reply.tsih
			return nil
		}
		text = nil // the target wants another round; there is nothing more to say
	}
	return fmt.Errorf("%w: login not finished after %d rounds", ErrMalformed, maxLoginRounds)
}

// nop sends a NOP-Out that wants an answer and waits for it.
func (s *session) nop() error {
	_, err := s.ask(pdu{opcode: opNopOut, flags: finalBit, word20: noTag}, opNopIn)
	return err
}

// logout lets the target free the session at once. The probe is answered already, so nothing depends on the outcome.
func (s *session) logout() {
	_, _ = s.ask(pdu{opcode: opLogout, flags: finalBit}, opLogoutReply)
}

// ask sends a request and returns the reply of the wanted kind with the request's task tag. It skips PDUs that the target
// may send at any time: its own pings and asynchronous messages.
func (s *session) ask(p pdu, want byte) (pdu, error) {
	if p.opcode != opLogin || s.task == 0 { // all requests of one login have the same tag
		s.task++
	}
	p.task, p.statSN, p.expSN = s.task, s.cmdSN, s.expStatSN
	if p.opcode == opLogin {
		p.isid = s.isid // the ISID's place holds the LUN in other PDUs
	}
	if _, err := s.conn.Write(p.encode()); err != nil {
		return pdu{}, err
	}
	for range maxSkipped {
		reply, err := readPDU(s.conn)
		switch {
		case err != nil:
			return pdu{}, err
		case reply.opcode == opReject:
			return pdu{}, fmt.Errorf("%w: PDU rejected", ErrRejected)
		case reply.opcode == opAsync, reply.opcode == opNopIn && reply.task == noTag:
			continue
		case reply.opcode != want:
			return pdu{}, fmt.Errorf("%w: PDU with opcode %#02x, want %#02x", ErrMalformed, reply.opcode, want)
		case reply.task != p.task:
			return pdu{}, fmt.Errorf("%w: reply to task %d, want %d", ErrMalformed, reply.task, p.task)
		}
		s.expStatSN = reply.statSN + 1
		return reply, nil
	}
	return pdu{}, fmt.Errorf("%w: no reply among %d PDUs", ErrMalformed, maxSkipped)
}
