package notify

import (
	"fmt"
	"maps"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of a notice.
const (
	maxFields    = 32
	maxFieldName = 64
	maxField     = 4 << 10 // bytes of a field's value, and of a detail
)

// Notice is something that an agent wants operators to know.
type Notice struct {
	// Event is its kind, such as state_transition.
	Event string
	// Detail is what the rules look at, such as EngineDown-EngineStart.
	Detail string
	// Fields are what a template may name. The detail wins over them, and they win over the keys of [email].
	Fields map[string]string
	// When it was offered: the mail's date.
	When time.Time
	// ID is the left part of its Message-ID, the same for all attempts.
	ID string
	// HostName is the right part of its Message-ID and what this host calls itself towards mail servers.
	HostName string
}

// check refuses what no agent sends.
func (n Notice) check() error {
	switch {
	case !isEventName(n.Event):
		return fmt.Errorf("%.80q is not the name of an event", n.Event)
	case len(n.Detail) > maxField:
		return fmt.Errorf("the detail is longer than %d bytes", maxField)
	case len(n.Fields) > maxFields:
		return fmt.Errorf("more than %d fields", maxFields)
	}
	for name, value := range n.Fields {
		if len(name) > maxFieldName || len(value) > maxField {
			return fmt.Errorf("field %.80q is too long", name)
		}
	}
	return nil
}

// fields returns everything that a template may name.
func (n Notice) fields(c Config) map[string]string {
	all := maps.Clone(c.fields)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, n.Fields)
	all["detail"] = n.Detail
	return all
}

// ours are the headers that a template cannot set: they are made here, or, like Bcc, would tell what nobody should see.
var ours = []string{"date", "message-id", "bcc", "mime-version", "content-transfer-encoding"}

// listsAddresses are the headers whose values are addresses.
var listsAddresses = []string{"from", "to", "cc", "reply-to", "sender"}

// Message renders a notice as a mail: lines end with CR LF, and all of it is ASCII. It is a function of its arguments
// alone. An unknown field, a control character in a header and an address that is none are errors.
func Message(t Template, c Config, n Notice) ([]byte, error) {
	fields := n.fields(c)
	var m strings.Builder
	seen := map[string]bool{}
	for _, h := range t.headers {
		key := strings.ToLower(h.name)
		if slices.Contains(ours, key) {
			continue
		}
		value, err := expand(h.value, fields)
		if err == nil {
			value, err = encodeHeader(key, value)
		}
		if err == nil {
			err = writeHeader(&m, h.name, value)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d of the template, header %s: %w", h.line, h.name, err)
		}
		seen[key] = true
	}
	for _, h := range []struct{ name, value string }{{"From", c.From}, {"To", strings.Join(c.To, ", ")}} {
		if !seen[strings.ToLower(h.name)] {
			if err := writeHeader(&m, h.name, h.value); err != nil {
				return nil, err
			}
		}
	}
	body, err := expand(t.body, fields)
	if err != nil {
		return nil, fmt.Errorf("text of the template: %w", err)
	}
	m.WriteString("Date: " + n.When.Format(time.RFC1123Z) + "\r\n")
	m.WriteString("Message-ID: <" + domainOf(n.ID) + "@" + domainOf(n.HostName) + ">\r\n")
	if err := writeBody(&m, body, seen["content-type"]); err != nil {
		return nil, err
	}
	return []byte(m.String()), nil
}

// domainOf keeps of a name what may stand in a Message-ID or a greeting.
func domainOf(name string) string {
	name = strings.Map(func(c rune) rune {
		if isNameRune(c) || c == '.' {
			return c
		}
		return -1
	}, name)
	name = strings.Trim(name[:min(len(name), 200)], ".")
	if name == "" {
		return "localhost"
	}
	return name
}

// encodeHeader makes a value fit for a header: one line, ASCII, words of other letters encoded as RFC 2047 wants it.
func encodeHeader(key, value string) (string, error) {
	if i := strings.IndexFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }); i >= 0 {
		return "", fmt.Errorf("a control character (%q) would be in the header", value[i])
	}
	if !utf8.ValidString(value) {
		return "", fmt.Errorf("not UTF-8: %.80q", value)
	}
	value = strings.Join(strings.Fields(value), " ")
	if slices.Contains(listsAddresses, key) {
		list, err := mail.ParseAddressList(value)
		if err != nil {
			return "", fmt.Errorf("%.80q is no list of mail addresses", value)
		}
		var words []string
		for _, a := range list {
			if _, err := address(a.Address); err != nil {
				return "", err
			}
			if a.Name == "" {
				words = append(words, a.Address)
			} else {
				words = append(words, a.String())
			}
		}
		return strings.Join(words, ", "), nil
	}
	return mime.QEncoding.Encode("utf-8", value), nil
}

const (
	goodLine = 78  // characters of a header line, where there is a blank to break it
	maxLine  = 990 // characters of any line, some less than the 998 that are allowed
)

// writeHeader writes a header, broken into lines at blanks.
func writeHeader(m *strings.Builder, name, value string) error {
	m.WriteString(name + ":")
	length := len(name) + 1
	for word := range strings.SplitSeq(value, " ") {
		if len(word) > maxLine {
			return fmt.Errorf("a word of %d characters does not fit a line", len(word))
		}
		if length+1+len(word) > goodLine && length > len(name)+1 {
			m.WriteString("\r\n")
			length = 0
		}
		m.WriteString(" " + word)
		length += 1 + len(word)
	}
	m.WriteString("\r\n")
	return nil
}

// writeBody writes the last headers, the empty line and the text.
func writeBody(m *strings.Builder, body string, hasType bool) error {
	body = strings.ReplaceAll(strings.ReplaceAll(body, "\r\n", "\n"), "\r", "\n")
	if body != "" && !strings.HasSuffix(body, "\n") {
		body += "\n"
	}
	m.WriteString("MIME-Version: 1.0\r\n")
	if !hasType {
		m.WriteString("Content-Type: text/plain; charset=utf-8\r\n")
	}
	if isPlain(body) {
		m.WriteString("Content-Transfer-Encoding: 7bit\r\n\r\n" + strings.ReplaceAll(body, "\n", "\r\n"))
		return nil
	}
	m.WriteString("Content-Transfer-Encoding: quoted-printable\r\n\r\n")
	w := quotedprintable.NewWriter(m)
	if _, err := w.Write([]byte(strings.ReplaceAll(body, "\n", "\r\n"))); err != nil {
		return err
	}
	return w.Close()
}

// isPlain says whether a text can be sent as it is: printable ASCII in lines that are not too long.
func isPlain(text string) bool {
	length := 0
	for i := range len(text) {
		switch c := text[i]; {
		case c == '\n':
			length = 0
			continue
		case c >= 0x7f || c < ' ' && c != '\t':
			return false
		}
		if length++; length > maxLine {
			return false
		}
	}
	return true
}
