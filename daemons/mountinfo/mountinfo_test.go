package mountinfo

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	table := Parse("22 1 0:1 / / rw shared:1 master:2 - ext4 /dev/vda rw\nnonsense\n35 22 - \n" +
		`30 22 0:40 /sub /a\040b\134c rw - fuse.glusterfs g:/v rw` + "\n" + "31 22 0:41 / /x rw - tmpfs scratch rw\n32 22 0:41 / /x rw - nfs4 n:/x rw\n")
	require.Len(t, table, 4)
	m, ok := table.At(`/a b\c`)
	require.True(t, ok)
	require.Equal(t, Mount{Root: "/sub", Point: `/a b\c`, Type: "fuse.glusterfs", Source: "g:/v"}, m)
	require.Equal(t, "g:/v of type fuse.glusterfs", m.String())
	m, ok = table.At("/x")
	require.True(t, ok)
	require.Equal(t, "n:/x", m.Source, "the upper one")
	_, ok = table.At("/y")
	require.False(t, ok)
}

func FuzzParse(f *testing.F) {
	f.Add("36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n")
	f.Add(`41 22 0:39 / /a\040b rw - nfs4 nas:/he\134x rw` + "\n")
	f.Add("- - -\n")
	f.Add("\\ - \\9 - ")
	f.Fuzz(func(t *testing.T, text string) {
		for _, m := range Parse(text) {
			if m.Point == "" || m.Type == "" {
				t.Errorf("%+v of %q", m, text)
			}
		}
	})
}
