package config_test

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/config"
)

func TestDefaultsAreUpstreams(t *testing.T) {
	c := config.Default()
	require.Equal(t, "/run/ovirt-hosted-engine-ha/broker.socket", c.BrokerSocket)
	require.Equal(t, os.FileMode(0o755), c.SocketMode)
	require.Equal(t, "hosted-engine", c.LockspaceName)
	require.Equal(t, 10*time.Second, c.IOTimeout)
	require.Equal(t, int64(1<<20), c.MaxBody)
	require.Equal(t, "none", c.VMDriver)
	require.Equal(t, slog.LevelInfo, c.Level())
	require.Equal(t, config.ScoreWeights{
		Base: 3400, NotUptodateConfigPenalty: 1000, NetworkPenalty: 1600, MgmtBridgePenalty: 600, CPULoadPenalty: 1000,
		CPULoadPenaltyMin: 0.4, CPULoadPenaltyMax: 0.9, FreeMemoryPenalty: 400, EngineRetryPenalty: 50,
	}, c.Score)
	require.Equal(t, config.Timing{
		LoopDelay: 10 * time.Second, StorageDelay: 10 * time.Second, MonitorInterval: 10 * time.Second,
		HostAliveTimeout: time.Minute, StatsHistory: 900 * time.Second,
		EngineRetryExpiration: 600 * time.Second, EngineRetryMaxAttempts: 3,
		EngineBadHealthTimeout: 300 * time.Second, EngineStartingTimeout: 600 * time.Second, EngineAwayExpiration: 40 * time.Second,
		VMUnexpectedShutdownExpiration: 560 * time.Second, RestartThresholdScore: 800, LivelinessTimeout: 20 * time.Second,
		StallAfter: 5 * time.Second, ViewLimit: 30 * time.Second, FullScanInterval: 600 * time.Second,
		WriteRetryMin: time.Second, WriteRetryMax: 30 * time.Second, LeasePoll: 2 * time.Second, RejoinBackoff: 5 * time.Second,
		ResultMaxAge: 30 * time.Second, VMStartTimeout: time.Minute,
		RPCTimeout: 5 * time.Second, LeaseTimeout: 5 * time.Second, ShutdownGrace: 10 * time.Second, Tick: 100 * time.Millisecond,
		DomainInterval: 10 * time.Second, DomainDelayLimit: 10 * time.Second, ReconnectAfter: 3, ReconnectMin: 5 * time.Second, ReconnectMax: time.Minute,
		OVFPeriod: time.Minute, OVFStaleAfter: 5 * time.Minute,
		NotifyRetryMin: 10 * time.Second, NotifyRetryMax: 5 * time.Minute, NotifyAttempts: 10, NotifyQueue: 64,
		LockWait: 30 * time.Second, ReleaseWait: 25 * time.Second, ResetWait: 30 * time.Second, DomainWait: time.Minute, PutWait: time.Minute,
		MountTimeout: time.Minute, SubprocessTimeout: 20 * time.Second, NetworkTimeout: 5 * time.Second, VDSMTimeout: 10 * time.Second,
	}, c.Timing)
}

func TestParseReadsAFile(t *testing.T) {
	c, err := config.Parse("holdfast.conf", []byte(`
# a host of a test cluster
host_id=3
	run_dir =   /run/holdfast/
vm_driver = command
vm_command = /holdfast/bin/holdfast-engine --log "/holdfast/run/engine log" "" "a \"b\" \\c" --x=#1
socket_mode = 0770
max_body = 64 KiB
log_level = debug
`))
	require.NoError(t, err)
	require.Equal(t, 3, c.HostID)
	require.Equal(t, "/run/holdfast", c.RunDir)
	require.Equal(t, "/run/holdfast/broker.socket", c.BrokerSocket, "derived from run_dir")
	require.Equal(t, []string{"/holdfast/bin/holdfast-engine", "--log", "/holdfast/run/engine log", "", `a "b" \c`, "--x=#1"}, c.VMCommand)
	require.Equal(t, os.FileMode(0o770), c.SocketMode)
	require.Equal(t, int64(65536), c.MaxBody)
	require.Equal(t, slog.LevelDebug, c.Level())
}

