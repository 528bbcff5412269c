package notify

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Limits of a mail server's reply.
const (
	maxReplyLine  = 2048
	maxReplyLines = 64
	maxReplyText  = 200 // what is kept of it, in bytes
)

// reply is a mail server's answer to one command.
type reply struct {
	code int // 200 to 599
	text string
}

// refusal is a reply that says no.
type refusal struct {
	step string
	reply
}

func (r *refusal) Error() string { return fmt.Sprintf("%s: %d %s", r.step, r.code, r.text) }

// isFinal says that the server will say no again.
func (r *refusal) isFinal() bool { return r.code >= 500 }

// readReply reads the lines of one reply. What it keeps is printable ASCII.
func readReply(r *bufio.Reader) (reply, error) {
	var all reply
	for range maxReplyLines {
		line, err := r.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return reply{}, errors.New("a line of the reply is too long")
		case errors.Is(err, io.EOF):
			return reply{}, io.ErrUnexpectedEOF
		case err != nil:
			return reply{}, err
		}
		code, isLast, text, err := parseReplyLine(strings.TrimRight(string(line), "\r\n"))
		if err != nil {
			return reply{}, err
		}
		if all.code != 0 && code != all.code {
			return reply{}, fmt.Errorf("a reply with the codes %d and %d", all.code, code)
		}
		all.code = code
		if room := maxReplyText - len(all.text); room > 0 && text != "" {
			all.text = strings.TrimSpace(all.text + " " + printable(text[:min(len(text), room)]))
		}
		if isLast {
			return all, nil
		}
	}
	return reply{}, errors.New("the reply has too many lines")
}

// parseReplyLine takes a line such as "250-SIZE" or "250 OK" apart.
func parseReplyLine(line string) (code int, isLast bool, text string, err error) {
	bad := fmt.Errorf("%.80q is no reply of a mail server", line)
	if len(line) < 3 || len(line) > 3 && line[3] != ' ' && line[3] != '-' {
		return 0, false, "", bad
	}
	for _, c := range []byte(line[:3]) {
		if c < '0' || c > '9' {
			return 0, false, "", bad
		}
		code = 10*code + int(c-'0')
	}
	if code < 200 || code > 599 {
		return 0, false, "", bad
	}
	if len(line) > 4 {
		text = line[4:]
	}
	return code, len(line) == 3 || line[3] == ' ', text, nil
}

func printable(text string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, text)
}
