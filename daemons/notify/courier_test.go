package notify

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// post is a courier with its files.
type post struct {
	*Courier
	t       *testing.T
	dir     string
	server  *mailServer
	reports chan Report
}

func newPost(t *testing.T) *post {
	t.Helper()
	p := &post{t: t, dir: t.TempDir(), server: newMailServer(t), reports: make(chan Report, 1000)}
	p.configure("")
	p.write("state_transition.txt", upstreamTemplate)
	p.Courier = New(Settings{
		BrokerConf: filepath.Join(p.dir, "broker.conf"), TemplateDir: p.dir, HostName: "host2",
		Limits: Limits{Length: 4, Attempts: 100, RetryMin: 20 * time.Millisecond, RetryMax: 50 * time.Millisecond},
		Reload: 20 * time.Millisecond,
	}, clock.System(), func(r Report) { p.reports <- r })
	t.Cleanup(func() {
		p.Close()
		select {
		case <-p.Ended():
		case <-time.After(patience):
			t.Error("the lane does not end")
		}
	})
	return p
}

func (p *post) write(name, text string) {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	require.NoError(p.t, os.WriteFile(path+".new", []byte(text), 0o600))
	require.NoError(p.t, os.Rename(path+".new", path))
}

func (p *post) configure(more string) {
	p.write("broker.conf", fmt.Sprintf("[email]\nsmtp-server=127.0.0.1\nsmtp-port=%d\nsmtp-timeout=1\n%s[notify]\nstate_transition=up|down\n", p.server.port(), more))
}

func (p *post) offer(detail string) bool {
	began := time.Now()
	queued := p.Offer("state_transition", detail, map[string]string{"hostname": "host2"})
	require.Less(p.t, time.Since(began), 5*time.Second, "Offer must not wait")
	return queued
}

func (p *post) await(what string, is func(State) bool) State {
	p.t.Helper()
	var s State
	require.Eventually(p.t, func() bool { s = p.State(); return is(s) }, patience, 5*time.Millisecond, what)
	return s
}

// verdict waits for a report of this kind.
func (p *post) verdict(want Verdict) Report {
	p.t.Helper()
	for {
		select {
		case r := <-p.reports:
			if r.Verdict == want {
				return r
			}
		case <-time.After(patience):
			p.t.Fatalf("no report %s", want)
		}
	}
}

func TestTheCourierSends(t *testing.T) {
	p := newPost(t)
	require.False(t, p.offer("nothing of interest"), "no rule asks for it")
	require.False(t, p.Offer("weather", "up", nil))
	require.True(t, p.offer("EngineDown-EngineUp"))
	require.Equal(t, "EngineDown-EngineUp", p.verdict(Sent).Notice.Detail)
	require.Equal(t, State{Sent: 1}, p.State())
	mails, _ := p.server.received()
	require.Len(t, mails, 1)
	require.Contains(t, mails[0], "Subject: ovirt-hosted-engine state transition EngineDown-EngineUp\n")
	require.Contains(t, mails[0], "The state of host host2 changed")
	require.Equal(t, LaneName, p.Lane().Name)
	require.True(t, p.offer("up"))
	p.verdict(Sent)
	mails, _ = p.server.received()
	require.NotEqual(t, messageID(mails[0]), messageID(mails[1]))
}

func messageID(mail string) string {
	_, after, _ := strings.Cut(mail, "Message-ID: ")
	id, _, _ := strings.Cut(after, "\n")
	return id
}

// The mail server is dead for a while. Nobody else notices, and then everything arrives.
func TestADeadMailServerIsNoticedNowhereElse_S31(t *testing.T) {
	p := newPost(t)
	p.server.set("greeting", hangs)
	for i := range 4 {
		require.True(t, p.offer(fmt.Sprint("up ", i)))
	}
	require.False(t, p.offer("up 4"), "no room")
	require.Equal(t, "up 4", p.verdict(Dropped).Notice.Detail)
	s := p.await("the problem is known", func(s State) bool { return s.Problem != "" })
	require.Contains(t, s.Problem, "greeting: ")
	require.NotZero(t, s.Since)
	require.Equal(t, 4, s.Queued)
	p.server.set("greeting", "220 back")
	s = p.await("all is sent", func(s State) bool { return s.Queued == 0 })
	require.Equal(t, State{Sent: 4, Dropped: 1}, s)
	mails, _ := p.server.received()
	require.Len(t, mails, 4)
	for i, m := range mails {
		require.Contains(t, m, fmt.Sprintf("transition up %d\n", i), "in order")
	}
}

