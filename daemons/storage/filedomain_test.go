package storage

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/child"
	"github.com/holdfast-ha/holdfast/daemons/mountinfo"
)

var fileVolumesOf = func(point string) Volumes {
	run := runLinks + "/" + testDomain
	return Volumes{
		Whiteboard: run + "/" + metaImage + "/" + metaVolume, Lockspace: run + "/" + lockImage + "/" + lockVolume,
		Configuration: run + "/" + confImage + "/" + confVolume,
		Domain:        point + "/" + testDomain + "/dom_md/metadata", DomainIDs: point + "/" + testDomain + "/dom_md/ids",
		DomainDir: point + "/" + testDomain, Sector: 512,
	}
}

func TestNFSConnectsAndDisconnects(t *testing.T) {
	for _, test := range []struct {
		version, options, fromVersion, connection string
	}{
		{"auto", "", "soft,nosharecache,timeo=100,retrans=3", "nas.example.com:/exports/he_data"},
		{"3", "", "soft,nosharecache,timeo=100,retrans=3,vers=3", "nas.example.com:/exports//he_data/"},
		{"4.1", "timeo=50,sec=krb5", "soft,nosharecache,timeo=100,retrans=3,vers=4.1,timeo=50,sec=krb5", "nas.example.com:/exports/./he_data"},
	} {
		h := newFakeHost(t)
		point := mnt + "/nas.example.com:_exports_he__data"
		s := testSettings("nfs", test.connection)
		s.NFSVersion, s.MountOptions = test.version, test.options
		d := newDriver(t, s, h.deps())
		require.Equal(t, "nfs nas.example.com:/exports/he_data", d.Describe())
		h.serve(point)

		v, err := d.Connect(t.Context())
		require.NoError(t, err)
		require.Equal(t, fileVolumesOf(point), v)
		require.Equal(t, "mount -t nfs -o "+test.fromVersion+" -- nas.example.com:/exports/he_data "+point, h.commands()[0])
		target, err := os.Readlink(h.root + runLinks + "/" + testDomain + "/" + metaImage)
		require.NoError(t, err)
		require.Equal(t, point+"/"+testDomain+"/images/"+metaImage, target)
		for name, want := range map[string]string{"hosted-engine.metadata": v.Whiteboard, "hosted-engine.lockspace": v.Lockspace} {
			target, err := os.Readlink(h.root + v.DomainDir + "/ha_agent/" + name)
			require.NoError(t, err)
			require.Equal(t, want, target)
		}
		left, err := filepath.Glob(h.root + v.DomainDir + "/ha_agent/.*")
		require.NoError(t, err)
		require.Empty(t, left, "temporary links")
		require.Empty(t, h.noted())

		// Again: nothing is mounted twice, and no link is written.
		again, err := d.Connect(t.Context())
		require.NoError(t, err)
		require.Equal(t, v, again)
		require.NotContains(t, strings.Join(h.commands(), "\n"), "mount -t")
		_, err = Reconnect(t.Context(), d)
		require.NoError(t, err)
		ran := strings.Join(h.commands(), "\n")
		require.NotContains(t, ran, "mount -t")
		require.NotContains(t, ran, "ln ", "what is right is not written again")

		// A broker that was started anew can disconnect what the earlier one connected.
		d = newDriver(t, s, h.deps())
		require.NoError(t, d.Disconnect(t.Context()))
		require.Equal(t, []string{"umount --internal-only --no-canonicalize --lazy -- " + point}, h.commands())
		require.NoFileExists(t, h.root+point)
		require.NoDirExists(t, h.root+runLinks+"/"+testDomain)
		require.NoError(t, d.Disconnect(t.Context()), "twice")
		require.Empty(t, h.commands())
	}
}

