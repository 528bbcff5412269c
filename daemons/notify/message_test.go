package notify

import (
	"bytes"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// upstreamTemplate has the headers of the one that is installed with the broker.
const upstreamTemplate = `From: {source-email}
To: {destination-emails}
Subject: ovirt-hosted-engine state transition {detail}

The state of host {hostname} changed: {detail}.
{not a field} {} { {hostname}
`

const brokerConf = `[email]
smtp-server = mail.example.org
smtp-port = 2525
smtp-timeout = 7
source-email = ha@%(domain)s
destination-emails = a@%(domain)s , b@%(domain)s
domain = example.org

[notify]
state_transition = maintenance|start|stop|up|down
`

func mustConfig(t *testing.T, text string) Config {
	t.Helper()
	c, err := ParseConfig("broker.conf", []byte(text))
	require.NoError(t, err)
	return c
}

func mustTemplate(t *testing.T, text string) Template {
	t.Helper()
	template, err := ParseTemplate("t.txt", []byte(text))
	require.NoError(t, err)
	return template
}

func notice(detail string) Notice {
	return Notice{
		Event: "state_transition", Detail: detail, Fields: map[string]string{"hostname": "host2.example.org"},
		When: time.Date(2025, 3, 4, 5, 6, 7, 0, time.FixedZone("", 3600)), ID: "abc.1", HostName: "host2.example.org",
	}
}

func TestTheMail(t *testing.T) {
	got, err := Message(mustTemplate(t, upstreamTemplate), mustConfig(t, brokerConf), notice("EngineDown-EngineStart"))
	require.NoError(t, err)
	require.Equal(t, strings.ReplaceAll(`From: ha@example.org
To: a@example.org, b@example.org
Subject: ovirt-hosted-engine state transition EngineDown-EngineStart
Date: Tue, 04 Mar 2025 05:06:07 +0100
Message-ID: <abc.1@host2.example.org>
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 7bit

The state of host host2.example.org changed: EngineDown-EngineStart.
{not a field} {} { host2.example.org
`, "\n", "\r\n"), string(got))
}

func TestNothingThatIsFilledInAddsAHeader(t *testing.T) {
	c, template := mustConfig(t, brokerConf), mustTemplate(t, upstreamTemplate)
	for _, detail := range []string{"x\r\nBcc: spy@example.org", "x\nX: y", "x\r", "x\x00", "x\x7f", "\xff\xfe"} {
		_, err := Message(template, c, notice(detail))
		require.ErrorContains(t, err, "line 3 of the template, header Subject: ", "%q", detail)
	}
	n := notice("x")
	n.Fields["source-email"] = "ha@example.org, \r\nBcc: spy@example.org"
	_, err := Message(template, c, n)
	require.ErrorContains(t, err, "line 1 of the template")
	n.Fields["source-email"] = "nobody"
	_, err = Message(template, c, n)
	require.ErrorContains(t, err, "no list of mail addresses")
	got, err := Message(mustTemplate(t, "Subject: x\n\n{detail}"), c, notice("body\r\n.\r\nQUIT\r\n"))
	require.NoError(t, err, "in the text it harms nobody")
	require.True(t, strings.HasSuffix(string(got), "\r\n\r\nbody\r\n.\r\nQUIT\r\n"))
}

func TestWhatATemplateCannotSet(t *testing.T) {
	template := mustTemplate(t, "Date: yesterday\nMessage-Id: <x>\nBcc: spy@example.org\nMIME-Version: 9\n"+
		"Content-Transfer-Encoding: 8bit\nContent-Type: text/html\nX-Long:\n  one\n\ttwo\n\nbody")
	got, err := Message(template, mustConfig(t, brokerConf), notice("x"))
	require.NoError(t, err)
	m, err := mail.ReadMessage(bytes.NewReader(got))
	require.NoError(t, err)
	require.Equal(t, []string{"Tue, 04 Mar 2025 05:06:07 +0100"}, m.Header["Date"])
	require.Equal(t, []string{"text/html"}, m.Header["Content-Type"])
	require.Equal(t, []string{"7bit"}, m.Header["Content-Transfer-Encoding"])
	require.Equal(t, "one two", m.Header.Get("X-Long"))
	require.Empty(t, m.Header.Get("Bcc"))
	require.Equal(t, "ha@example.org", m.Header.Get("From"), "a template without one")
	require.Equal(t, "a@example.org, b@example.org", m.Header.Get("To"))
}

func TestOtherLettersAndLongLines(t *testing.T) {
	template := mustTemplate(t, "From: Wächter <{source-email}>\nSubject: {detail}\n\nZustand: {detail}\n")
	detail := strings.Repeat("Größe ", 100)
	got, err := Message(template, mustConfig(t, brokerConf), notice(detail))
	require.NoError(t, err)
	for line := range strings.SplitSeq(string(got), "\r\n") {
		require.LessOrEqual(t, len(line), 998)
		require.NotContains(t, line, "\n")
	}
	m, err := mail.ReadMessage(bytes.NewReader(got))
	require.NoError(t, err)
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	require.NoError(t, err)
	require.Equal(t, strings.TrimSpace(detail), subject)
	from, err := m.Header.AddressList("From")
	require.NoError(t, err)
	require.Equal(t, []*mail.Address{{Name: "Wächter", Address: "ha@example.org"}}, from)
	body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	require.NoError(t, err)
	require.Equal(t, "Zustand: "+detail+"\r\n", string(body))

	_, err = Message(template, mustConfig(t, brokerConf), notice(strings.Repeat("x", 1000)))
	require.ErrorContains(t, err, "does not fit a line")
	_, err = Message(mustTemplate(t, "A: b\n\n{nobody}"), mustConfig(t, brokerConf), notice("x"))
	require.ErrorContains(t, err, "nobody knows the field {nobody}")
	_, err = Message(mustTemplate(t, "A: b\n\n"+strings.Repeat("{detail}", 8000)), mustConfig(t, brokerConf), notice(detail))
	require.ErrorIs(t, err, errTooLong)
}

func TestBadTemplates(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "t.txt:1: no headers",
		"\nbody":                     "t.txt:1: no headers",
		"A: b\nbody":                 "t.txt:2: expected `Header: value`",
		" A: b":                      "t.txt:1: an indented line, and no header",
		"{x}: b\n\n":                 "t.txt:1: expected",
		"A b: c":                     "t.txt:1: expected",
		"A: \xff":                    "t.txt:1: the template is not text",
		"A: \x00":                    "t.txt:1: the template is not text",
		strings.Repeat("x", 1e5):     "larger than",
		strings.Repeat("A: b\n", 51): "t.txt:51: more than 50 headers",
	} {
		_, err := ParseTemplate("t.txt", []byte(text))
		require.ErrorContains(t, err, want)
	}
}

