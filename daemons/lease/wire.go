package lease

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Sizes of the C structs, in bytes, and the header's constants.
const (
	magic        = 0x04282010
	protoVersion = 1

	headerSize    = 32
	diskSize      = 1040
	lockspaceSize = 1104
	resourceSize  = 128
	optionsSize   = 56
	hostSize      = 32
	hostEventSize = 32
	callbackSize  = 80
	stateSize     = 80

	pathSize = 1024

	// maxReply bounds what a reply may claim to carry: 2000 hosts are 64 KiB, 8 resources with 4 disks are 34 KiB.
	maxReply = 1 << 20
	// maxStream bounds what is read from a reply that goes on until the daemon closes the connection.
	maxStream = 8 << 20
)

// Command numbers.
const (
	cmdRegister           = 1
	cmdAddLockspace       = 2
	cmdRemLockspace       = 3
	cmdShutdown           = 4
	cmdStatus             = 5
	cmdAcquire            = 7
	cmdRelease            = 8
	cmdInquire            = 9
	cmdRestrict           = 10
	cmdHostStatus         = 15
	cmdInqLockspace       = 16
	cmdWriteLockspace     = 18
	cmdWriteResource      = 19
	cmdReadLockspace      = 20
	cmdReadResource       = 21
	cmdGetLockspaces      = 22
	cmdGetHosts           = 23
	cmdReadResourceOwners = 24
	cmdVersion            = 28
	cmdRegEvent           = 30
	cmdEndEvent           = 31
	cmdSetEvent           = 32
)

var order = binary.LittleEndian

// command is one request before it is put on the wire.
type command struct {
	op      string
	subject string
	number  uint32
	flags   uint32
	data    uint32
	data2   uint32
	seq     uint32
	payload []byte
	waits   bool // meant to wait: the context alone decides how long
	results bool // some negative results are answers; do not turn them into errors
}

// bytes returns header and payload in one buffer, for one write.
func (c command) bytes() []byte {
	b := make([]byte, headerSize, headerSize+len(c.payload))
	for i, v := range []uint32{
		magic, protoVersion, c.number, c.flags,
		uint32(headerSize + len(c.payload)), c.seq, c.data, c.data2,
	} {
		order.PutUint32(b[4*i:], v)
	}
	return append(b, c.payload...)
}

// reply is one answer.
type reply struct {
	version uint32
	number  uint32
	seq     uint32
	result  Result
	data2   uint32
	payload []byte
}

// errProtocol marks an answer that is not sanlock's protocol.
var errProtocol = errors.New("not sanlock's protocol")

// readHeader reads and checks one header and returns how many bytes of payload follow.
func readHeader(r io.Reader) (reply, int, error) {
	var b [headerSize]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return reply{}, 0, err
	}
	if got := order.Uint32(b[0:]); got != magic {
		return reply{}, 0, fmt.Errorf("%w: magic 0x%08x, want 0x%08x", errProtocol, got, uint32(magic))
	}
	if got := order.Uint32(b[4:]); got>>16 != 0 {
		return reply{}, 0, fmt.Errorf("%w: version 0x%08x, want major version 0", errProtocol, got)
	}
	length := order.Uint32(b[16:])
	if length < headerSize || length > headerSize+maxReply {
		return reply{}, 0, fmt.Errorf("%w: length %d, want %d to %d bytes", errProtocol, length, headerSize, headerSize+maxReply)
	}
	return reply{
		version: order.Uint32(b[4:]),
		number:  order.Uint32(b[8:]),
		seq:     order.Uint32(b[20:]),
		result:  Result(int32(order.Uint32(b[24:]))),
		data2:   order.Uint32(b[28:]),
	}, int(length - headerSize), nil
}

// readReply reads one header and its payload.
func readReply(r io.Reader) (reply, error) {
	rep, size, err := readHeader(r)
	if err != nil || size == 0 {
		return rep, err
	}
	rep.payload = make([]byte, size)
	if _, err := io.ReadFull(r, rep.payload); err != nil {
		return reply{}, fmt.Errorf("payload of %d bytes: %w", size, err)
	}
	return rep, nil
}

// text returns the bytes before the first zero.
func text(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

// checkName refuses names that do not fit their field.
func checkName(what, name string) error {
	if len(name) > MaxName {
		return fmt.Errorf("%s name %q has %d bytes, at most %d fit", what, name, len(name), MaxName)
	}
	if strings.IndexByte(name, 0) >= 0 {
		return fmt.Errorf("%s name %q contains a zero byte", what, name)
	}
	return nil
}

// checkPath refuses paths that do not fit their field.
func checkPath(path string) error {
	if len(path) > MaxPath {
		return fmt.Errorf("path of %d bytes (%.60q...), at most %d fit", len(path), path, MaxPath)
	}
	if strings.IndexByte(path, 0) >= 0 {
		return fmt.Errorf("path %q contains a zero byte", path)
	}
	return nil
}

// wholeSeconds turns an io timeout into the wire's seconds; 0 stands for the daemon's default.
func wholeSeconds(d time.Duration) (uint32, error) {
	if d < 0 || d%time.Second != 0 || d > time.Hour {
		return 0, fmt.Errorf("io timeout %v, want whole seconds from 1s to 1h, or 0 for sanlock's default", d)
	}
	return uint32(d / time.Second), nil
}
