package wire

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// iSCSI (RFC 7143): a PDU is a header of 48 bytes, optional additional headers in words, and data padded to words.
const (
	headerSize = 48
	maxData    = 64 << 10 // bytes of data that a reply to a probe may carry

	opNopOut, opLogin, opLogout = 0x00, 0x03, 0x06 // requests
	opNopIn, opLoginReply       = 0x20, 0x23
	opLogoutReply, opAsync      = 0x26, 0x32
	opReject                    = 0x3f

	immediate   = 0x40 // in byte 0
	finalBit    = 0x80 // in byte 1; "transit" in a login
	continueBit = 0x40 // in byte 1 of a login

	stageOperational, stageFullFeature = 1, 3

	noTag = 0xffffffff
)

// pdu is one iSCSI PDU. Fields that a kind of PDU does not have stay zero.
type pdu struct {
	opcode  byte // without the immediate bit
	flags   byte // byte 1
	isid    [6]byte
	tsih    uint16
	task    uint32 // initiator task tag
	word20  uint32 // target transfer tag of NOPs; connection id << 16 of login and logout requests
	statSN  uint32 // CmdSN in requests
	expSN   uint32 // ExpStatSN in requests, ExpCmdSN in replies
	status  uint16 // login replies: class << 8 | detail
	payload []byte
}

// encode returns the PDU as an immediate request, padded.
func (p pdu) encode() []byte {
	b := make([]byte, headerSize, headerSize+len(p.payload)+3)
	b[0] = p.opcode | immediate
	b[1] = p.flags
	b[5], b[6], b[7] = byte(len(p.payload)>>16), byte(len(p.payload)>>8), byte(len(p.payload))
	copy(b[8:14], p.isid[:])
	binary.BigEndian.PutUint16(b[14:], p.tsih)
	binary.BigEndian.PutUint32(b[16:], p.task)
	binary.BigEndian.PutUint32(b[20:], p.word20)
	binary.BigEndian.PutUint32(b[24:], p.statSN)
	binary.BigEndian.PutUint32(b[28:], p.expSN)
	binary.BigEndian.PutUint16(b[36:], p.status)
	b = append(b, p.payload...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// readPDU reads one PDU without digests. It refuses data of more than maxData bytes.
func readPDU(r io.Reader) (pdu, error) {
	var h [headerSize]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return pdu{}, err
	}
	p := pdu{
		opcode: h[0] & 0x3f,
		flags:  h[1],
		tsih:   binary.BigEndian.Uint16(h[14:]),
		task:   binary.BigEndian.Uint32(h[16:]),
		word20: binary.BigEndian.Uint32(h[20:]),
		statSN: binary.BigEndian.Uint32(h[24:]),
		expSN:  binary.BigEndian.Uint32(h[28:]),
		status: binary.BigEndian.Uint16(h[36:]),
	}
	copy(p.isid[:], h[8:14])
	length := int(h[5])<<16 | int(h[6])<<8 | int(h[7])
	if length > maxData {
		return pdu{}, fmt.Errorf("%w: PDU with %d bytes of data, want at most %d", ErrMalformed, length, maxData)
	}
	additional := int(h[4]) * 4
	rest := make([]byte, additional+(length+3)/4*4)
	if _, err := io.ReadFull(r, rest); err != nil {
		return pdu{}, err
	}
	p.payload = rest[additional : additional+length]
	return p, nil
}

// keys encodes text keys as a login carries them: name=value, each ended by a zero byte.
func keys(pairs ...string) []byte {
	return []byte(strings.Join(pairs, "\x00") + "\x00")
}

// loginStatus says in words why a login failed.
func loginStatus(status uint16) string {
	if s, ok := map[uint16]string{
		0x0101: "target moved temporarily",
		0x0102: "target moved permanently",
		0x0201: "authentication failure: the target wants CHAP, the probe has none",
		0x0202: "authorization failure: the target's access list does not allow this initiator or address",
		0x0203: "target not found",
		0x0204: "target removed",
		0x0207: "missing parameter",
		0x020b: "invalid request during login",
		0x0301: "target error",
		0x0302: "service unavailable",
		0x0303: "out of resources",
	}[status]; ok {
		return s
	}
	return fmt.Sprintf("login status %#04x", status)
}
