package storage

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/child"
	"github.com/holdfast-ha/holdfast/daemons/config"
)

func iscsiSettings() Settings {
	s := testSettings("iscsi", "10.0.0.1,10.0.0.2:3261,[fd00::9]")
	s.IQN, s.Tpgt, s.User, s.Password = testIQN, "3", "he", config.Secret(testSecret)
	return s
}

// spotless fails the test if the secret was anywhere but in the record.
func (f *FakeTarget) spotless(err error) {
	f.t.Helper()
	for _, text := range append(f.commands(), f.noted(), fmt.Sprint(err)) {
		require.NotContains(f.t, text, testSecret, "the password shows")
	}
}

func TestISCSIConnectsAndDisconnects(t *testing.T) {
	f := newFakeTarget(t)
	f.down["10.0.0.2:3261"] = true
	d := newDriver(t, iscsiSettings(), f.deps())
	require.Equal(t, "iscsi "+testIQN+" at 10.0.0.1,10.0.0.2:3261,[fd00::9]", d.Describe())
	v, err := d.Connect(t.Context())
	require.NoError(t, err)
	run := runLinks + "/" + testDomain
	require.Equal(t, Volumes{
		Whiteboard: run + "/" + metaImage + "/" + metaVolume, Lockspace: run + "/" + lockImage + "/" + lockVolume,
		Configuration: run + "/" + confImage + "/" + confVolume, Domain: "/dev/" + testDomain + "/metadata", DomainIDs: "/dev/" + testDomain + "/ids",
		DomainDir: mnt + "/blockSD/" + testDomain, Sector: 512, LVMConfig: v.LVMConfig,
	}, v)
	require.Contains(t, v.LVMConfig, `filter=["a|^/dev/sdb$|","r|.*|"]`)
	target, err := os.Readlink(f.root + v.Whiteboard)
	require.NoError(t, err)
	require.Equal(t, "/dev/"+testDomain+"/"+metaVolume, target)
	target, err = os.Readlink(f.root + v.DomainDir + "/ha_agent/hosted-engine.metadata")
	require.NoError(t, err)
	require.Equal(t, v.Whiteboard, target)
	require.Equal(t, map[string]bool{"10.0.0.1:3260": true, "[fd00::9]:3260": true}, f.sessions, "one path that is down hinders nothing (upstream's bug 1543424)")
	require.Contains(t, f.noted(), "path "+testIQN+" at 10.0.0.2:3261 is down")
	commands := strings.Join(f.commands(), "\n")
	require.Contains(t, commands, `devices { filter=["a|^/dev/sdb$|","r|.*|"]`, "LVM looks at the target's disks only")
	require.NotContains(t, commands, testSecret)
	info, err := os.Stat(f.root + "/var/lib/iscsi/nodes/" + testIQN + "/10.0.0.1,3260,3/default")
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	stray, err := machine{}.ReadDir(f.root + "/var/lib/iscsi")
	require.NoError(t, err)
	require.Equal(t, []string{"nodes"}, stray)

	again, err := newDriver(t, iscsiSettings(), f.deps()).Connect(t.Context())
	require.NoError(t, err, "sessions that are there are fine")
	require.Equal(t, v, again)

	whiteboard := strings.ReplaceAll(testDomain, "-", "--") + "-" + strings.ReplaceAll(metaVolume, "-", "--")
	f.open[whiteboard] = 1
	err = d.Disconnect(t.Context())
	require.Equal(t, KindInUse, kindOf(err), "%v", err)
	require.ErrorContains(t, err, whiteboard+" is open")
	require.Len(t, f.sessions, 2, "nothing was taken away")
	require.Len(t, f.active, 5)

	f.open[whiteboard] = 0
	require.NoError(t, d.Disconnect(t.Context()))
	require.Empty(t, f.sessions)
	require.Empty(t, f.active)
	require.NoDirExists(t, f.root+run)
	require.NoFileExists(t, f.root+"/var/lib/iscsi/nodes/"+testIQN+"/10.0.0.1,3260,3/default", "the password stays on the disk")
	require.NoError(t, d.Disconnect(t.Context()), "twice")
	f.spotless(nil)
}

