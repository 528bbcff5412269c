package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNullCallBytes(t *testing.T) {
	require.Equal(t, "80000028"+ // last fragment, 40 bytes
		"01020304"+"00000000"+"00000002"+ // xid, call, RPC version 2
		"000186a3"+"00000003"+"00000000"+ // NFS, version 3, NULL
		"0000000000000000"+"0000000000000000", // AUTH_NONE twice
		hex.EncodeToString(encodeNullCall(0x01020304, ProgramNFS, VersionNFS3)))
}

func TestLoginRequestBytes(t *testing.T) {
	b := pdu{opcode: opLogin, flags: finalBit | stageOperational<<2 | stageFullFeature, isid: [6]byte{0x80, 1, 2, 3, 4, 5}, task: 9, statSN: 1, payload: keys("A=b", "C=d")}.encode()
	require.Len(t, b, headerSize+8)
	require.Equal(t, "43870000"+"00000008"+"800102030405"+"0000"+"00000009"+"00000000"+"00000001"+"00000000", hex.EncodeToString(b[:32]))
	require.Equal(t, "A=b\x00C=d\x00", string(b[headerSize:]))
}

func TestReplyWithAVerifier(t *testing.T) {
	reply := words(77, msgReply, msgAccepted, 1, 5)
	reply = append(reply, "abcde\x00\x00\x00"...)
	reply = append(reply, words(acceptSuccess)...)
	require.NoError(t, checkNullReply(reply, 77))
	require.ErrorIs(t, checkNullReply(reply[:len(reply)-4], 77), ErrMalformed)
	require.ErrorIs(t, checkNullReply(reply, 78), ErrMalformed)
}

func words(w ...uint32) []byte {
	var b []byte
	for _, v := range w {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}

// Whatever comes back, reading it ends, allocates little, and fails with a reason or with the end of the bytes.
func FuzzReadRecord(f *testing.F) {
	f.Add(append(words(lastFragment|24), words(1, msgReply, msgAccepted, 0, 0, 0)...))
	f.Add(words(0, 0, 0, lastFragment))
	f.Add(words(0x7fffffff))
	f.Fuzz(func(t *testing.T, b []byte) {
		record, err := readRecord(bytes.NewReader(b))
		if err != nil {
			requireKnown(t, err)
			return
		}
		require.LessOrEqual(t, len(record), len(b))
		if err := checkNullReply(record, 1); err != nil && !errors.Is(err, ErrRejected) {
			requireKnown(t, err)
		}
	})
}

// A PDU that can be read is written back as it was, in the fields that the codec knows.
func FuzzReadPDU(f *testing.F) {
	f.Add(pdu{opcode: opLoginReply, flags: 0x87, tsih: 7, task: 1, payload: keys("TargetPortalGroupTag=1")}.encode())
	f.Add(pdu{opcode: opNopIn, flags: finalBit, task: noTag}.encode())
	f.Add(make([]byte, headerSize))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := readPDU(bytes.NewReader(b))
		if err != nil {
			requireKnown(t, err)
			return
		}
		again, err := readPDU(bytes.NewReader(p.encode()))
		require.NoError(t, err)
		require.Equal(t, p.payload, again.payload)
		p.payload, again.payload = nil, nil
		require.Equal(t, p, again)
		require.NotEmpty(t, loginStatus(p.status))
	})
}

func requireKnown(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		require.ErrorIs(t, err, ErrMalformed)
	}
}
