package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/brokerlink"
	"github.com/holdfast-ha/holdfast/daemons/lease"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
)

// missing skips a test loudly, or fails it in CI.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("MISSING in CI: %s", what)
	}
	t.Skipf("SKIPPED, NOT TESTED: this test needs %s", what)
}

func python(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("python3")
	if err != nil {
		missing(t, "python3, to be upstream's client; cure: apt-get install python3")
	}
	return path
}

const sanlockPath = "/usr/sbin/sanlock"

// startSanlock starts a private sanlock in dir; false where that cannot be, which is an error in CI.
func startSanlock(t *testing.T, dir string) bool {
	t.Helper()
	if _, err := os.Stat(sanlockPath); err != nil || os.Geteuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatalf("MISSING in CI: root and %s", sanlockPath)
		}
		return false
	}
	cmd := exec.Command(sanlockPath, "daemon", "-D", "-w", "0", "-l", "0", "-e", "testhost", "-U", "root", "-G", "root")
	cmd.Env = append(os.Environ(), "SANLOCK_RUN_DIR="+dir, "SANLOCK_PRIVILEGED=0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	client := lease.Client{Socket: filepath.Join(dir, "sanlock.sock"), Timeout: time.Second}
	require.Eventually(t, func() bool {
		_, err := client.Version(context.Background())
		return err == nil
	}, patience, 20*time.Millisecond)
	return true
}

// cluster is a broker as a process, with a lockspace and, where it can be, a sanlock.
type cluster struct {
	dir, whiteboard, socket string
	sanlock                 bool
	log                     *lockedBuffer
	link                    *brokerlink.Link
}

func startCluster(t *testing.T, hostID int) *cluster {
	t.Helper()
	path, socket := conf(t, "")
	dir := filepath.Dir(path)
	c := &cluster{dir: dir, socket: socket, whiteboard: filepath.Join(dir, "whiteboard"), log: &lockedBuffer{}}
	for name, size := range map[string]int64{"whiteboard": whiteboard.Segments * whiteboard.SegmentSize, "lockspace": 16 << 20} {
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, nil, 0o600))
		require.NoError(t, os.Truncate(file, size))
	}
	c.sanlock = startSanlock(t, dir)
	text := strings.NewReplacer("ID", fmt.Sprint(hostID), "DIR", dir).Replace("host_id = ID\nrun_dir = DIR\nstate_dir = DIR\n" +
		"vm_conf = DIR/vm.conf\nwhiteboard_path = DIR/whiteboard\nlockspace_path = DIR/lockspace\nsanlock_socket = DIR/sanlock.sock\n" +
		"shutdown_grace = 5s\nio_timeout = 1s\nstorage_delay = 200ms\nlease_poll = 100ms\nmonitor_interval = 200ms\ndomain_interval = 200ms\n")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	cmd := exec.Command(os.Args[0], "--config", path)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stderr = c.log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		require.NoError(t, cmd.Wait(), "the broker's end: %s", c.log)
	})
	c.link = brokerlink.New(socket, patience)
	require.Eventually(t, func() bool { _, err := c.link.GetHealth(t.Context()); return err == nil }, patience, 20*time.Millisecond, c.log.String())
	return c
}

// script runs a Python script and returns its lines.
func script(t *testing.T, args ...string) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, python(t), args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// Python's own xmlrpc.client, the way upstream's client is built, calls every method that docs/rpc.md lists.
func TestPythonCallsEveryMethod(t *testing.T) {
	python(t)
	c := startCluster(t, 3)
	sanlock := map[bool]string{true: "yes", false: "no"}[c.sanlock]
	lines := script(t, "testdata/everymethod.py", c.socket, "3", sanlock)
	called, ok := strings.CutPrefix(lines[len(lines)-1], "called: ")
	require.True(t, ok, "%v\n%s", lines, c.log)
	require.Len(t, lines, 1, "checks that failed:\n%s\n\n%s", strings.Join(lines, "\n"), c.log)
	require.Equal(t, documented(t), strings.Fields(called), "what docs/rpc.md lists is what Python has called")
	if !c.sanlock {
		missing(t, "root and sanlock, to hold a host id; the rest is tested")
	}
}