func TestISCSIWithNoGoodPath(t *testing.T) {
	f := newFakeTarget(t)
	for _, portal := range []string{"10.0.0.1:3260", "10.0.0.2:3261", "[fd00::9]:3260"} {
		f.down[portal] = true
	}
	_, err := newDriver(t, iscsiSettings(), f.deps()).Connect(t.Context())
	require.ErrorContains(t, err, "none of 3 paths")
	require.ErrorContains(t, err, "connection timed out")
	f.spotless(err)

	s := iscsiSettings()
	s.Password = "wrong"
	f = newFakeTarget(t)
	_, err = newDriver(t, s, f.deps()).Connect(t.Context())
	require.ErrorContains(t, err, "authorization failure")

	s.IQN = "iqn.2026-01.com.example:absent"
	_, err = newDriver(t, s, f.deps()).Connect(t.Context())
	require.ErrorContains(t, err, "does not offer the target")
}

func TestDiscoveryThatIsRefusedDoesNoHarm(t *testing.T) {
	f := newFakeTarget(t)
	f.programs["iscsiadm"] = func(ctx context.Context, spec child.Spec) (string, error) {
		if option(spec.Argv, "--mode") == "discovery" {
			return "", failed("iscsiadm", 24, "authorization failure")
		}
		return f.iscsiadm(ctx, spec)
	}
	_, err := newDriver(t, iscsiSettings(), f.deps()).Connect(t.Context())
	require.NoError(t, err)
	s := iscsiSettings()
	s.Tpgt = ""
	_, err = newDriver(t, s, f.deps()).Connect(t.Context())
	require.ErrorContains(t, err, "discovery: ", "without a portal group it is needed")
}

func TestDiscoveryTellsThePortalGroup(t *testing.T) {
	f := newFakeTarget(t)
	s := iscsiSettings()
	s.Tpgt = ""
	_, err := newDriver(t, s, f.deps()).Connect(t.Context())
	require.NoError(t, err)
	require.FileExists(t, f.root+"/var/lib/iscsi/nodes/"+testIQN+"/10.0.0.1,3260,3/default")
	require.FileExists(t, f.root+"/var/lib/iscsi/nodes/"+testIQN+"/fd00::9,3260,4/default")
}

func TestInterfacesAndTheBlacklist(t *testing.T) {
	f := newFakeTarget(t)
	f.ifaces += "eth1if tcp,<empty>,<empty>,eth1,<empty>\neth2if tcp,aa:bb,10.0.0.9,eth2,iqn.x\nhw bnx2i,aa,bb,eth3,<empty>\n"
	s := iscsiSettings()
	s.ISCSIBlacklist = "eth2if<>10.0.0.1, eth1if<>10.0.0.2:3261,eth2if<>fd00::9"
	d, err := newISCSI(newHost(s, f.deps()))
	require.NoError(t, err)
	paths, err := d.paths(t.Context())
	require.NoError(t, err)
	var got []string
	for _, p := range paths {
		got = append(got, p.Iface+" "+p.portal())
	}
	require.Equal(t, []string{"eth1if 10.0.0.1:3260", "eth2if 10.0.0.2:3261", "eth1if [fd00::9]:3260"}, got)

	_, err = newDriver(t, s, f.deps()).Connect(t.Context())
	require.NoError(t, err)
	require.FileExists(t, f.root+"/var/lib/iscsi/nodes/"+testIQN+"/10.0.0.1,3260,3/eth1if")

	s.ISCSIBlacklist = "default<>10.0.0.1,default<>10.0.0.2,default<>fd00::9"
	_, err = newDriver(t, s, newFakeTarget(t).deps()).Connect(t.Context())
	require.ErrorContains(t, err, "leaves no path")
}

func TestDisksThatAreUsedByOthersStay(t *testing.T) {
	f := newFakeTarget(t)
	d := newDriver(t, iscsiSettings(), f.deps())
	_, err := d.Connect(t.Context())
	require.NoError(t, err)
	f.multipath("sdb", "dm-4", "3600deadbeef")
	f.commands()
	_, err = d.Connect(t.Context())
	require.NoError(t, err)
	require.Contains(t, strings.Join(f.commands(), "\n"), `"a|^/dev/mapper/3600deadbeef$|"`)

	require.NoError(t, os.MkdirAll(f.root+"/sys/block/dm-4/holders/dm-9", 0o755))
	f.sys("/sys/block/dm-9/dm/name", "another-lv")
	err = d.Disconnect(t.Context())
	require.Equal(t, KindInUse, kindOf(err), "%v", err)
	require.ErrorContains(t, err, "disk sdb is used by another-lv")
	require.NotEmpty(t, f.sessions)

	require.NoError(t, os.Remove(f.root+"/sys/block/dm-4/holders/dm-9"))
	f.mounts = append(f.mounts, mounted("/data", "xfs", "/dev/mapper/3600deadbeef"))
	require.ErrorContains(t, d.Disconnect(t.Context()), "the file system on /data")
	f.mounts = nil
	f.commands()
	require.NoError(t, d.Disconnect(t.Context()))
	require.Contains(t, f.commands(), "multipath -f 3600deadbeef")
}

