package storage

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/daemons/child"
	"github.com/holdfast-ha/holdfast/daemons/config"
	"github.com/holdfast-ha/holdfast/daemons/directio"
	"github.com/holdfast-ha/holdfast/daemons/mountinfo"
)

const storageDaemon = "/usr/bin/qemu-storage-daemon"

// userspaceSettings are for a directory of this machine with a domain in it.
func userspaceSettings(t *testing.T) Settings {
	t.Helper()
	if _, err := os.Stat(storageDaemon); err != nil {
		missing(t, fmt.Sprintf("qemu-storage-daemon (%v); cure: apt-get install qemu-system-common", err))
	}
	if os.Geteuid() != 0 {
		missing(t, "root, to mount through FUSE; cure: run the tests with sudo")
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		missing(t, "/dev/fuse")
	}
	dir, err := os.MkdirTemp("", "userspace, or not") // blanks and commas are part of the deal
	require.NoError(t, err)
	t.Cleanup(func() {
		if !t.Failed() {
			require.NoError(t, os.RemoveAll(dir))
		}
	})
	source := filepath.Join("/tmp", fmt.Sprintf("userspace-%d-%d", os.Getpid(), time.Now().UnixNano()))
	t.Cleanup(func() { _ = os.RemoveAll(source) })
	writeDomain(t, source, "512")
	require.NoError(t, os.WriteFile(filepath.Join(source, testDomain, "dom_md", "ids"), make([]byte, 1<<20), 0o600))
	metadata := filepath.Join(source, testDomain, "dom_md", "metadata")
	text, err := os.ReadFile(metadata)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(metadata, append(text, make([]byte, 4096-len(text))...), 0o600))
	s := testSettings("userspace", source)
	s.UserspaceProgram, s.UserspaceDir = storageDaemon, filepath.Join(dir, "attached")
	return s
}

func pidOf(t *testing.T, s Settings, name string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.UserspaceDir, name+".pid"))
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	require.NoError(t, err)
	return pid
}

func TestUserspaceForReal(t *testing.T) {
	s := userspaceSettings(t)
	d := newDriver(t, s, Deps{})
	t.Cleanup(func() { require.NoError(t, d.Disconnect(context.WithoutCancel(t.Context()))) })
	v, err := d.Connect(t.Context())
	require.NoError(t, err)
	require.Equal(t, Volumes{
		Whiteboard: s.UserspaceDir + "/whiteboard", Lockspace: s.UserspaceDir + "/lockspace", Configuration: s.UserspaceDir + "/configuration",
		Domain: s.UserspaceDir + "/domain", DomainIDs: s.UserspaceDir + "/ids", Sector: 512,
	}, v)
	data := bytes.Repeat([]byte("holdfast"), 512)
	require.NoError(t, directio.Write(v.Whiteboard, 4096, data))
	got, err := os.ReadFile(filepath.Join(s.Connection, testDomain, "images", metaImage, metaVolume))
	require.NoError(t, err)
	require.Equal(t, data, got[4096:])
	require.Error(t, directio.Write(v.Domain, 0, data), "the domain's metadata is not ours to write")
	got, err = directio.Read(v.Domain, 0, 4096)
	require.NoError(t, err)
	require.Contains(t, string(got), "SDUUID="+testDomain)

	// Another broker finds the attachments as they are.
	before := pidOf(t, s, "whiteboard")
	d = newDriver(t, s, Deps{})
	again, err := d.Connect(t.Context())
	require.NoError(t, err)
	require.Equal(t, v, again)
	require.Equal(t, before, pidOf(t, s, "whiteboard"))
	_, err = Reconnect(t.Context(), d)
	require.NoError(t, err)
	require.Equal(t, before, pidOf(t, s, "whiteboard"), "what works is left alone")

	// One that was killed is made again, the others stay.
	lockspace := pidOf(t, s, "lockspace")
	require.NoError(t, unix.Kill(before, unix.SIGKILL))
	require.Eventually(t, func() bool {
		_, err := directio.Read(v.Whiteboard, 0, 4096)
		return err != nil || !isShown(t, v.Whiteboard)
	}, soon, 10*time.Millisecond)
	_, err = Reconnect(t.Context(), d)
	require.NoError(t, err)
	require.NotEqual(t, before, pidOf(t, s, "whiteboard"))
	require.Equal(t, lockspace, pidOf(t, s, "lockspace"))
	got, err = directio.Read(v.Whiteboard, 4096, 4096)
	require.NoError(t, err)
	require.Equal(t, data, got)

	// One whose note was lost is found by its arguments: there are never two for one volume.
	pid := pidOf(t, s, "lockspace")
	require.NoError(t, os.Remove(s.UserspaceDir+"/lockspace.json"))
	_, err = d.Connect(t.Context())
	require.NoError(t, err)
	require.NotEqual(t, pid, pidOf(t, s, "lockspace"))
	require.False(t, alive(pid), "process %d was left behind", pid)

	pid = pidOf(t, s, "lockspace")
	require.NoError(t, d.Disconnect(t.Context()))
	require.False(t, alive(pid))
	require.False(t, isShown(t, v.Lockspace))
	left, err := os.ReadDir(s.UserspaceDir)
	require.NoError(t, err)
	require.Empty(t, left)
	require.NoError(t, d.Disconnect(t.Context()), "twice")
}

