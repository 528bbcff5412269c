package xmlrpc

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"hash/crc32"
	"net/http"
	"strconv"
	"sync"
)

// Raw is a value that is encoded already: its pieces, one after the other, are exactly one <value> element. A handler
// may return it, alone or anywhere in a Struct or an array. A server sends its pieces as they are, without putting the
// reply together, so pieces that are used again and again are encoded once and packed once, however large the reply
// and however many the callers.
type Raw []*Piece

// Pieces encodes a value around the Raws in it: what stands between them becomes fresh pieces. The error is a *ValueError.
func Pieces(v any) (Raw, error) {
	var cut Raw
	e := encoder{cut: &cut}
	if err := e.value(v, "result", 0); err != nil {
		return nil, err
	}
	return append(cut, FreshPiece(e.buf)), nil
}

// Piece is a stretch of XML. It may be part of any number of Raws at the same time.
type Piece struct {
	plain []byte
	fresh bool // made for one reply: not worth compressing

	once   sync.Once
	packed []byte // one member of a gzip stream; made by once
}

// NewPiece returns a piece that is going to be sent often. plain is not to be changed any more.
func NewPiece(plain []byte) *Piece { return &Piece{plain: plain} }

// FreshPiece returns a piece that is made for one reply: where the reply is packed, it is only wrapped.
func FreshPiece(plain []byte) *Piece { return &Piece{plain: plain, fresh: true} }

// Len returns the length of the piece in bytes, as it is.
func (p *Piece) Len() int { return len(p.plain) }

// Pack makes the packed form now, so that no reply has to wait for it.
func (p *Piece) Pack() { p.pack() }

// pack returns the piece as a member of a gzip stream. A stream of several members is what RFC 1952 allows; Python's and Go's
// readers take it.
func (p *Piece) pack() []byte {
	p.once.Do(func() {
		if p.fresh {
			p.packed = wrap(p.plain)
			return
		}
		p.packed = squeeze(p.plain)
	})
	return p.packed
}

// Encode returns a value's <value> element. The error is a *ValueError.
func Encode(v any) ([]byte, error) {
	e := encoder{}
	if err := e.value(v, "value", 0); err != nil {
		return nil, err
	}
	return e.buf, nil
}

// packers keeps compressors, for each is large.
var packers = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is valid; Python's is the same
	return z
}}

// squeeze compresses.
func squeeze(plain []byte) []byte {
	z, _ := packers.Get().(*gzip.Writer)
	defer packers.Put(z)
	var out bytes.Buffer
	z.Reset(&out)
	_, _ = z.Write(plain) // writing to a Buffer does not fail
	_ = z.Close()
	return out.Bytes()
}

// wrap makes a gzip member without compressing: header, stored blocks, check sum and length.
func wrap(plain []byte) []byte {
	const block = 65535
	out := make([]byte, 0, len(plain)+32)
	out = append(out, 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff)
	sum, size := crc32.ChecksumIEEE(plain), uint32(len(plain)) //nolint:gosec // modulo 2^32, as the format has it
	for {
		n := min(len(plain), block)
		last := byte(0)
		if n == len(plain) {
			last = 1
		}
		out = append(out, last)
		out = binary.LittleEndian.AppendUint16(out, uint16(n))
		out = binary.LittleEndian.AppendUint16(out, ^uint16(n))
		out = append(out, plain[:n]...)
		if plain = plain[n:]; last == 1 {
			break
		}
	}
	out = binary.LittleEndian.AppendUint32(out, sum)
	return binary.LittleEndian.AppendUint32(out, size)
}

// Around a result.
const (
	replyHead = declaration + "<methodResponse>\n<params>\n<param>\n"
	replyTail = "</param>\n</params>\n</methodResponse>\n"
)

// envelope is head and tail, packed once for the life of the program's server.
type envelope struct{ head, tail *Piece }

func newEnvelope() envelope {
	return envelope{NewPiece([]byte(replyHead)), NewPiece([]byte(replyTail))}
}

// sendBuffer is how much of a reply made of pieces is gathered for one write, in bytes.
const sendBuffer = 64 << 10

var sendBuffers = sync.Pool{New: func() any { b := make([]byte, 0, sendBuffer); return &b }}

// sendRaw sends a result of pieces without putting them together.
func (s *Server) sendRaw(w http.ResponseWriter, raw Raw, packed bool) {
	get := (*Piece).bytes
	length := len(replyHead) + len(replyTail)
	for _, p := range raw {
		length += len(p.plain)
	}
	h := w.Header()
	if packed && length > packAbove {
		get = (*Piece).pack
		h.Set("Content-Encoding", "gzip")
		length = len(s.envelope.head.pack()) + len(s.envelope.tail.pack())
		for _, p := range raw {
			length += len(p.pack())
		}
	}
	h.Set("Content-Length", strconv.Itoa(length))
	s.limitWrite(w)
	kept, _ := sendBuffers.Get().(*[]byte)
	defer sendBuffers.Put(kept)
	buf := append((*kept)[:0], get(s.envelope.head)...)
	send := func(p *Piece) bool {
		data := get(p)
		if len(buf)+len(data) > cap(buf) {
			if _, err := w.Write(buf); err != nil {
				return false // a client that went away, or one that was too slow
			}
			buf = buf[:0]
		}
		if len(data) > cap(buf) {
			_, err := w.Write(data)
			return err == nil
		}
		buf = append(buf, data...)
		return true
	}
	for _, p := range raw {
		if !send(p) {
			return
		}
	}
	if send(s.envelope.tail) {
		_, _ = w.Write(buf)
	}
}

func (p *Piece) bytes() []byte { return p.plain }
