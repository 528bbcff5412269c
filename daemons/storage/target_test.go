package storage

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/config"
	"github.com/holdfast-ha/holdfast/daemons/directio"
)

// startTarget starts a real iSCSI target with CHAP and two LUNs on loopback and returns its port.
func startTarget(t *testing.T, user, password string) string {
	t.Helper()
	for _, program := range []string{"/usr/sbin/tgtd", "/usr/sbin/tgtadm"} {
		if _, err := os.Stat(program); err != nil {
			missing(t, fmt.Sprintf("tgt (%v); cure: apt-get install tgt", err))
		}
	}
	if os.Geteuid() != 0 {
		missing(t, "root, to start tgtd; cure: run the tests with sudo")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	require.NoError(t, l.Close())

	control := fmt.Sprint(os.Getpid()%30000 + 1000)
	cmd := exec.Command("/usr/sbin/tgtd", "-f", "-C", control, "--iscsi", "portal=127.0.0.1:"+port)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, cmd.Start())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		for _, file := range []string{"", ".lock"} {
			_ = os.Remove("/run/tgtd/socket." + control + file)
		}
	})

	dir := t.TempDir()
	adm := func(argv ...string) error {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		return exec.CommandContext(ctx, "/usr/sbin/tgtadm", append([]string{"-C", control, "--lld", "iscsi"}, argv...)...).Run()
	}
	require.Eventually(t, func() bool {
		return adm("--op", "new", "--mode", "target", "--tid", "1", "-T", testIQN) == nil
	}, soon, 50*time.Millisecond, "tgtd does not answer")
	for _, lun := range []string{"1", "2"} {
		file := filepath.Join(dir, "lun"+lun)
		require.NoError(t, os.WriteFile(file, make([]byte, 1<<20), 0o600))
		require.NoError(t, adm("--op", "new", "--mode", "logicalunit", "--tid", "1", "--lun", lun, "-b", file))
	}
	require.NoError(t, adm("--op", "bind", "--mode", "target", "--tid", "1", "-I", "ALL"))
	require.NoError(t, adm("--op", "new", "--mode", "account", "--user", user, "--password", password))
	require.NoError(t, adm("--op", "bind", "--mode", "account", "--tid", "1", "--user", user))
	return port
}

func TestUserspaceISCSIForReal(t *testing.T) {
	s := userspaceSettings(t)
	const password = "a-long,secret=12" // what is special in options does no harm in the file
	port := startTarget(t, "he", password)
	// The first portal is down: nothing listens on the discard port of that address.
	s.Connection, s.IQN, s.User, s.Password = "127.0.0.2:9,127.0.0.1:"+port, testIQN, "he", config.Secret(password)
	s.Metadata, s.Lockspace, s.Configuration = config.VolumeID{Volume: "1"}, config.VolumeID{Volume: "2"}, config.VolumeID{}
	d := newDriver(t, s, Deps{})
	t.Cleanup(func() { require.NoError(t, d.Disconnect(context.WithoutCancel(t.Context()))) })
	v, err := d.Connect(t.Context())
	require.NoError(t, err)
	for i, volume := range []string{v.Whiteboard, v.Lockspace} {
		data := make([]byte, 4096)
		data[0] = byte(1 + i)
		require.NoError(t, directio.Write(volume, 4096, data))
		got, err := directio.Read(volume, 4096, 4096)
		require.NoError(t, err)
		require.Equal(t, data, got)
	}
	require.NoError(t, d.Disconnect(t.Context()))

	s.Password = "another-secret-1"
	d = newDriver(t, s, Deps{})
	_, err = d.Connect(t.Context())
	require.ErrorContains(t, err, "Authentication failure")
	require.NotContains(t, err.Error(), "another-secret-1")
}