func TestAGreylistedRecipientGetsTheMessageLaterAndTheOthersOnce(t *testing.T) {
	p := newPost(t)
	p.configure("destination-emails = a@example.org, grey@example.org, gone@example.org\n")
	p.server.rcpt["grey@example.org"] = []string{"450 later", "451 still later"}
	p.server.rcpt["gone@example.org"] = []string{"550 unknown"}
	require.Eventually(t, func() bool { return len(p.current.Load().config.To) == 3 }, patience, time.Millisecond)
	require.True(t, p.offer("up"))
	p.verdict(Sent)
	_, heard := p.server.received()
	count := map[string]int{}
	for _, line := range heard {
		count[line]++
	}
	require.Equal(t, 1, count["RCPT TO:<a@example.org>"])
	require.Equal(t, 1, count["RCPT TO:<gone@example.org>"])
	require.Equal(t, 3, count["RCPT TO:<grey@example.org>"])
	mails, _ := p.server.received()
	require.Len(t, mails, 2)
	require.Equal(t, messageID(mails[0]), messageID(mails[1]), "one message, whoever gets it when")
}

func TestAMailServerThatIsCorrectedInTheFileIsUsedAtOnce(t *testing.T) {
	p := newPost(t)
	p.write("broker.conf", "[email]\nsmtp-server=127.0.0.1\nsmtp-port=1\nsmtp-timeout=1\n[notify]\nstate_transition=up\n")
	require.Eventually(t, func() bool { return p.current.Load().config.Port == 1 }, patience, time.Millisecond)
	require.True(t, p.offer("up"))
	p.verdict(Delayed)
	p.configure("")
	p.verdict(Sent)
}

func TestABrokenFileChangesNothing(t *testing.T) {
	p := newPost(t)
	p.write("broker.conf", "[notify]\nstate_transition = (\n")
	s := p.await("the fault is known", func(s State) bool { return s.Problem != "" })
	require.Contains(t, s.Problem, "broker.conf:2")
	require.ErrorContains(t, p.verdict(Unreadable).Err, "broker.conf:2")
	require.True(t, p.offer("up"), "the last good rules stay")
	p.verdict(Sent)
	p.configure("")
	p.await("the fault is gone", func(s State) bool { return s.Problem == "" })

	p.write("state_transition.txt", "no header")
	s = p.await("the fault is known", func(s State) bool { return s.Problem != "" })
	require.Contains(t, s.Problem, "state_transition.txt:1")
	require.True(t, p.offer("up"))
	p.verdict(Sent)

	require.NoError(t, os.Remove(filepath.Join(p.dir, "broker.conf")))
	p.await("no file is no fault", func(s State) bool { return s.Problem == "" })
	require.False(t, p.offer("up"), "and it asks for nothing")
}

func TestWhatNoMailCanBeMadeOfIsRefused(t *testing.T) {
	p := newPost(t)
	require.False(t, p.offer("up\r\nBcc: spy@example.org"))
	require.ErrorContains(t, p.verdict(Refused).Err, "control character")
	require.False(t, p.Offer("state_transition", "up", nil), "hostname is not given")
	require.ErrorContains(t, p.verdict(Refused).Err, "nobody knows the field {hostname}")
	require.False(t, p.offer("up"+strings.Repeat(" x", maxField)))
	require.ErrorContains(t, p.verdict(Refused).Err, "longer than")
	require.Equal(t, State{}, p.State())
}

func TestCloseBreaksOffWhatHangs(t *testing.T) {
	p := newPost(t)
	p.configure("destination-emails = a@example.org\n")
	p.write("broker.conf", strings.Replace(fmt.Sprintf("[email]\nsmtp-server=127.0.0.1\nsmtp-port=%d\nsmtp-timeout=300\n[notify]\nstate_transition=up\n", p.server.port()), "\r", "", 1))
	require.Eventually(t, func() bool { return p.current.Load().config.Timeout == 300*time.Second }, patience, time.Millisecond)
	p.server.set("MAIL", hangs)
	require.True(t, p.offer("up"))
	require.Eventually(t, func() bool { _, heard := p.server.received(); return len(heard) == 2 }, patience, time.Millisecond)
	p.Close()
	select {
	case <-p.Ended():
	case <-time.After(patience):
		t.Fatal("the lane waits for the mail server")
	}
	require.False(t, p.offer("up"), "closed")
	p.Close()
}

func TestNoFileAtAll(t *testing.T) {
	for _, conf := range []string{"", filepath.Join(t.TempDir(), "missing")} {
		c := New(Settings{BrokerConf: conf}, clock.System(), nil)
		require.False(t, c.Offer("state_transition", "up", nil))
		require.Equal(t, State{}, c.State())
		c.Close()
		<-c.Ended()
	}
}

func TestFilesThatAreNone(t *testing.T) {
	dir := t.TempDir()
	_, err := load(dir, dir, &texts{})
	require.ErrorContains(t, err, "not a regular file")
	conf := filepath.Join(dir, "broker.conf")
	require.NoError(t, os.WriteFile(conf, []byte("[notify]\na=x\nb=y\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "b.txt"), []byte("Subject: b\n\n"), 0o600))
	got, err := load(conf, dir, &texts{})
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "notifications of a: ")
	require.Len(t, got.templates, 1, "one event without a template does not harm the others")
}
