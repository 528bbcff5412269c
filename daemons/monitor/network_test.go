package monitor_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/monitor"
)

// measure makes an action of a kind and measures once, within the action's own deadline.
func measure(t *testing.T, kind monitor.Kind, options monitor.Options) (string, error) {
	t.Helper()
	action, err := kind.New(options)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	return action.Measure(ctx)
}

// fakePing writes a program that notes its arguments, and succeeds as often as told.
func fakePing(t *testing.T, successes int) (program, log string) {
	t.Helper()
	dir := t.TempDir()
	program, log = filepath.Join(dir, "ping"), filepath.Join(dir, "log")
	script := "#!/bin/sh\necho \"$@\" >>" + log + "\ntest $(wc -l <" + log + ") -le " + strconv.Itoa(successes) + "\n"
	require.NoError(t, os.WriteFile(program, []byte(script), 0o700))
	return program, log
}

func lines(t *testing.T, path string) []string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return strings.Split(strings.TrimSpace(string(b)), "\n")
}

func TestNetworkPingsAsUpstreamDoes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name      string
		kind      func(monitor.NetworkSettings, time.Duration) monitor.Kind
		options   monitor.Options
		successes int
		line      string
		tests     int
		want      string
	}{
		{"all good", monitor.Network, monitor.Options{"addr": "192.0.2.1", "network_test": "ping"}, 9, "-c 1 -W 5 192.0.2.1", 5, "1.0"},
		{"no test named", monitor.Network, monitor.Options{"addr": "192.0.2.1", "network_test": nil}, 4, "-c 1 -W 5 192.0.2.1", 5, "0.8"},
		{"six", monitor.Network, monitor.Options{"addr": "2001:db8::1", "network_test": ""}, 0, "-c 1 -W 5 -6 2001:db8::1", 5, "0.0"},
		{
			"own options", monitor.Network,
			monitor.Options{"addr": "gateway.example", "timeout": "1.5", "count": int64(3), "delay": 0.01},
			1, "-c 1 -W 1.5 gateway.example", 3, "0.3333333333333333",
		},
		{"version 4.2", monitor.Ping, monitor.Options{"addr": "192.0.2.1"}, 3, "-c 1 -W 2 192.0.2.1", 5, "0.6"},
		{"version 4.2, options", monitor.Ping, monitor.Options{"addr": "192.0.2.1", "timeout": int64(3), "count": "2"}, 3, "-c 1 -W 3 192.0.2.1", 2, "1.0"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			program, log := fakePing(t, tc.successes)
			kind := tc.kind(monitor.NetworkSettings{PingProgram: program, Delay: time.Millisecond}, time.Second)
			got, err := measure(t, kind, tc.options)
			require.NoError(t, err)
			require.Equal(t, tc.want, got)
			require.Len(t, lines(t, log), tc.tests)
			require.Equal(t, tc.line, lines(t, log)[0])
		})
	}
}

func TestTheRealPing(t *testing.T) {
	t.Parallel()
	got, err := measure(t, monitor.Network(monitor.NetworkSettings{Delay: time.Millisecond}, time.Second),
		monitor.Options{"addr": "127.0.0.1", "count": int64(1)})
	if err != nil && os.Getenv("CI") != "true" {
		t.Skipf("SKIPPED: needs ping: %v", err)
	}
	require.NoError(t, err)
	require.Equal(t, "1.0", got)
}

func TestAPingThatHangsIsAFailedTest(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "ping")
	require.NoError(t, os.WriteFile(program, []byte("#!/bin/sh\nexec sleep 60\n"), 0o700))
	began := time.Now()
	got, err := measure(t, monitor.Network(monitor.NetworkSettings{PingProgram: program}, time.Second),
		monitor.Options{"addr": "192.0.2.1", "timeout": 0.05, "count": int64(1)})
	require.NoError(t, err)
	require.Equal(t, "0.0", got)
	require.Less(t, time.Since(began), 30*time.Second)
}

// Not being able to test is not a bad network; what is shown is the same, but the reason is known.
func TestAMissingPingIsAnError(t *testing.T) {
	t.Parallel()
	kind := monitor.Network(monitor.NetworkSettings{PingProgram: "/nowhere/ping"}, time.Second)
	_, err := measure(t, kind, monitor.Options{"addr": "192.0.2.1"})
	require.ErrorContains(t, err, "/nowhere/ping: program not found")
	require.Equal(t, "0.0", kind.Unknown(""))
	require.Equal(t, "1.0", kind.Initial, "upstream's value before the first turn; its agent makes a number of it")
}

func TestNetworkTestsThatAreSpacedOutEndWithTheirContext(t *testing.T) {
	t.Parallel()
	action, err := monitor.Network(monitor.NetworkSettings{}, time.Second).New(monitor.Options{"network_test": "none", "delay": int64(60)})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err = action.Measure(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, time.Since(began), 30*time.Second)
}

func TestFiveTestsHalfASecondApart(t *testing.T) {
	t.Parallel()
	began := time.Now()
	got, err := measure(t, monitor.Network(monitor.NetworkSettings{}, time.Second), monitor.Options{"network_test": "none"})
	require.NoError(t, err)
	require.Equal(t, "1.0", got)
	require.GreaterOrEqual(t, time.Since(began), 2*time.Second)
}

func TestTCP(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	kind := monitor.Network(monitor.NetworkSettings{Delay: time.Millisecond}, time.Second)
	number, err := strconv.ParseInt(port, 10, 64)
	require.NoError(t, err)
	for _, p := range []any{port, number} {
		got, err := measure(t, kind, monitor.Options{"network_test": "tcp", "tcp_t_address": "localhost", "tcp_t_port": p, "addr": nil})
		require.NoError(t, err)
		require.Equal(t, "1.0", got)
	}
	listener.Close()
	got, err := measure(t, kind, monitor.Options{"network_test": "tcp", "tcp_t_address": "127.0.0.1", "tcp_t_port": port})
	require.NoError(t, err)
	require.Equal(t, "0.0", got, "refused")
}

func TestBadNetworkOptionsAreRefusedAtTheStart(t *testing.T) {
	t.Parallel()
	kind := monitor.Network(monitor.NetworkSettings{}, time.Second)
	for want, options := range map[string]monitor.Options{
		`network_test is "smoke"; known are ping, dns, tcp, none`: {"network_test": "smoke"},
		"option network_test must be a string, got bool":          {"network_test": true},
		"option addr is required":                                 {"network_test": "ping"},
		`addr is "-f", which is no host's name`:                   {"addr": "-f"},
		`addr is "a b"`:                                           {"addr": "a b"},
		"option tcp_t_address is required":                        {"network_test": "tcp", "tcp_t_port": int64(1)},
		`tcp_t_port is ""`:                                        {"network_test": "tcp", "tcp_t_address": "a"},
		`tcp_t_port is "70000"`:                                   {"network_test": "tcp", "tcp_t_address": "a", "tcp_t_port": int64(70000)},
		"option count must be between 1 and 100, got 0":           {"network_test": "none", "count": int64(0)},
		`option timeout must be a number, got "soon"`:             {"network_test": "none", "timeout": "soon"},
		"option timeout must be between":                          {"network_test": "none", "timeout": "NaN"},
		"option delay must be a number, got []interface {}":       {"network_test": "none", "delay": []any{}},
	} {
		_, err := kind.New(options)
		require.ErrorContains(t, err, want)
	}
	_, err := monitor.Ping(monitor.NetworkSettings{}, time.Second).New(nil)
	require.ErrorContains(t, err, "option addr is required")
}
