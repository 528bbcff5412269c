package stomp

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// Commands, of the client and of the server.
const (
	Connect     = "CONNECT"
	Connected   = "CONNECTED"
	Send        = "SEND"
	Subscribe   = "SUBSCRIBE"
	Unsubscribe = "UNSUBSCRIBE"
	Message     = "MESSAGE"
	Error       = "ERROR"
	Disconnect  = "DISCONNECT"
)

// Headers that VDSM and its clients use.
const (
	AcceptVersion = "accept-version"
	Ack           = "ack"
	ContentLength = "content-length"
	ContentType   = "content-type"
	Destination   = "destination"
	HeartBeat     = "heart-beat"
	ID            = "id"
	ReplyTo       = "reply-to"
	Subscription  = "subscription"
	Version       = "version"
)

// Frame is one message. The header content-length is not kept in Headers: Append writes it from the body.
type Frame struct {
	Command string
	Headers map[string]string
	Body    []byte
}

var escape = strings.NewReplacer("\\", `\\`, "\n", `\n`, "\r", `\r`, ":", `\c`)

// Append appends the frame as it goes over the wire, headers in alphabetical order, to dst. It can hold any body and
// any header text; a zero byte in a header ends the frame early at most peers, so do not use one.
func (f Frame) Append(dst []byte) []byte {
	dst = append(append(dst, f.Command...), '\n')
	names := make([]string, 0, len(f.Headers))
	for name := range f.Headers {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		dst = append(dst, escape.Replace(name)...)
		dst = append(dst, ':')
		dst = append(dst, escape.Replace(f.Headers[name])...)
		dst = append(dst, '\n')
	}
	if len(f.Body) > 0 {
		dst = append(dst, ContentLength...)
		dst = append(dst, ':')
		dst = strconv.AppendInt(dst, int64(len(f.Body)), 10)
		dst = append(dst, '\n')
	}
	dst = append(dst, '\n')
	dst = append(dst, f.Body...)
	return append(dst, 0)
}

// unescape undoes the escapes of one header text. A bare colon is let pass: in a value it does no harm.
func unescape(text string) (string, error) {
	if !strings.Contains(text, `\`) {
		return text, nil
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			b.WriteByte(text[i])
			continue
		}
		i++
		if i == len(text) {
			return "", fmt.Errorf("header text %.40q ends in a backslash", text)
		}
		switch text[i] {
		case '\\':
			b.WriteByte('\\')
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 'c':
			b.WriteByte(':')
		default:
			return "", fmt.Errorf("header text %.40q: unknown escape \\%c", text, text[i])
		}
	}
	return b.String(), nil
}

// Beats are the two numbers of a heart-beat header: how often its sender can send something, and how often it wants
// to hear something, in milliseconds; 0 = not at all.
func Beats(header string) (send, want int) {
	first, second, _ := strings.Cut(header, ",")
	return beat(first), beat(second)
}

func beat(text string) int {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || n < 0 {
		return 0
	}
	return n
}
