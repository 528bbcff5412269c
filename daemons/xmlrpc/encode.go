package xmlrpc

import (
	"encoding/base64"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const declaration = "<?xml version='1.0'?>\n"

// base64Line is the length of Python's base64 lines.
const base64Line = 76

// maxEncodeDepth guards against values that contain themselves.
const maxEncodeDepth = 100

// MarshalCall returns the body of a request. The error is a *ValueError.
func MarshalCall(method string, args ...any) ([]byte, error) {
	e := encoder{buf: make([]byte, 0, 256)}
	e.raw(declaration, "<methodCall>\n<methodName>")
	if err := e.text(method, "method name"); err != nil {
		return nil, err
	}
	e.raw("</methodName>\n<params>\n")
	for i, arg := range args {
		e.raw("<param>\n")
		if err := e.value(arg, "args["+strconv.Itoa(i)+"]", 0); err != nil {
			return nil, err
		}
		e.raw("</param>\n")
	}
	e.raw("</params>\n</methodCall>\n")
	return e.buf, nil
}

// MarshalResponse returns the body of a reply with one result. The error is a *ValueError.
func MarshalResponse(result any) ([]byte, error) {
	e := encoder{buf: make([]byte, 0, 256)}
	e.raw(replyHead)
	if err := e.value(result, "result", 0); err != nil {
		return nil, err
	}
	e.raw(replyTail)
	return e.buf, nil
}

// MarshalFault returns the body of a fault. Characters that XML cannot carry are replaced.
func MarshalFault(f *Fault) []byte {
	e := encoder{buf: make([]byte, 0, 256)}
	e.raw(declaration, "<methodResponse>\n<fault>\n")
	text := strings.Map(func(r rune) rune {
		if !inXML(r) {
			return utf8.RuneError
		}
		return r
	}, f.String)
	s := Struct{{"faultCode", f.Code}, {"faultString", text}}
	// Cannot fail: the text was cleaned and the names are constants.
	_ = e.value(s, "fault", 0)
	e.raw("</fault>\n</methodResponse>\n")
	return e.buf
}

type encoder struct {
	buf []byte
	cut *Raw // where pieces go; nil: they are copied into buf
}

// insert takes a value that is encoded already.
func (e *encoder) insert(pieces Raw) {
	if e.cut != nil {
		*e.cut = append(append(*e.cut, FreshPiece(e.buf)), pieces...)
		e.buf = make([]byte, 0, 2*len(e.buf)) // what follows is often as long as what came before, in an array of structs
		return
	}
	for _, p := range pieces {
		e.buf = append(e.buf, p.plain...)
	}
}

func (e *encoder) raw(parts ...string) {
	for _, p := range parts {
		e.buf = append(e.buf, p...)
	}
}

func (e *encoder) value(v any, path string, depth int) error {
	if depth > maxEncodeDepth {
		return &ValueError{path, "nested deeper than " + strconv.Itoa(maxEncodeDepth)}
	}
	if v == nil {
		e.raw("<value><nil/></value>") // Python puts no line break here
		return nil
	}
	if pieces, ok := v.(Raw); ok {
		e.insert(pieces)
		return nil
	}
	e.raw("<value>")
	if err := e.typed(v, path, depth); err != nil {
		return err
	}
	e.raw("</value>\n")
	return nil
}

func (e *encoder) typed(v any, path string, depth int) error {
	switch v := v.(type) {
	case bool:
		if v {
			e.raw("<boolean>1</boolean>")
		} else {
			e.raw("<boolean>0</boolean>")
		}
	case int:
		e.integer(int64(v))
	case int8:
		e.integer(int64(v))
	case int16:
		e.integer(int64(v))
	case int32:
		e.integer(int64(v))
	case int64:
		e.integer(v)
	case uint8:
		e.integer(int64(v))
	case uint16:
		e.integer(int64(v))
	case uint32:
		e.integer(int64(v))
	case uint:
		return e.unsigned(uint64(v), path)
	case uint64:
		return e.unsigned(v, path)
	case float32:
		e.double(float64(v))
	case float64:
		e.double(v)
	case string:
		e.raw("<string>")
		if err := e.text(v, path); err != nil {
			return err
		}
		e.raw("</string>")
	case []byte:
		e.base64(v)
	case []any:
		return encodeArray(e, v, path, depth)
	case []int:
		return encodeArray(e, v, path, depth)
	case []string:
		return encodeArray(e, v, path, depth)
	case []Struct:
		return encodeArray(e, v, path, depth)
	case Struct:
		return e.structure(v, path, depth)
	case map[string]any:
		return e.structure(sorted(v), path, depth)
	case map[string]string:
		return e.structure(sorted(v), path, depth)
	default:
		return &ValueError{path, fmt.Sprintf("Go type %T has no XML-RPC type", v)}
	}
	return nil
}

func sorted[V any](m map[string]V) Struct {
	s := make(Struct, 0, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		s = append(s, Member{name, m[name]})
	}
	return s
}

func encodeArray[V any](e *encoder, items []V, path string, depth int) error {
	e.raw("<array><data>\n")
	for i, item := range items {
		if err := e.value(item, path+"["+strconv.Itoa(i)+"]", depth+1); err != nil {
			return err
		}
	}
	e.raw("</data></array>")
	return nil
}

func (e *encoder) structure(s Struct, path string, depth int) error {
	e.raw("<struct>\n")
	for _, m := range s {
		e.raw("<member>\n<name>")
		if err := e.text(m.Name, path+" (a member's name)"); err != nil {
			return err
		}
		e.raw("</name>\n")
		if err := e.value(m.Value, path+"."+m.Name, depth+1); err != nil {
			return err
		}
		e.raw("</member>\n")
	}
	e.raw("</struct>")
	return nil
}

// integer writes an int, or an i8 where upstream's clients do: at 2^31 and beyond.
func (e *encoder) integer(v int64) {
	tag := "int>"
	if v > math.MaxInt32 || v <= math.MinInt32 {
		tag = "i8>"
	}
	e.raw("<", tag)
	e.buf = strconv.AppendInt(e.buf, v, 10)
	e.raw("</", tag)
}

func (e *encoder) unsigned(v uint64, path string) error {
	if v > math.MaxInt64 {
		return &ValueError{path, "integer above 2^63-1"}
	}
	e.integer(int64(v))
	return nil
}

// double writes a float the way Python's repr does where that matters: with a
// point or exponent, nan, inf.
func (e *encoder) double(v float64) {
	e.raw("<double>")
	switch {
	case math.IsNaN(v):
		e.raw("nan")
	case math.IsInf(v, 1):
		e.raw("inf")
	case math.IsInf(v, -1):
		e.raw("-inf")
	default:
		start := len(e.buf)
		e.buf = strconv.AppendFloat(e.buf, v, 'g', -1, 64)
		if !strings.ContainsAny(string(e.buf[start:]), ".e") {
			e.raw(".0")
		}
	}
	e.raw("</double>")
}

// base64 writes lines of 76 characters with a line break before, between and after, as Python does.
func (e *encoder) base64(data []byte) {
	const chunk = base64Line / 4 * 3
	e.raw("<base64>\n")
	for len(data) > 0 {
		n := min(chunk, len(data))
		e.buf = base64.StdEncoding.AppendEncode(e.buf, data[:n])
		e.buf = append(e.buf, '\n')
		data = data[n:]
	}
	e.raw("</base64>")
}

// text writes character data. A carriage return is written as a reference, or
// the reader's XML parser would turn it into a line feed.
func (e *encoder) text(s, path string) error {
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			switch {
			case c == '&':
				e.raw("&amp;")
			case c == '<':
				e.raw("&lt;")
			case c == '>':
				e.raw("&gt;")
			case c == '\r':
				e.raw("&#13;")
			case c < 0x20 && c != '\t' && c != '\n':
				return &ValueError{path, fmt.Sprintf("control character 0x%02x has no place in XML; send it as base64", c)}
			default:
				e.buf = append(e.buf, c)
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			return &ValueError{path, "text is not UTF-8; send it as base64"}
		}
		if !inXML(r) {
			return &ValueError{path, fmt.Sprintf("character %U has no place in XML; send it as base64", r)}
		}
		e.buf = append(e.buf, s[i:i+size]...)
		i += size
	}
	return nil
}

// inXML says whether XML 1.0 allows this character.
func inXML(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' ||
		r >= 0x20 && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 && r <= 0x10FFFF
}
