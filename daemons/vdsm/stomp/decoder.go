package stomp

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Limits of a frame's head; the limit of its body is the Decoder's.
const (
	MaxLine    = 8 << 10 // bytes of one header line
	MaxHeaders = 64
)

// maxCommand limits the command; the longest that there is has 11 letters.
const maxCommand = 32

// ErrFrame is in every error of a Decoder that is not the stream's own: what came is not a frame, or exceeds a limit.
// The stream cannot be read further.
var ErrFrame = errors.New("not a STOMP frame")

// Decoder reads frames from a stream. It is for one goroutine.
type Decoder struct {
	r    *bufio.Reader
	body int64
}

// NewDecoder reads from r and takes bodies of at most maxBody bytes.
func NewDecoder(r io.Reader, maxBody int) *Decoder {
	return &Decoder{r: bufio.NewReaderSize(r, MaxLine), body: int64(maxBody)}
}

// Decode returns the next frame and skips heart-beats before it. The error is io.EOF at an end between frames,
// io.ErrUnexpectedEOF within one, ErrFrame for what is not one.
func (d *Decoder) Decode() (Frame, error) {
	command, err := d.command()
	if err != nil {
		return Frame{}, err
	}
	f := Frame{Command: command, Headers: make(map[string]string)}
	length, err := d.headers(f.Headers)
	if err != nil {
		return Frame{}, within(err)
	}
	if length >= 0 {
		f.Body, err = d.counted(length)
	} else {
		f.Body, err = d.uncounted()
	}
	if err != nil {
		return Frame{}, within(err)
	}
	return f, nil
}

// within turns an end of the stream inside a frame into what it is.
func within(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// command reads the first line of a frame, byte by byte, so that what is no frame is known at its first wrong byte and
// not only when a line is full. Empty lines before it are heart-beats.
func (d *Decoder) command() (string, error) {
	var name []byte
	for {
		c, err := d.r.ReadByte()
		switch {
		case err != nil && len(name) > 0:
			return "", within(err)
		case err != nil:
			return "", err
		case c == '\n':
			name = bytes.TrimSuffix(name, []byte("\r"))
			if len(name) > 0 {
				return string(name), nil
			}
		case !bytes.HasSuffix(name, []byte("\r")) && (c == '\r' || 'A' <= c && c <= 'Z' && len(name) < maxCommand):
			name = append(name, c)
		default:
			return "", fmt.Errorf("%w: %q after %q where a command should be", ErrFrame, c, name)
		}
	}
}

// line reads up to a newline, which may follow a carriage return; both are dropped.
func (d *Decoder) line() (string, error) {
	line, err := d.r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", fmt.Errorf("%w: a line of more than %d bytes: %.40q", ErrFrame, MaxLine, line)
	case errors.Is(err, io.EOF) && len(line) > 0:
		return "", io.ErrUnexpectedEOF
	case err != nil:
		return "", err
	}
	return strings.TrimSuffix(string(line[:len(line)-1]), "\r"), nil
}

// headers fills to and returns the body's length, -1 if there is no content-length. Of a repeated header the first
// counts, as STOMP has it.
func (d *Decoder) headers(to map[string]string) (length int64, err error) {
	for range MaxHeaders + 1 {
		line, err := d.line()
		if err != nil {
			return 0, err
		}
		if line == "" {
			return d.length(to)
		}
		rawName, rawValue, ok := strings.Cut(line, ":")
		if !ok {
			return 0, fmt.Errorf("%w: header line without a colon: %.40q", ErrFrame, line)
		}
		name, err := unescape(rawName)
		if err != nil {
			return 0, fmt.Errorf("%w: %w", ErrFrame, err)
		}
		value, err := unescape(rawValue)
		if err != nil {
			return 0, fmt.Errorf("%w: %w", ErrFrame, err)
		}
		if _, known := to[name]; !known {
			to[name] = value
		}
	}
	return 0, fmt.Errorf("%w: more than %d headers", ErrFrame, MaxHeaders)
}

func (d *Decoder) length(headers map[string]string) (int64, error) {
	text, ok := headers[ContentLength]
	if !ok {
		return -1, nil
	}
	delete(headers, ContentLength)
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil || n < 0:
		return 0, fmt.Errorf("%w: content-length %.40q", ErrFrame, text)
	case n > d.body:
		return 0, fmt.Errorf("%w: a body of %d bytes, more than the limit of %d", ErrFrame, n, d.body)
	}
	return n, nil
}

// counted reads a body of n bytes and the zero byte behind it. Memory is taken as bytes come, not as they are promised.
func (d *Decoder) counted(n int64) ([]byte, error) {
	var body bytes.Buffer
	if _, err := io.CopyN(&body, d.r, n); err != nil {
		return nil, err
	}
	end, err := d.r.ReadByte()
	if err != nil {
		return nil, err
	}
	if end != 0 {
		return nil, fmt.Errorf("%w: a body of %d bytes does not end in a zero byte", ErrFrame, n)
	}
	return body.Bytes(), nil
}

func (d *Decoder) uncounted() ([]byte, error) {
	var body []byte
	for {
		part, err := d.r.ReadSlice(0)
		if int64(len(body)+len(part)) > d.body+1 {
			return nil, fmt.Errorf("%w: a body of more than %d bytes", ErrFrame, d.body)
		}
		body = append(body, part...)
		switch {
		case err == nil:
			return body[:len(body)-1], nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}