func TestGlusterFSAndPosix(t *testing.T) {
	for _, test := range []struct{ driver, vfs, options, connection, point, command string }{
		{"glusterfs", "", "", "g1:/he_vol/", mnt + "/glusterSD/g1:_he__vol", "mount -t glusterfs -- g1:/he_vol "},
		{"glusterfs", "", "backup-volfile-servers=g2", "g1:vol", mnt + "/glusterSD/g1:vol", "mount -t glusterfs -o backup-volfile-servers=g2 -- g1:vol "},
		{"posix", "xfs", "noatime", "/dev/vdb", mnt + "/_dev_vdb", "mount -t xfs -o noatime -- /dev/vdb "},
		{"posix", "ceph", "", "mon1,mon2:/", mnt + "/mon1,mon2:_", "mount -t ceph -- mon1,mon2:/ "},
	} {
		h := newFakeHost(t)
		s := testSettings(test.driver, test.connection)
		s.VFSType, s.MountOptions = test.vfs, test.options
		d := newDriver(t, s, h.deps())
		h.serve(test.point)
		v, err := d.Connect(t.Context())
		require.NoError(t, err)
		require.Equal(t, fileVolumesOf(test.point), v)
		require.Equal(t, test.command+test.point, h.commands()[0])
		_, err = d.Connect(t.Context())
		require.NoError(t, err, "again")
		require.NoError(t, d.Disconnect(t.Context()))
	}
}

// A dead mount of somebody else, side by side with the domain's, is never touched and never listed: FakeHost fails the test for it.
func TestAnothersDeadMountIsNotTouched_S20(t *testing.T) {
	h := newFakeHost(t)
	point := mnt + "/nas:_he"
	h.serve(point)
	for _, dead := range []string{"/dead:_one", "/nas:_he2", "/nas:_", "/glusterSD/g:_v"} {
		h.mounts = append(h.mounts, mounted(mnt+dead, "nfs", "dead"+dead))
	}
	d := newDriver(t, testSettings("nfs", "nas:/he"), h.deps())
	_, err := d.Connect(t.Context())
	require.NoError(t, err)
	_, err = Reconnect(t.Context(), d)
	require.NoError(t, err)
	require.NoError(t, d.Disconnect(t.Context()))
	require.Len(t, h.mounts, 4)
}

func TestWhatIsMountedThereAlready(t *testing.T) {
	point := mnt + "/nas:_he"
	for _, test := range []struct {
		name  string
		mount mountinfo.Mount
		want  string
	}{
		{"another server", mounted(point, "nfs4", "other:/he"), "other:/he of type nfs4 is mounted there"},
		{"another file system", mounted(point, "tmpfs", "nas:/he"), "is mounted there"},
		{"the same elsewhere", mounted(mnt+"/nas:_he_", "nfs", "nas:/he/"), "already mounted on " + mnt + "/nas:_he_"},
		{"the same outside", mounted("/mnt/mine", "nfs", "nas:/he"), ""},
		{"the same, with a slash", mounted(point, "nfs4", "nas:/he/"), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newFakeHost(t)
			h.serve(point)
			h.mounts = append(h.mounts, test.mount)
			if test.mount.Point == point {
				h.shared = append(h.shared, point)
			}
			d := newDriver(t, testSettings("nfs", "nas:/he"), h.deps())
			_, err := d.Connect(t.Context())
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.want)
			require.Equal(t, KindForeign, kindOf(err))
			require.NotContains(t, strings.Join(h.commands(), "\n"), "mount")
			if test.mount.Point == point {
				require.Equal(t, KindForeign, kindOf(d.Disconnect(t.Context())), "what is not ours is not unmounted")
				require.Len(t, h.mounts, 1)
			}
		})
	}
}

func TestStackedMountsAreAllTakenAway(t *testing.T) {
	h := newFakeHost(t)
	point := mnt + "/nas:_he"
	for range 3 {
		h.mounts = append(h.mounts, mounted(point, "nfs4", "nas:/he"))
	}
	h.programs["umount"] = func(context.Context, child.Spec) (string, error) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.mounts = h.mounts[:len(h.mounts)-1]
		return "", nil
	}
	require.NoError(t, newDriver(t, testSettings("nfs", "nas:/he"), h.deps()).Disconnect(t.Context()))
	require.Empty(t, h.mounts)
	require.Len(t, h.commands(), 3)
}