func TestConfig(t *testing.T) {
	c := mustConfig(t, brokerConf)
	require.Equal(t, "mail.example.org", c.Server)
	require.Equal(t, 2525, c.Port)
	require.Equal(t, 7*time.Second, c.Timeout)
	require.Equal(t, "ha@example.org", c.From)
	require.Equal(t, []string{"a@example.org", "b@example.org"}, c.To)
	for detail, want := range map[string]bool{
		"EngineDown-EngineStart": true, "StartState-ReinitializeFSM": true, "EngineUp-EngineUpBadHealth": true,
		"ReinitializeFSM-EngineMaybeAway": false, "": false,
	} {
		require.Equal(t, want, c.Wants("state_transition", detail), detail)
	}
	require.False(t, c.Wants("weather", "up"))
	require.False(t, Config{}.Wants("state_transition", "up"))

	c = mustConfig(t, "")
	require.Equal(t, "localhost", c.Server)
	require.Equal(t, 25, c.Port)
	require.Equal(t, 10*time.Second, c.Timeout)
	require.Equal(t, []string{"root@localhost"}, c.To)
	require.False(t, c.Wants("state_transition", "EngineUp"), "no rule, no mail")
	require.Equal(t, "2001:db8::1", mustConfig(t, "[email]\nsmtp-server=[2001:db8::1]").Server)
}