func isShown(t *testing.T, point string) bool {
	t.Helper()
	text, err := machine{}.Mounts()
	require.NoError(t, err)
	_, ok := mountinfo.Parse(string(text)).At(point)
	return ok
}

// alive says whether a process runs; one that ended and waits to be collected does not.
func alive(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	state, _, err := parseStat(text)
	return err == nil && state != 'Z'
}

func TestUserspaceSourcesThatAreNotThere(t *testing.T) {
	s := userspaceSettings(t)
	s.Lockspace.Volume = "absent"
	d := newDriver(t, s, Deps{})
	t.Cleanup(func() { require.NoError(t, d.Disconnect(context.WithoutCancel(t.Context()))) })
	_, err := d.Connect(t.Context())
	require.ErrorContains(t, err, "userspace: attach lockspace")
	require.ErrorContains(t, err, "No such file")
	require.Equal(t, KindProgram, kindOf(err))
}

// The commands are what qemu-storage-daemon wants, and never hold a password.
func TestUserspaceCommands(t *testing.T) {
	h := newFakeHost(t)
	s := testSettings("userspace", "10.0.0.1,10.0.0.2")
	s.IQN, s.User, s.Password = testIQN, "he", config.Secret(testSecret)
	s.Metadata, s.Lockspace, s.Configuration = config.VolumeID{Volume: "1"}, config.VolumeID{Volume: "2"}, config.VolumeID{}
	secret, started := "", 0
	h.programs["qemu-storage-daemon"] = func(_ context.Context, spec child.Spec) (string, error) {
		require.NotContains(t, strings.Join(spec.Argv, " "), testSecret)
		text, err := os.ReadFile(h.root + s.UserspaceDir + "/.secret")
		require.NoError(t, err)
		secret = string(text)
		if strings.Contains(strings.Join(spec.Argv, " "), "portal=10.0.0.1:3260") {
			return "", failed("qemu-storage-daemon", 1, "Failed to connect")
		}
		started++
		pid := 4000 + started
		h.writeProcess(t, pid, 77)
		point := strings.TrimSuffix(option(spec.Argv, "--pidfile"), ".pid")
		require.NoError(t, os.WriteFile(h.root+option(spec.Argv, "--pidfile"), []byte(strconv.Itoa(pid)+"\n"), 0o600))
		h.mounts = append(h.mounts, mounted(point, "fuse", "/dev/fuse"))
		return "", nil
	}
	require.NoError(t, os.MkdirAll(h.root+"/proc/self", 0o755))
	d := newDriver(t, s, h.deps())
	require.Equal(t, "userspace "+testIQN+" 10.0.0.1,10.0.0.2", d.Describe())
	v, err := d.Connect(t.Context())
	require.NoError(t, err)
	require.Equal(t, s.UserspaceDir+"/whiteboard", v.Domain, "no domain of its own: what there is")
	require.Equal(t, testSecret, secret)
	require.NoFileExists(t, h.root+s.UserspaceDir+"/.secret")
	require.Equal(t, 2, started)
	command := h.commands()
	require.Contains(t, command[1], ",target="+testIQN+",lun=1,")
	require.Contains(t, command[1], ",user=he,password-secret=s")
	require.Contains(t, command[1], "--object secret,id=s,file="+s.UserspaceDir+"/.secret")
	require.Contains(t, command[3], ",lun=2,")

	require.NoError(t, os.WriteFile(h.root+s.UserspaceDir+"/.secret", []byte(testSecret), 0o600))
	_, err = d.Connect(t.Context())
	require.NoError(t, err)
	require.Empty(t, h.commands(), "found again, through whichever portal")
	require.NoFileExists(t, h.root+s.UserspaceDir+"/.secret", "left behind by a broker that was killed")

	h.programs["umount"] = func(_ context.Context, spec child.Spec) (string, error) {
		for i, m := range h.mounts {
			if m.Point == spec.Argv[len(spec.Argv)-1] {
				h.mounts = append(h.mounts[:i:i], h.mounts[i+1:]...)
				break
			}
		}
		return "", nil
	}
	require.NoError(t, d.Disconnect(t.Context()))
	require.Equal(t, []string{"SIGTERM 4002", "SIGTERM 4001"}, h.signals)

	s.Connection, s.IQN, s.Password, s.User = "[fd00::1]:/exports/he", "", "", ""
	s.Metadata.Image, s.Lockspace.Image = "image,1", "image2"
	u, err := newUserspace(newHost(s, h.deps()))
	require.NoError(t, err)
	argv := strings.Join(u.(*userspaceDriver).argv(u.(*userspaceDriver).volumes[0], 0), " ")
	require.Contains(t, argv, fmt.Sprintf("driver=nfs,node-name=n,server.type=inet,server.host=fd00::1,path=/exports/he/%s/images/image,,1/1,user=%d,", testDomain, os.Geteuid()))
	require.Len(t, u.(*userspaceDriver).volumes, 4, "with the domain's own metadata and lockspace")
}