func TestTimeFactorMultipliesScaledTimesOnly(t *testing.T) {
	c, err := config.Parse("f", []byte("host_id = 1\ntime_factor = 0.1\nview_limit = 40s\n"))
	require.NoError(t, err)
	require.Equal(t, time.Second, c.Timing.LoopDelay)
	require.Equal(t, 6*time.Second, c.Timing.HostAliveTimeout)
	require.Equal(t, 4*time.Second, c.Timing.ViewLimit, "a time from the file is scaled like a default")
	require.Equal(t, 5*time.Second, c.Timing.RPCTimeout, "not scaled")
	require.Equal(t, 100*time.Millisecond, c.Timing.Tick, "not scaled")
	require.Equal(t, 3, c.Timing.EngineRetryMaxAttempts, "counts are never scaled")

	for _, factor := range []string{"0.05", "10"} {
		_, err = config.Parse("f", []byte("host_id = 1\ntime_factor = "+factor+"\n"))
		require.NoError(t, err, "the ends of the range are usable with all defaults")
	}
}

func TestFaultsNameFileLineKeyAndCure(t *testing.T) {
	tests := map[string]struct{ file, want string }{
		"unknown key":      {"host_id = 1\nloop_dealy = 5s\n", `f:2: key "loop_dealy": unknown key; the nearest known key is "loop_delay"`},
		"no key is near":   {"host_id = 1\nxyzzyplugh = 5s\n", `f:2: key "xyzzyplugh": unknown key; no known key is similar`},
		"upper case":       {"HOST_ID = 1\n", `f:1: key "HOST_ID": unknown key`},
		"twice":            {"host_id = 1\n\nhost_id = 1\n", `f:3: key "host_id": set twice, first on line 1`},
		"no equals sign":   {"host_id 1\n", "f:1: expected `key = value`, got \"host_id 1\""},
		"host id 0":        {"host_id = 0\n", `f:1: key "host_id": bad value; expected a whole number from 1 to 2000, got "0"`},
		"host id 2001":     {"host_id = 2001\n", `expected a whole number from 1 to 2000, got "2001"`},
		"missing":          {"log_level = info\n", `f: key "host_id": required and missing; add ` + "`host_id = ...`"},
		"time unit":        {"host_id = 1\nloop_delay = 10\n", `f:2: key "loop_delay": bad value; expected a time from 10ms to 24h such as 10s, 1m30s or 250ms, got "10"`},
		"negative time":    {"host_id = 1\nloop_delay = -1s\n", `got "-1s"`},
		"part of a second": {"host_id = 1\nio_timeout = 1500ms\n", `expected whole seconds from 1s to 60s, got "1500ms"`},
		"mode":             {"host_id = 1\nsocket_mode = 0888\n", "an octal mode from 0000 to 0777"},
		"relative path":    {"host_id = 1\nwhiteboard_path = storage/x\n", "expected an absolute path, or nothing"},
		"long socket":      {"host_id = 1\nbroker_socket = /" + strings.Repeat("x", 107) + "\n", "the limit of a Unix socket"},
		"long run_dir":     {"host_id = 1\nrun_dir = /" + strings.Repeat("x", 100) + "\n", `f: key "broker_socket": "/xxxxx`},
		"factor too small": {"host_id = 1\ntime_factor = 0.049\n", "a number from 0.05 to 10"},
		"factor NaN":       {"host_id = 1\ntime_factor = NaN\n", "a number from 0.05 to 10"},
		"name with bar":    {"host_id = 1\nhost_name = a|b\n", "without `|`"},
		"name with quote":  {"host_id = 1\nhost_name = \"h1\"\n", `f:2: key "host_name": bad value`},
		"name too long":    {"host_id = 1\nhost_name = " + strings.Repeat("h", 65) + "\n", "at most 64 bytes"},
		"relative ha.conf": {"host_id = 1\nlocal_maintenance_file = ha.conf\n", "an absolute path, or nothing"},
		"open quote":       {"host_id = 1\nvm_command = /bin/x \"a\n", "a double quote is not closed"},
		"relative command": {"host_id = 1\nvm_command = engine\n", "an absolute path and arguments"},
		"no command":       {"host_id = 1\nvm_driver = command\n", `f:2: key "vm_driver": vm_driver = command needs vm_command`},
		"not text":         {"host_id = 1\n\xff\xfe = 1\n", "f:2: the line is not text"},
		"health URL":       {"host_id = 1\nvm_health_url = ftp://h/\n", "http://HOST:PORT/PATH"},
		"alive too short":  {"host_id = 1\nhost_alive_timeout = 39s\nview_limit = 20s\nwrite_retry_max=5s\n", `f:2: key "host_alive_timeout": 39s is too short: at least 40s, because a peer's record takes`},
		"blind too late":   {"host_id = 1\nview_limit = 61s\n", `key "host_alive_timeout": 1m is too short: at least 1m1s`},
		"short history":    {"host_id = 1\nstats_history = 70s\n", `f:2: key "stats_history": 1m10s is too short: at least 1m20s`},
		"limits swapped":   {"host_id = 1\nscore_cpu_load_penalty_min = 0.95\n", `f:2: key "score_cpu_load_penalty_min": 0.95 is above score_cpu_load_penalty_max, 0.9`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := config.Parse("f", []byte(test.file))
			require.ErrorContains(t, err, test.want)
			var fault *config.Error
			require.ErrorAs(t, err, &fault)
			require.Equal(t, "f", fault.File)
		})
	}
}