func TestMountThatFails(t *testing.T) {
	point := mnt + "/nas:_he"
	refused := &child.ExitError{Program: "mount", Code: 32, State: "exit status 32", Stderr: "mount.nfs: access denied by server"}
	h := newFakeHost(t)
	h.programs["mount"] = func(context.Context, child.Spec) (string, error) { return "", refused }
	d := newDriver(t, testSettings("nfs", "nas:/he"), h.deps())
	_, err := d.Connect(t.Context())
	require.ErrorContains(t, err, "nfs: mount nas:/he on "+point+": mount: exit status 32: mount.nfs: access denied by server")
	require.Equal(t, KindProgram, kindOf(err))

	h.programs["mount"] = func(context.Context, child.Spec) (string, error) {
		return "", fmt.Errorf("mount: %w: %w", child.ErrDeadline, child.ErrAbandoned)
	}
	_, err = d.Connect(t.Context())
	require.Equal(t, KindTimeout, kindOf(err))
	require.ErrorContains(t, err, "check server, network and paths")

	// The program was killed, but the mount had happened by then; or VDSM was faster.
	h.serve(point)
	h.programs["mount"] = func(ctx context.Context, spec child.Spec) (string, error) {
		_, err := h.mount(ctx, spec)
		require.NoError(t, err)
		return "", child.ErrDeadline
	}
	_, err = d.Connect(t.Context())
	require.NoError(t, err)
}

func TestWhatIsNotOnTheStorageIsNamed(t *testing.T) {
	point := mnt + "/nas:_he"
	h := newFakeHost(t)
	d := newDriver(t, testSettings("nfs", "nas:/he"), h.deps())
	_, err := d.Connect(t.Context())
	require.Equal(t, KindMissing, kindOf(err), "%v", err)
	require.ErrorContains(t, err, point+"/"+testDomain+"/dom_md/metadata")
	require.ErrorContains(t, err, "check sd_uuid")

	h.serve(point)
	require.NoError(t, os.Remove(h.root+point+"/"+testDomain+"/images/"+lockImage+"/"+lockVolume))
	_, err = d.Connect(t.Context())
	require.Equal(t, KindMissing, kindOf(err), "%v", err)
	require.ErrorContains(t, err, lockVolume)

	require.NoError(t, os.Mkdir(h.root+point+"/"+testDomain+"/images/"+lockImage+"/"+lockVolume, 0o755))
	_, err = d.Connect(t.Context())
	require.ErrorContains(t, err, "directory")

	require.NoError(t, os.WriteFile(h.root+point+"/"+testDomain+"/dom_md/metadata", []byte("SDUUID=other\n"), 0o600))
	_, err = d.Connect(t.Context())
	require.Equal(t, KindForeign, kindOf(err), "%v", err)
	require.ErrorContains(t, err, `it is the storage domain "other"`)
}

func TestAStaleMountIsMountedAnew(t *testing.T) {
	h := newFakeHost(t)
	point := mnt + "/nas:_he"
	h.serve(point)
	d := newDriver(t, testSettings("nfs", "nas:/he"), h.deps())
	_, err := d.Connect(t.Context())
	require.NoError(t, err)
	h.commands()

	h.programs["dd"] = func(ctx context.Context, spec child.Spec) (string, error) {
		if len(h.mounts) == 1 && !strings.Contains(strings.Join(h.commands(), "\n"), "umount") {
			return "", &child.ExitError{Program: "dd", Code: 1, State: "exit status 1", Stderr: "dd: failed to open: Stale file handle"}
		}
		return h.real(ctx, spec)
	}
	mounted := h.programs["mount"]
	h.programs["mount"] = func(ctx context.Context, spec child.Spec) (string, error) {
		h.serve(point)
		h.programs["dd"] = h.real
		return mounted(ctx, spec)
	}
	_, err = d.Connect(t.Context())
	require.ErrorContains(t, err, "Stale file handle")
	_, err = Reconnect(t.Context(), d)
	require.NoError(t, err)
	require.Contains(t, h.noted(), "mounting anew")
	require.Len(t, h.mounts, 1)

	// A hang is no reason to mount anew.
	h.programs["dd"] = func(context.Context, child.Spec) (string, error) { return "", child.ErrDeadline }
	h.commands()
	_, err = Reconnect(t.Context(), d)
	require.Equal(t, KindTimeout, kindOf(err))
	require.NotContains(t, strings.Join(h.commands(), "\n"), "umount")
}