// A start that is given up leaves no daemon behind that goes on trying for ever, also when the context is what ended it.
func TestUserspaceStartsThatAreGivenUpLeaveNothingBehind(t *testing.T) {
	h := newFakeHost(t)
	s := testSettings("userspace", "nas:/he")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	h.programs["qemu-storage-daemon"] = func(_ context.Context, spec child.Spec) (string, error) {
		for pid, line := range map[int]string{
			5001: strings.Join(spec.Argv, "\x00"), 5002: "qemu-storage-daemon\x00--pidfile\x00/somebody/else.pid",
		} {
			h.writeProcess(t, pid, 9)
			require.NoError(t, os.WriteFile(fmt.Sprintf("%s/proc/%d/comm", h.root, pid), []byte("qemu-storage-da\n"), 0o600))
			require.NoError(t, os.WriteFile(fmt.Sprintf("%s/proc/%d/cmdline", h.root, pid), []byte(line+"\x00"), 0o600))
		}
		cancel()
		return "", child.ErrDeadline
	}
	require.NoError(t, os.MkdirAll(h.root+"/proc/self", 0o755))
	_, err := newDriver(t, s, h.deps()).Connect(ctx)
	require.Equal(t, KindTimeout, kindOf(err), "%v", err)
	require.Equal(t, []string{"SIGTERM 5001"}, h.signals)
	require.DirExists(t, h.root+"/proc/5002")
}

// writeProcess puts a process into the fake machine's /proc.
func (h *FakeHost) writeProcess(t *testing.T, pid int, ticks uint64) {
	t.Helper()
	dir := fmt.Sprintf("%s/proc/%d", h.root, pid)
	require.NoError(t, os.MkdirAll(dir, 0o755))
	stat := fmt.Sprintf("%d (qemu (storage) d) S 1 %s %d 0", pid, strings.Repeat("0 ", 17), ticks)
	require.NoError(t, os.WriteFile(dir+"/stat", []byte(stat), 0o600))
}

func TestUserspaceSettings(t *testing.T) {
	for _, test := range []struct {
		change func(s *Settings)
		want   string
	}{
		{func(s *Settings) { s.UserspaceDir = "" }, "userspace_dir"},
		{func(s *Settings) { s.Connection = "nonsense" }, "storage_connection"},
		{func(s *Settings) { s.Connection = "-x:/a" }, "storage_connection"},
		{func(s *Settings) { s.Metadata.Volume = "" }, "metadata_volume"},
		{func(s *Settings) { s.Metadata.Volume = "../x" }, "metadata_volume"},
		{func(s *Settings) { s.SDUUID = "" }, "sd_uuid"},
		{func(s *Settings) { s.IQN, s.Connection = testIQN, "10.0.0.1" }, "metadata_volume"},
		{func(s *Settings) { s.IQN, s.Connection = testIQN, "" }, "storage_connection"},
	} {
		s := testSettings("userspace", "nas:/he")
		test.change(&s)
		_, err := New(s, Deps{})
		require.ErrorContains(t, err, test.want)
		require.Equal(t, KindSettings, kindOf(err))
	}
}

func TestParseStat(t *testing.T) {
	state, ticks, err := parseStat([]byte("12 (a) b) R 1 " + strings.Repeat("0 ", 17) + "99 0"))
	require.NoError(t, err)
	require.Equal(t, byte('R'), state)
	require.Equal(t, uint64(99), ticks)
	for _, bad := range []string{"", "12 (a", "12 (a) R 1 2", "12 (a) R " + strings.Repeat("x ", 30)} {
		_, _, err := parseStat([]byte(bad))
		require.Error(t, err, bad)
	}
}