func TestBadConfigIsNamedByLine(t *testing.T) {
	for text, want := range map[string]string{
		"smtp-port = 25":                                                  "broker.conf:1",
		"[email]\nsmtp-port = 0":                                          `broker.conf:2: key "smtp-port": want a whole number from 1 to 65535`,
		"[email]\n\nsmtp-timeout = 10s":                                   `broker.conf:3: key "smtp-timeout"`,
		"[email]\nsmtp-server =":                                          "is no host's name",
		"[email]\nsmtp-server = a\n b":                                    "is no host's name",
		"[email]\nsource-email = a@b, c@d":                                "one address, please",
		"[email]\nsource-email = root":                                    `"root" is not a mail address`,
		"[email]\ndestination-emails = ,":                                 "no address",
		"[email]\ndestination-emails = a@b\n\tQ":                          "is not a mail address",
		"[email]\ndestination-emails = ü@b.org":                           "printable ASCII",
		"[email]\ndestination-emails = \"a b\"@c.org":                     "printable ASCII",
		"[email]\ndestination-emails = " + strings.Repeat("a@b.org,", 51): "at most 50",
		"[email]\nx = %(y)s":                                              "refers to",
		"[notify]\nstate_transition = (":                                  "not a regular expression that Go understands",
		"[notify]\nstate_transition = up)|(down":                          "not a regular expression",
		"[notify]\n../../etc/passwd = x":                                  "an event's name has letters",
		"[notify]\nstate_transition = " + strings.Repeat("x", 1001):       "longer than 1000 bytes",
	} {
		_, err := ParseConfig("broker.conf", []byte(text))
		require.ErrorContains(t, err, want, text)
	}
}

func FuzzMessage(f *testing.F) {
	f.Add(upstreamTemplate, "EngineDown-EngineStart", "host2", "a@example.org")
	f.Add("From: {source-email}\nX: {detail}{hostname}\n\n{detail}\r\n.\r\n", "x\r\nBcc: spy@example.org", "ü", "Ü <a@b.org>")
	f.Add("To: {source-email}, \"{hostname}\" <x@y>\n\n", ".\n.", "\" <evil@example.org>, \"", "a@b (comment\r\n)")
	f.Add("Subject: {detail}\n a\n\nx", "=?utf-8?q?=0d=0a?= x", "", "")
	c, err := ParseConfig("broker.conf", []byte(brokerConf))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text, detail, host, from string) {
		template, err := ParseTemplate("t.txt", []byte(text))
		if err != nil {
			return
		}
		n := notice(detail)
		n.Fields = map[string]string{"hostname": host, "source-email": from}
		n.HostName, n.ID = host, detail
		got, err := Message(template, c, n)
		if err != nil {
			return
		}
		allowed := []string{"from", "to", "date", "message-id", "mime-version", "content-type", "content-transfer-encoding"}
		for _, h := range template.headers {
			allowed = append(allowed, strings.ToLower(h.name))
		}
		head, _, ok := strings.Cut(string(got), "\r\n\r\n")
		if !ok {
			t.Fatalf("no empty line after the headers: %q", got)
		}
		for line := range strings.SplitSeq(head, "\r\n") {
			name, _, ok := strings.Cut(line, ":")
			if strings.HasPrefix(line, " ") {
				continue
			}
			if !ok || !slices.Contains(allowed, strings.ToLower(name)) || strings.EqualFold(name, "bcc") {
				t.Fatalf("the header line %q is not the template's; the mail: %q", line, got)
			}
		}
		for i, b := range got {
			isBare := b == '\n' && (i == 0 || got[i-1] != '\r') || b == '\r' && (i+1 == len(got) || got[i+1] != '\n')
			if isBare || b >= 0x7f || b == 0 {
				t.Fatalf("byte %d is %#x: %q", i, b, got)
			}
		}
		for line := range strings.SplitSeq(string(got), "\r\n") {
			if len(line) > 998 {
				t.Fatalf("a line of %d bytes", len(line))
			}
		}
		if _, err := mail.ReadMessage(bytes.NewReader(got)); err != nil {
			t.Fatalf("the mail cannot be read: %v: %q", err, got)
		}
	})
}

func FuzzParseConfig(f *testing.F) {
	f.Add(brokerConf)
	f.Add("[email]\ndestination-emails=Ü <a@b>,\"x\\\"\"@y\nsmtp-server=%(smtp-server)s")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseConfig("broker.conf", []byte(text))
		if err != nil {
			return
		}
		for _, a := range append([]string{c.From}, c.To...) {
			if strings.ContainsAny(a, "\r\n<> \t") || a == "" {
				t.Fatalf("the address %q could be a command", a)
			}
		}
		if c.Server == "" || c.Port < 1 || c.Timeout <= 0 {
			t.Fatalf("incomplete: %+v", c)
		}
	})
}

func FuzzReadReply(f *testing.F) {
	f.Add("250-a\r\n250 b\r\n")
	f.Add("220\n")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := readReply(newReplyReader(text))
		if err == nil && (r.code < 200 || r.code > 599 || len(r.text) > maxReplyText+1 || strings.ContainsAny(r.text, "\r\n\x00")) {
			t.Fatalf("a reply %+v out of %q", r, text)
		}
	})
}