func TestAVolumeGroupThatAppearsLate(t *testing.T) {
	f := newFakeTarget(t)
	delete(f.groups, testDomain)
	f.programs["vgs"] = func(ctx context.Context, spec child.Spec) (string, error) {
		defer func() { f.groups[testDomain] = true }()
		return f.vgs(ctx, spec)
	}
	_, err := newDriver(t, iscsiSettings(), f.deps()).Connect(t.Context())
	require.NoError(t, err)
	require.Contains(t, strings.Join(f.commands(), "\n"), "iscsiadm --mode session --rescan")

	ctx, cancel := context.WithCancel(t.Context())
	f = newFakeTarget(t)
	f.programs["vgs"] = func(context.Context, child.Spec) (string, error) {
		cancel()
		return "", failed("vgs", 5, "not found")
	}
	_, err = newDriver(t, iscsiSettings(), f.deps()).Connect(ctx)
	require.Equal(t, KindMissing, kindOf(err), "%v", err)
	require.ErrorContains(t, err, "look for the volume group "+testDomain)
}

func TestLogicalVolumesThatAreMissing(t *testing.T) {
	f := newFakeTarget(t)
	f.programs["lvchange"] = func(context.Context, child.Spec) (string, error) {
		return "", failed("lvchange", 5, `Failed to find logical volume "x/y"`)
	}
	_, err := newDriver(t, iscsiSettings(), f.deps()).Connect(t.Context())
	require.Equal(t, KindMissing, kindOf(err), "%v", err)

	f.programs["lvchange"] = func(context.Context, child.Spec) (string, error) { return "", nil }
	_, err = newDriver(t, iscsiSettings(), f.deps()).Connect(t.Context())
	require.ErrorContains(t, err, "check that udev runs")

	f.programs["vgs"] = func(context.Context, child.Spec) (string, error) {
		return "MDT_SDUUID=" + testDomain + ",MDT_BLOCK_SIZE=4096", nil
	}
	f.programs["lvchange"] = f.lvchange
	v, err := newDriver(t, iscsiSettings(), f.deps()).Connect(t.Context())
	require.NoError(t, err)
	require.Equal(t, 4096, v.Sector)
}

func TestFibreChannel(t *testing.T) {
	f := newFakeTarget(t)
	f.disk("sda", "pci0000:00/host0/rport-0:0-1/target0:0:0/0:0:0:0", "running")
	f.disk("sdc", "pci0000:00/host0/rport-0:0-2/target0:0:1/0:0:1:0", "offline")
	f.disk("sdd", "pci0000:00/ata1/host9/target9:0:0/9:0:0:0", "running")
	require.NoError(t, os.MkdirAll(f.root+"/sys/class/fc_host/host0", 0o755))
	delete(f.programs, "iscsiadm")
	scanned := false
	f.programs["tee"] = func(_ context.Context, spec child.Spec) (string, error) {
		scanned = true
		require.Equal(t, []string{"tee", "/sys/class/scsi_host/host0/scan"}, spec.Argv)
		require.Equal(t, "- - -\n", string(spec.Stdin))
		f.groups[testDomain] = true
		return "", nil
	}
	delete(f.groups, testDomain)
	d := newDriver(t, testSettings("fc", ""), f.deps())
	v, err := d.Connect(t.Context())
	require.NoError(t, err)
	require.True(t, scanned)
	require.Equal(t, "/dev/"+testDomain+"/metadata", v.Domain)
	require.Contains(t, strings.Join(f.commands(), "\n"), `filter=["a|^/dev/sda$|","r|.*|"]`, "running disks of the fabric only")
	require.NoError(t, d.Disconnect(t.Context()))
	require.Empty(t, f.active)
}