// Two brokers that start at once make the same links: neither fails, and at no time a link is missing. What goes wrong with these links is
// noted and hinders nothing.
func TestCompatibilityLinksHinderNothing_S20(t *testing.T) {
	h := newFakeHost(t)
	point := mnt + "/nas:_he"
	h.serve(point)
	dir := h.root + point + "/" + testDomain + "/ha_agent"
	require.NoError(t, os.MkdirAll(dir, 0o755))
	require.NoError(t, os.Symlink("/somewhere/else", dir+"/hosted-engine.metadata"))
	d := newDriver(t, testSettings("nfs", "nas:/he"), h.deps())
	v, err := d.Connect(t.Context())
	require.NoError(t, err)
	target, err := os.Readlink(dir + "/hosted-engine.metadata")
	require.NoError(t, err)
	require.Equal(t, v.Whiteboard, target, "replaced")

	for _, program := range []string{"mkdir", "ln", "mv"} {
		h := newFakeHost(t)
		h.serve(point)
		h.programs[program] = func(context.Context, child.Spec) (string, error) { return "", child.ErrDeadline }
		_, err := newDriver(t, testSettings("nfs", "nas:/he"), h.deps()).Connect(t.Context())
		require.NoError(t, err, program)
		require.Contains(t, h.noted(), "hosted-engine.metadata", program)
	}
}

func TestRunLinksAreReplacedByARename(t *testing.T) {
	h := newFakeHost(t)
	point := mnt + "/nas:_he"
	h.serve(point)
	dir := h.root + runLinks + "/" + testDomain
	require.NoError(t, os.MkdirAll(dir, 0o755))
	require.NoError(t, os.Symlink("/old", dir+"/"+metaImage))
	require.NoError(t, os.Symlink("/vdsms/own", dir+"/another-image"))
	d := newDriver(t, testSettings("nfs", "nas:/he"), h.deps())
	_, err := d.Connect(t.Context())
	require.NoError(t, err)
	target, err := os.Readlink(dir + "/" + metaImage)
	require.NoError(t, err)
	require.Equal(t, point+"/"+testDomain+"/images/"+metaImage, target)

	require.NoError(t, os.Remove(dir+"/"+lockImage))
	require.NoError(t, os.Symlink("/changed/by/vdsm", dir+"/"+lockImage))
	require.NoError(t, d.Disconnect(t.Context()))
	names, err := machine{}.ReadDir(dir)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{lockImage, "another-image"}, names, "only what is still ours goes")

	require.NoError(t, os.MkdirAll(dir+"/"+metaImage+"/x", 0o755))
	h.serve(point)
	_, err = d.Connect(t.Context())
	require.Equal(t, KindLocal, kindOf(err), "a directory in the way: %v", err)
}

func TestPathsOfTheConfigurationWin(t *testing.T) {
	h := newFakeHost(t)
	point := mnt + "/nas:_he"
	h.serve(point)
	s := testSettings("nfs", "nas:/he")
	s.DomainPath, s.DomainIDsPath, s.SectorSize = "/d", "/i", 4096
	s.Configuration = testSettings("", "").Lockspace
	v, err := newDriver(t, s, h.deps()).Connect(t.Context())
	require.NoError(t, err)
	require.Equal(t, "/d", v.Domain)
	require.Equal(t, "/i", v.DomainIDs)
	require.Equal(t, 4096, v.Sector)
}