// documented returns the names of the methods in docs/rpc.md, sorted.
func documented(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../../docs/rpc.md")
	require.NoError(t, err)
	var names []string
	for _, m := range regexp.MustCompile("(?m)^### `([a-z_]+)\\(").FindAllStringSubmatch(string(text), -1) {
		names = append(names, m[1])
	}
	slices.Sort(names)
	return names
}

// A host by upstream's rules and this broker on one whiteboard: neither disturbs the other.
func TestAPythonHostOnTheSameWhiteboard(t *testing.T) {
	python(t)
	c := startCluster(t, 2)
	if !c.sanlock {
		missing(t, "root and sanlock, because without a host id nothing is published")
	}
	ctx := t.Context()
	require.Eventually(t, func() bool {
		done, err := c.link.AwaitReset(ctx, 5*time.Second)
		return err == nil && done
	}, patience, 50*time.Millisecond, c.log.String())
	held, err := c.link.AwaitHostID(ctx, 2, patience)
	require.NoError(t, err)
	require.True(t, held, c.log.String())

	const rounds = 60
	ended := make(chan []string, 1)
	go func() { ended <- script(t, "testdata/peer.py", c.whiteboard, "3", "2", fmt.Sprint(rounds)) }()
	var lines []string
	var stamps []int64
	last := int64(500)
	for lines == nil {
		last++
		put, err := c.link.PutStatsWait(ctx, 2, ownRecord(t, last), patience)
		require.NoError(t, err)
		require.True(t, put.Durable, "%+v\n%s", put, c.log)
		if theirs := peerSeen(t, c.link); theirs != 0 {
			stamps = append(stamps, theirs)
		}
		select {
		case lines = <-ended:
		case <-time.After(50 * time.Millisecond):
		}
	}
	require.Len(t, lines, 1, "what the Python host complains about: %v", lines)
	var saw struct {
		Seen, Wrong, Distinct int
		Last                  int64
		Sha256                string
	}
	require.NoError(t, json.Unmarshal([]byte(lines[0]), &saw))
	require.Zero(t, saw.Wrong)
	require.Equal(t, rounds, saw.Seen)
	require.Greater(t, saw.Distinct, 5, "the Python host sees this broker's records change")
	require.True(t, slices.IsSorted(stamps), "%v", stamps)
	slices.Sort(stamps)
	require.Greater(t, len(slices.Compact(stamps)), 5, "this broker sees the Python host's records change")

	disk, err := os.ReadFile(c.whiteboard)
	require.NoError(t, err)
	segment := func(n int) []byte { return disk[n*whiteboard.SegmentSize : (n+1)*whiteboard.SegmentSize] }
	require.Equal(t, ownRecord(t, last), segment(2))
	sum := sha256.Sum256(segment(3))
	require.Equal(t, saw.Sha256, hex.EncodeToString(sum[:]), "the Python host's last block, to the byte")
	clear(segment(2))
	clear(segment(3))
	require.Zero(t, crc32Of(disk), "nobody wrote anything else")
}

func crc32Of(disk []byte) int {
	return int(crc32.ChecksumIEEE(disk) ^ crc32.ChecksumIEEE(make([]byte, len(disk))))
}

// peerSeen returns the timestamp of host 3's record as this broker shows it, 0 if it does not yet. What it shows decodes.
func peerSeen(t *testing.T, link *brokerlink.Link) int64 {
	t.Helper()
	stats, err := link.GetStats(t.Context())
	require.NoError(t, err)
	data, there := stats[3]
	if !there {
		return 0
	}
	record, err := whiteboard.Decode(3, data)
	require.NoError(t, err)
	require.Equal(t, "python.example.com", record.HostName)
	return record.Timestamp
}

// ownRecord is what an agent of host 2 puts.
func ownRecord(t *testing.T, stamp int64) []byte {
	t.Helper()
	wall := time.Unix(1_700_000_000+stamp, 0).UTC()
	s, err := whiteboard.Encode(whiteboard.Record{
		Timestamp: stamp, HostID: 2, Score: 3400, HostName: "go.example.com", ConfOnSharedStorage: true,
		EngineStatus: `{"vm": "down", "health": "bad", "detail": "unknown", "reason": "vm not running on this host"}`,
	}, whiteboard.Human{Timestamp: stamp, HostID: 2, Score: 3400, ConfOnSharedStorage: true, TimestampWall: wall, ConfWall: wall})
	require.NoError(t, err)
	return s[:]
}
