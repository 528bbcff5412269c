package wire

import (
	"encoding/binary"
	"fmt"
	"io"
)

// ONC-RPC over TCP (RFC 5531): big-endian words; a record is a chain of fragments, each with a word that holds its length
// and, in the top bit, whether it is the last one.
const (
	lastFragment = 1 << 31
	maxRecord    = 64 << 10 // bytes; a NULL reply has 24, the rest is room for a verifier
	maxFragments = 64

	msgCall, msgReply         = 0, 1
	msgAccepted, msgDenied    = 0, 1
	rpcVersion                = 2
	acceptSuccess             = 0
	maxVerifier               = 400 // bytes, the limit of the RFC
	nullReplyWords, wordBytes = 6, 4
)

var acceptStatus = [...]string{"success", "program unavailable", "program version mismatch", "procedure unavailable", "garbage arguments", "system error"}

// encodeNullCall returns the record of a call of procedure 0 without credentials, in one fragment of 40 bytes.
func encodeNullCall(xid, program, version uint32) []byte {
	words := []uint32{
		xid, msgCall, rpcVersion, program, version,
		0,    // procedure NULL
		0, 0, // credentials: AUTH_NONE, no bytes
		0, 0, // verifier: AUTH_NONE, no bytes
	}
	b := binary.BigEndian.AppendUint32(nil, lastFragment|uint32(len(words)*wordBytes))
	for _, w := range words {
		b = binary.BigEndian.AppendUint32(b, w)
	}
	return b
}

// readRecord reads one record, of at most maxRecord bytes in at most maxFragments fragments.
func readRecord(r io.Reader) ([]byte, error) {
	var record []byte
	for range maxFragments {
		var head [wordBytes]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return nil, err
		}
		h := binary.BigEndian.Uint32(head[:])
		n := int(h &^ lastFragment)
		if n > maxRecord-len(record) {
			return nil, fmt.Errorf("%w: record of more than %d bytes", ErrMalformed, maxRecord)
		}
		start := len(record)
		record = append(record, make([]byte, n)...)
		if _, err := io.ReadFull(r, record[start:]); err != nil {
			return nil, err
		}
		if h&lastFragment != 0 {
			return record, nil
		}
	}
	return nil, fmt.Errorf("%w: record of more than %d fragments", ErrMalformed, maxFragments)
}

// checkNullReply returns nil for an accepted, successful reply to call xid; else an error that wraps ErrMalformed, or
// ErrRejected when the server did answer and said no.
func checkNullReply(b []byte, xid uint32) error {
	word := func(i int) uint32 { return binary.BigEndian.Uint32(b[i*wordBytes:]) }
	if len(b) < 3*wordBytes {
		return fmt.Errorf("%w: reply of %d bytes", ErrMalformed, len(b))
	}
	switch {
	case word(0) != xid:
		return fmt.Errorf("%w: reply to call %#x, want %#x", ErrMalformed, word(0), xid)
	case word(1) != msgReply:
		return fmt.Errorf("%w: message type %d, want a reply", ErrMalformed, word(1))
	case word(2) == msgDenied:
		return fmt.Errorf("%w: call denied", ErrRejected)
	case word(2) != msgAccepted:
		return fmt.Errorf("%w: reply status %d", ErrMalformed, word(2))
	case len(b) < nullReplyWords*wordBytes:
		return fmt.Errorf("%w: accepted reply of %d bytes", ErrMalformed, len(b))
	}
	verifier := int(word(4))
	if verifier > maxVerifier {
		return fmt.Errorf("%w: verifier of %d bytes", ErrMalformed, verifier)
	}
	at := 5 + (verifier+wordBytes-1)/wordBytes
	if len(b) < (at+1)*wordBytes {
		return fmt.Errorf("%w: reply ends inside the verifier", ErrMalformed)
	}
	switch status := word(at); {
	case status == acceptSuccess:
		return nil
	case status < uint32(len(acceptStatus)):
		return fmt.Errorf("%w: %s", ErrRejected, acceptStatus[status])
	default:
		return fmt.Errorf("%w: accept status %d", ErrMalformed, status)
	}
}
