package storage

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfast-ha/holdfast/daemons/config"
)

func TestSettingsThatCannotWork(t *testing.T) {
	for _, test := range []struct {
		driver string
		change func(s *Settings)
		want   string
	}{
		{"", func(*Settings) {}, "storage_driver: no storage is configured"},
		{"smb", func(*Settings) {}, `storage_driver: "smb" is none of path, nfs`},
		{"path", func(*Settings) {}, "whiteboard_path: is empty"},
		{"path", func(s *Settings) { s.WhiteboardPath = "/w" }, "lockspace_path: is empty"},
		{"nfs", func(s *Settings) { s.Connection = "" }, "storage_connection: is empty"},
		{"nfs", func(s *Settings) { s.Connection = "nas" }, "want SERVER:/PATH"},
		{"nfs", func(s *Settings) { s.Connection = "nas:he" }, "want SERVER:/PATH"},
		{"nfs", func(s *Settings) { s.Connection = "--help:/he" }, "begins with a dash"},
		{"nfs", func(s *Settings) { s.Connection = "nas:/h e" }, "blanks"},
		{"nfs", func(s *Settings) { s.MountOptions = "a b" }, "mount_options"},
		{"nfs", func(s *Settings) { s.SDUUID = "" }, "sd_uuid: is empty"},
		{"nfs", func(s *Settings) { s.SDUUID = "../../etc" }, "sd_uuid"},
		{"nfs", func(s *Settings) { s.Metadata.Image = "a/b" }, "metadata_image"},
		{"nfs", func(s *Settings) { s.Lockspace.Volume = ".." }, "lockspace_volume"},
		{"nfs", func(s *Settings) { s.Lockspace.Volume = "-rf" }, "lockspace_volume"},
		{"nfs", func(s *Settings) { s.Metadata.Volume = "" }, "metadata_volume: is empty"},
		{"nfs", func(s *Settings) { s.Configuration.Image = "" }, "configuration_image: is empty"},
		{"nfs", func(s *Settings) { s.Prepare = "vdsm" }, "VDSM is not used on this host"},
		{"glusterfs", func(s *Settings) { s.Connection = "g1:/" }, "want SERVER:/VOLUME"},
		{"posix", func(s *Settings) { s.Connection = "/dev/vdb" }, "vfs_type: is empty"},
		{"posix", func(s *Settings) { s.Connection, s.VFSType = "/dev/vdb", "-o" }, "vfs_type"},
		{"iscsi", func(s *Settings) { s.IQN = "" }, "iscsi_target: is empty"},
		{"iscsi", func(s *Settings) { s.Connection = "" }, "storage_connection: is empty"},
		{"iscsi", func(s *Settings) { s.Connection = "10.0.0.1:x" }, `"x" is no port`},
		{"iscsi", func(s *Settings) { s.Connection = "a,,b" }, "is no portal"},
		{"iscsi", func(s *Settings) { s.Port = "1,2,3" }, "iscsi_port: has 3 values for 2 portals"},
		{"iscsi", func(s *Settings) { s.Tpgt = "one" }, "iscsi_portal_group"},
		{"iscsi", func(s *Settings) { s.IQN = "iqn.a b" }, "iscsi_target"},
		{"iscsi", func(s *Settings) { s.Password = "p" }, "iscsi_user: is empty"},
		{"iscsi", func(s *Settings) { s.User, s.Password = "u", "p\nnode.x = 1" }, "iscsi_password: contains control characters"},
		{"iscsi", func(s *Settings) { s.IQN, s.User, s.Password = "iqn.a,iqn.b", "u", "p,q,r" }, "iscsi_password: has 3 values"},
	} {
		s := testSettings(test.driver, "nas:/he")
		if test.driver == "iscsi" {
			s.Connection, s.IQN = "10.0.0.1,10.0.0.2", testIQN
		}
		test.change(&s)
		_, err := New(s, newFakeHost(t).deps())
		require.ErrorContains(t, err, test.want, "%s", test.driver)
		require.Equal(t, KindSettings, kindOf(err))
		require.NotContains(t, err.Error(), "p,q,r")
	}
}

func TestTheDriverPathTakesWhatItIsGiven(t *testing.T) {
	var c config.Config
	c.Storage.Driver, c.WhiteboardPath, c.LockspacePath, c.ConfigurationPath = "path", "/w", "/l", "/c"
	d := newDriver(t, FromConfig(c), newFakeHost(t).deps())
	v, err := d.Connect(t.Context())
	require.NoError(t, err)
	require.Equal(t, Volumes{Whiteboard: "/w", Lockspace: "/l", Configuration: "/c", Domain: "/w", Sector: 512}, v)
	again, err := Reconnect(t.Context(), d)
	require.NoError(t, err)
	require.Equal(t, v, again)
	require.NoError(t, d.Disconnect(t.Context()))
	require.Equal(t, "path /w", d.Describe())
	c.DomainPath, c.SectorSize = "/d", 4096
	v, err = newDriver(t, FromConfig(c), Deps{}).Connect(t.Context())
	require.NoError(t, err)
	require.Equal(t, "/d", v.Domain)
	require.Equal(t, 4096, v.Sector)
}