func TestAllFaultsAreReportedTogetherButNotWithoutEnd(t *testing.T) {
	_, err := config.Parse("f", []byte("host_id = x\nloop_delay = y\n"))
	require.ErrorContains(t, err, "f:1: ")
	require.ErrorContains(t, err, "f:2: ")

	_, err = config.Parse("f", []byte(strings.Repeat("what is this\n", 10_000)))
	require.ErrorContains(t, err, "too many faults")
	require.Less(t, strings.Count(err.Error(), "\n"), 30)

	_, err = config.Parse("f", make([]byte, 1<<20+1))
	require.ErrorContains(t, err, "this is not a configuration")
}

func TestLoadTellsWhatToDoAboutAMissingFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "holdfast.conf")
	_, err := config.Load(path)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, path)
	require.ErrorContains(t, err, "copy the commented example")

	require.NoError(t, os.WriteFile(path, []byte("host_id = 12\n"), 0o600))
	c, err := config.Load(path)
	require.NoError(t, err)
	require.Equal(t, 12, c.HostID)

	require.NoError(t, os.WriteFile(path, []byte("host_id = twelve\n"), 0o600))
	_, err = config.Load(path)
	require.ErrorContains(t, err, path+":1: ")
}

func TestTableIsWellFormed(t *testing.T) {
	seen := map[string]bool{}
	for _, key := range config.Keys() {
		require.False(t, seen[key.Name], "%s is in the table twice", key.Name)
		seen[key.Name] = true
		require.Regexp(t, `^[a-z][a-z0-9_]*$`, key.Name)
		require.NotEmpty(t, key.Section, key.Name)
		require.NotEmpty(t, key.Expected, key.Name)
		require.NotEmpty(t, key.Meaning, key.Name)
		require.False(t, strings.HasSuffix(key.Meaning, "."), "%s: the meaning ends without a full stop", key.Name)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(config.Example()))
	f.Add([]byte("host_id = 1\nvm_command = /bin/true \"a b\" \\\" c\ntime_factor = 0.05\n"))
	f.Add([]byte("host_id=1\r\nmax_body=9223372036854775807MiB\nmax_clients=-0\n"))
	f.Add([]byte("#\n=\n = \n\x00\n\xff=1"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := config.Parse("f", text)
		if err != nil {
			var fault *config.Error
			require.True(t, errors.As(err, &fault), "every fault is an *Error, got %v", err)
			require.Empty(t, c)
			return
		}
		require.True(t, c.HostID >= 1 && c.HostID <= 2000, "host id %d", c.HostID)
		require.Positive(t, c.Timing.LoopDelay)
		require.NotEmpty(t, c.BrokerSocket)
	})
}
