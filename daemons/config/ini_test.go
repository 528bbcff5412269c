package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/config"
)

const brokerConf = `# the shared one
[email]
smtp-server = localhost
SMTP-Port: 25
source-email = ha@%(domain)s
destination-emails = root@localhost,
	ops@%(domain)s
domain = example.com
; and what to tell
[notify]
state_transition=maintenance|start|stop|up|down
percent = 100%%
`

func TestINIIsReadAsPythonReadsIt(t *testing.T) {
	ini, err := config.ParseINI("broker.conf", []byte(brokerConf))
	require.NoError(t, err)
	require.Equal(t, []string{"email", "notify"}, ini.Sections())
	require.Equal(t, []string{"smtp-server", "smtp-port", "source-email", "destination-emails", "domain"}, ini.Keys("email"))
	for _, tc := range []struct {
		section, key, want string
		line               int
	}{
		{"email", "smtp-port", "25", 4},
		{"email", "Source-Email", "ha@example.com", 5},
		{"email", "destination-emails", "root@localhost,\nops@example.com", 6},
		{"notify", "state_transition", "maintenance|start|stop|up|down", 11},
		{"notify", "percent", "100%", 12},
	} {
		value, line, ok, err := ini.Get(tc.section, tc.key)
		require.NoError(t, err)
		require.True(t, ok, tc.key)
		require.Equal(t, tc.want, value)
		require.Equal(t, tc.line, line, tc.key)
	}
	_, _, ok, err := ini.Get("email", "nothing")
	require.NoError(t, err)
	require.False(t, ok)
}

func TestINIDefaultsAndFaults(t *testing.T) {
	ini, err := config.ParseINI("f", []byte("[DEFAULT]\na = 1\n[s]\nb = %(a)s%(a)s\nloop = %(loop)s\nlost = %(c)s\nlone = 5%\nopen = %(a\n"))
	require.NoError(t, err)
	require.Equal(t, []string{"s"}, ini.Sections())
	got, _, _, err := ini.Get("s", "b")
	require.NoError(t, err)
	require.Equal(t, "11", got)
	for key, want := range map[string]string{
		"loop": `f:5: key "loop": values refer to each other too deeply, too often, or in a circle`,
		"lost": `f:6: key "lost": refers to "c", which section [s] does not have`,
		"lone": `f:7: key "lone": a single percent sign; write %%`,
		"open": `f:8: key "open": a %( without its )s`,
	} {
		_, _, _, err := ini.Get("s", key)
		require.ErrorContains(t, err, want)
	}
	for text, want := range map[string]string{
		"[a]\n[b]\n[a]\n":   "f:3: section [a] is there twice, first on line 1",
		"[a]\nx = 1\nX:2\n": `f:3: key "x": set twice, first on line 2`,
		"x = 1\n":           `f:1: key "x": stands before the first [section]`,
		"[a]\nx\n":          "f:2: expected `[section]` or `key = value`",
		"  x = 1\n":         "f:1: an indented line goes on with a value",
		"[a]\n\xff = 1\n":   "f:2: the line is not text",
	} {
		_, err := config.ParseINI("f", []byte(text))
		require.ErrorContains(t, err, want)
	}
}

func FuzzINI(f *testing.F) {
	f.Add(brokerConf)
	f.Add("[a]\nb=%(b)s%(b)s\n")
	f.Fuzz(func(_ *testing.T, text string) {
		ini, err := config.ParseINI("f", []byte(text))
		if err != nil {
			return
		}
		for _, section := range ini.Sections() {
			for _, key := range ini.Keys(section) {
				_, _, _, _ = ini.Get(section, key)
			}
		}
	})
}