func TestNothingPrintsThePassword(t *testing.T) {
	s := iscsiSettings()
	paths, err := parsePortals(s)
	require.NoError(t, err)
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		require.NotContains(t, fmt.Sprintf(format, s), testSecret, format)
		require.NotContains(t, fmt.Sprintf(format, paths), testSecret, format)
		require.NotContains(t, fmt.Sprintf(format, &paths[0]), testSecret, format)
	}
}

func TestPortalsArePairedWithTheOtherLists(t *testing.T) {
	s := iscsiSettings()
	s.Connection, s.Port = "10.0.0.1,10.0.0.2", "3260,3270"
	s.IQN, s.Tpgt, s.User, s.Password = "iqn.a,iqn.b", "1,2", "ua,ub", "pa,pb"
	paths, err := parsePortals(s)
	require.NoError(t, err)
	require.Equal(t, []iscsiPath{
		{IQN: "iqn.a", Address: "10.0.0.1", Port: "3260", Tpgt: "1", User: "ua", Password: "pa"},
		{IQN: "iqn.b", Address: "10.0.0.2", Port: "3270", Tpgt: "2", User: "ub", Password: "pb"},
	}, paths)
	s.IQN, s.Password, s.Tpgt, s.User, s.Port = "iqn.a", "p,with,commas", "1", "u", ""
	paths, err = parsePortals(s)
	require.NoError(t, err)
	require.Equal(t, "p,with,commas", paths[1].Password.Reveal(), "one target: the password is one")
	require.Equal(t, "3260", paths[1].Port)
}

func TestEscape(t *testing.T) {
	for source, want := range map[string]string{
		"nas:/exports/he": "nas:_exports_he", "nas:/a_b/c__d": "nas:_a__b_c____d", "[fd00::1]:/x": "[fd00::1]:_x", "": "",
	} {
		require.Equal(t, want, escape(source))
	}
	// Different normal paths never share a mount point.
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[a_]{1,3}(/[a_]{1,3}){0,3}`)
		a, b := "n:/"+name.Draw(t, "a"), "n:/"+name.Draw(t, "b")
		if a != b && escape(a) == escape(b) && !strings.Contains(a, "_/") && !strings.Contains(b, "_/") && !strings.Contains(a, "/_") && !strings.Contains(b, "/_") {
			t.Fatalf("%s and %s are both %s", a, b, escape(a))
		}
	})
}

func TestNormalize(t *testing.T) {
	for source, want := range map[string]string{
		"nas:/he/": "nas:/he", "nas://he//x/./y/": "nas:/he/x/y", "nas:/": "nas:/", "[fd00::1]:/he/": "[fd00::1]:/he", "g1:vol/": "g1:vol",
		"/dev//vdb": "/dev/vdb", "tmpfs": "tmpfs", "nas:/a/../b": "nas:/b",
	} {
		require.Equal(t, want, normalize(source))
	}
	rapid.Check(t, func(t *rapid.T) {
		once := normalize(rapid.StringMatching(`[a-z]*(\[[a-f0-9:]+\])?:?[/.a-z_]*`).Draw(t, "source"))
		if twice := normalize(once); twice != once {
			t.Fatalf("%q becomes %q", once, twice)
		}
	})
}

func FuzzParseMetadata(f *testing.F) {
	f.Add("BLOCK_SIZE=4096\nSDUUID=x\n")
	f.Add("MDT_BLOCK_SIZE=520")
	f.Add("=\x00\n")
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := parseMetadata(text, "x"); err == nil && n != 512 && n != 4096 {
			t.Errorf("sector %d", n)
		}
		if n, err := parseTags(text, "x"); err == nil && n != 512 && n != 4096 {
			t.Errorf("sector %d", n)
		}
		parseIfaces(text)
		parseDiscovery(text, "x")
		_, _ = parseDeviceMaps(text, "x")
	})
}

func TestParseDeviceMaps(t *testing.T) {
	maps, err := parseDeviceMaps("a--b-lv1\t0\na--b-lv--2\t1\na--b--c-lv\t1\nother\t1\nNo devices found\n", "a-b")
	require.NoError(t, err)
	require.Equal(t, []deviceMap{{"a--b-lv1", 0}, {"a--b-lv--2", 1}}, maps, "a group with a longer name is another one")
	_, err = parseDeviceMaps("a--b-lv1\tx\n", "a-b")
	require.Error(t, err)
}

func TestWithCHAP(t *testing.T) {
	p := iscsiPath{User: "u", Password: "p = #1"}
	want := "node.session.auth.authmethod = CHAP\nnode.session.auth.username = u\nnode.session.auth.password = p = #1\n"
	require.Equal(t, "# BEGIN RECORD\na = 1\n"+want+"# END RECORD\n",
		withCHAP("# BEGIN RECORD\na = 1\nnode.session.auth.password = old\nnode.session.auth.authmethod = None\n# END RECORD\n", p))
	require.Equal(t, "a = 1\n"+want, withCHAP("a = 1", p))
	require.Equal(t, want, withCHAP("", p))
	once := withCHAP("a = 1\n# END RECORD\n", p)
	require.Equal(t, once, withCHAP(once, p))
}
