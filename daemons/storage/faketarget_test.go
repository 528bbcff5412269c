package storage

import (
	"context"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/child"
)

const (
	testIQN    = "iqn.2026-01.com.example:he"
	testSecret = "s3cret-Of-The-Target"
)

// FakeTarget adds to a FakeHost the initiator, LVM, the device mapper and the kernel's /sys, for one target with one LUN.
type FakeTarget struct {
	*FakeHost
	down     map[string]bool // portals that do not answer
	sessions map[string]bool // portals with a session
	active   []string        // logical volumes
	open     map[string]int  // how often each is open
	ifaces   string
	groups   map[string]bool // volume groups on the LUN
}

func newFakeTarget(t *testing.T) *FakeTarget {
	t.Helper()
	f := &FakeTarget{
		FakeHost: newFakeHost(t), down: map[string]bool{}, sessions: map[string]bool{}, open: map[string]int{},
		ifaces: "default tcp,<empty>,<empty>,<empty>,<empty>\niser iser,<empty>,<empty>,<empty>,<empty>\n",
		groups: map[string]bool{testDomain: true},
	}
	f.programs["iscsiadm"], f.programs["vgs"], f.programs["lvchange"], f.programs["dmsetup"] = f.iscsiadm, f.vgs, f.lvchange, f.dmsetup
	f.programs["multipath"] = func(context.Context, child.Spec) (string, error) { return "", nil }
	require.NoError(t, os.MkdirAll(f.root+"/var/lib/iscsi/nodes", 0o755))
	f.sys("/sys/block/vda/device/state", "running")
	return f
}

func (f *FakeTarget) sys(file, text string) {
	f.t.Helper()
	require.NoError(f.t, os.MkdirAll(path.Dir(f.root+file), 0o755))
	require.NoError(f.t, os.WriteFile(f.root+file, []byte(text+"\n"), 0o600))
}

// disk makes a SCSI disk appear below a device of /sys.
func (f *FakeTarget) disk(name, device, state string) {
	f.t.Helper()
	at := "/sys/devices/" + device + "/block/" + name
	f.sys(at+"/device/state", state)
	require.NoError(f.t, os.MkdirAll(f.root+at+"/holders", 0o755))
	if _, err := os.Lstat(f.root + "/sys/block/" + name); err != nil {
		require.NoError(f.t, os.Symlink("../devices/"+device+"/block/"+name, f.root+"/sys/block/"+name))
	}
}

func (f *FakeTarget) multipath(disk, dm, name string) {
	f.t.Helper()
	require.NoError(f.t, os.MkdirAll(f.root+"/sys/block/"+disk+"/holders/"+dm, 0o755))
	f.sys("/sys/block/"+dm+"/dm/uuid", "mpath-"+name)
	f.sys("/sys/block/"+dm+"/dm/name", name)
}

func option(argv []string, name string) string {
	if i := slices.Index(argv, name); i >= 0 && i+1 < len(argv) {
		return argv[i+1]
	}
	return ""
}

func failed(program string, code int, text string) error {
	return &child.ExitError{Program: program, Code: code, State: fmt.Sprintf("exit status %d", code), Stderr: text}
}

func (f *FakeTarget) iscsiadm(_ context.Context, spec child.Spec) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	argv := spec.Argv
	portal, _, _ := strings.Cut(option(argv, "--portal"), ",")
	switch mode := option(argv, "--mode"); {
	case mode == "iface":
		return f.ifaces, nil
	case mode == "session":
		return "", nil
	case mode == "discovery" && f.down[portal]:
		return "", failed("iscsiadm", 4, "cannot make connection to "+portal)
	case mode == "discovery":
		return portal + ",7 iqn.other\n" + portal + ",3 " + testIQN + "\n[fd00::9]:3260,4 " + testIQN + "\n", nil
	case option(argv, "--op") == "new":
		return "", f.newRecord(argv)
	case option(argv, "--op") == "update":
		return "", nil
	case option(argv, "--op") == "delete":
		if os.Remove(f.record(argv)) != nil {
			return "", failed("iscsiadm", 21, "No records found")
		}
		return "", nil
	case slices.Contains(argv, "--login"):
		return "", f.login(argv, portal)
	case slices.Contains(argv, "--logout"):
		if !f.sessions[portal] {
			return "", failed("iscsiadm", 21, "No matching sessions found")
		}
		delete(f.sessions, portal)
		return "", nil
	}
	return "", failed("iscsiadm", 7, "what?")
}

func (f *FakeTarget) record(argv []string) string {
	portal, tpgt, _ := strings.Cut(option(argv, "--portal"), ",")
	iface := option(argv, "--interface")
	if iface == "" {
		iface = "default"
	}
	i := strings.LastIndex(portal, ":")
	return f.root + "/var/lib/iscsi/nodes/" + option(argv, "--targetname") + "/" + strings.Trim(portal[:i], "[]") + "," + portal[i+1:] + "," + tpgt + "/" + iface
}

func (f *FakeTarget) newRecord(argv []string) error {
	file := f.record(argv)
	if err := os.MkdirAll(path.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, []byte("# BEGIN RECORD 2.1.8\nnode.name = "+testIQN+"\nnode.session.auth.authmethod = None\n# END RECORD\n"), 0o600)
}

func (f *FakeTarget) login(argv []string, portal string) error {
	if f.down[portal] {
		return failed("iscsiadm", 8, "connection timed out")
	}
	text, err := os.ReadFile(f.record(argv))
	if err != nil || !strings.Contains(string(text), "node.session.auth.password = "+testSecret) {
		return failed("iscsiadm", 24, "authorization failure")
	}
	if f.sessions[portal] {
		return failed("iscsiadm", 15, "session exists")
	}
	f.sessions[portal] = true
	f.sys("/sys/class/iscsi_session/session7/targetname", testIQN)
	f.disk("sdb", "platform/host3/session7/target3:0:0/3:0:0:0", "running")
	return nil
}

func (f *FakeTarget) vgs(context.Context, child.Spec) (string, error) {
	if !f.groups[testDomain] {
		return "", failed("vgs", 5, "Volume group not found")
	}
	return "  MDT_BLOCK_SIZE=512,MDT_CLASS=Data,MDT_SDUUID=" + testDomain + ",RHAT_storage_domain\n", nil
}

func (f *FakeTarget) lvchange(_ context.Context, spec child.Spec) (string, error) {
	for _, name := range spec.Argv[slices.Index(spec.Argv, "--")+1:] {
		group, volume, _ := strings.Cut(name, "/")
		dm := strings.ReplaceAll(group, "-", "--") + "-" + strings.ReplaceAll(volume, "-", "--")
		if !slices.Contains(f.active, dm) {
			f.active = append(f.active, dm)
		}
		f.sys("/dev/"+name, "")
	}
	return "", nil
}

func (f *FakeTarget) dmsetup(_ context.Context, spec child.Spec) (string, error) {
	if spec.Argv[1] == "remove" {
		f.active = slices.DeleteFunc(f.active, func(name string) bool { return name == spec.Argv[len(spec.Argv)-1] })
		return "", nil
	}
	out := "other-root\t1\n"
	for _, name := range f.active {
		out += fmt.Sprintf("%s\t%d\n", name, f.open[name])
	}
	return out, nil
}
