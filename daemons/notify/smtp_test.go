package notify

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func (s *mailServer) letter(to ...string) letter {
	return letter{
		server: "127.0.0.1", port: s.port(), step: patience, hello: "host.example", from: "from@example.org", to: to,
		data: []byte("Subject: x\r\n\r\n.one dot\r\n..two dots\r\nend\r\n"),
	}
}

func TestAMessageIsDelivered(t *testing.T) {
	t.Parallel()
	s := newMailServer(t)
	o := deliver(t.Context(), s.letter("a@example.org", "b@example.org"))
	require.Equal(t, Outcome{Settled: []string{"a@example.org", "b@example.org"}, Reached: true}, o)
	mails, heard := s.received()
	require.Equal(t, []string{"Subject: x\n\n.one dot\n..two dots\nend\n"}, mails)
	require.Equal(t, []string{
		"EHLO host.example", "MAIL FROM:<from@example.org>", "RCPT TO:<a@example.org>", "RCPT TO:<b@example.org>", "DATA", "QUIT",
	}, heard)
}

func TestAnOldServerIsGreetedTheOldWay(t *testing.T) {
	t.Parallel()
	s := newMailServer(t)
	s.set("EHLO", "502 what")
	require.NoError(t, deliver(t.Context(), s.letter("a@example.org")).Err)
	_, heard := s.received()
	require.Equal(t, []string{"EHLO host.example", "HELO host.example"}, heard[:2])
}

// Whatever the server does at whatever step, an attempt ends soon, with the right verdict.
func TestEachStepHasALimit_S31(t *testing.T) {
	t.Parallel()
	steps := []string{"greeting", "EHLO", "MAIL", "RCPT", "DATA", "text"}
	for _, behaviour := range []string{hangs, hangsUp, drips, "nonsense", "099 too low", "250-unfinished", strings.Repeat("2", 5000)} {
		for _, step := range steps {
			t.Run(step+" "+behaviour[:min(len(behaviour), 10)], func(t *testing.T) {
				t.Parallel()
				s := newMailServer(t)
				s.set(step, behaviour)
				l := s.letter("a@example.org")
				l.step = 300 * time.Millisecond
				began := time.Now()
				o := deliver(t.Context(), l)
				require.Less(t, time.Since(began), patience)
				require.Error(t, o.Err)
				require.ErrorContains(t, o.Err, "mail server 127.0.0.1:")
				require.True(t, o.Server, "the server cannot be talked to: %v", o.Err)
				require.False(t, o.Final)
				require.False(t, o.Reached)
			})
		}
	}
}

func TestAServerThatHangsAfterTheReceiptHasTheMessage(t *testing.T) {
	t.Parallel()
	for _, behaviour := range []string{hangs, hangsUp, drips} {
		s := newMailServer(t)
		s.set("QUIT", behaviour)
		began := time.Now()
		o := deliver(t.Context(), s.letter("a@example.org"))
		require.Equal(t, Outcome{Settled: []string{"a@example.org"}, Reached: true}, o)
		require.Less(t, time.Since(began), patience)
	}
}

func TestARefusalIsForGoodOrForNow(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		step, reply   string
		final, server bool
	}{
		{"greeting", "554 no", false, true},
		{"greeting", "421 busy", false, true},
		{"MAIL", "550 no", true, false},
		{"MAIL", "451 later", false, false},
		{"MAIL", "421 going", false, true},
		{"RCPT", "550 unknown", true, false},
		{"RCPT", "450 greylisted", false, false},
		{"DATA", "554 no", true, false},
		{"DATA", "250 what", false, false},
		{"text", "552 too large", true, false},
		{"text", "452 full", false, false},
	} {
		t.Run(tc.step+" "+tc.reply, func(t *testing.T) {
			t.Parallel()
			s := newMailServer(t)
			s.set(tc.step, tc.reply)
			o := deliver(t.Context(), s.letter("a@example.org"))
			require.ErrorContains(t, o.Err, tc.reply)
			require.Equal(t, tc.final, o.Final)
			require.Equal(t, tc.server, o.Server)
			require.False(t, o.Reached)
		})
	}
}

func TestRefusedRecipientsDoNotHarmTheOthers(t *testing.T) {
	t.Parallel()
	s := newMailServer(t)
	s.rcpt["gone@example.org"] = []string{"550 unknown"}
	s.rcpt["grey@example.org"] = []string{"450 later"}
	o := deliver(t.Context(), s.letter("gone@example.org", "a@example.org", "grey@example.org"))
	require.True(t, o.Reached)
	require.False(t, o.Final)
	require.Equal(t, []string{"a@example.org", "gone@example.org"}, o.Settled)
	require.ErrorContains(t, o.Err, "550 unknown")
	require.ErrorContains(t, o.Err, "450 later")
	mails, _ := s.received()
	require.Len(t, mails, 1)
}

func TestNobodyListensOrAnswersToTheName(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := listener.Addr().(*net.TCPAddr).Port
	listener.Close()
	o := deliver(t.Context(), letter{server: "127.0.0.1", port: port, step: patience, to: []string{"a@example.org"}})
	require.True(t, o.Server)
	require.ErrorContains(t, o.Err, "refused")
}

func TestAnAttemptEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := newMailServer(t)
	s.set("DATA", hangs)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	l := s.letter("a@example.org")
	l.step = time.Hour
	began := time.Now()
	o := deliver(ctx, l)
	require.Error(t, o.Err)
	require.Less(t, time.Since(began), patience)
}

func TestStuffing(t *testing.T) {
	for text, want := range map[string]string{
		"a\r\n":            "a\r\n.\r\n",
		"a":                "a\r\n.\r\n",
		".\r\n.\r\n":       "..\r\n..\r\n.\r\n",
		"\r\n.\r\nQUIT":    "\r\n..\r\nQUIT\r\n.\r\n",
		"":                 "\r\n.\r\n",
		"a.b\r\n\r\n..c\r": "a.b\r\n\r\n...c\r\r\n.\r\n",
	} {
		require.Equal(t, want, string(stuff([]byte(text))), "%q", text)
	}
}
