package child

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/mountinfo"
)

func TestRemoteMounts(t *testing.T) {
	m := mounts{mountinfo.Parse(`22 1 254:0 / / rw,relatime shared:1 - fuse.sshfs host:/ rw
30 22 0:26 / /mnt/a\040b\134 rw shared:2 master:1 - nfs4 server:/export rw,vers=4.2
31 22 0:27 / /mnt/over rw - nfs server:/x rw
32 22 0:28 / /mnt/over rw - tmpfs none rw
33 22 0:29 / /home rw - autofs systemd-1 rw
34 22 0:30 / /images rw - fuse.glusterfs server:/vol rw
damaged line
35 22 - 
`)}
	for point, want := range map[string]bool{
		"/": false, "/mnt/a b\\": true, "/mnt/over": false, "/home": true, "/images": true, "/nowhere": false,
	} {
		require.Equal(t, want, m.isRemote(point), point)
	}
}
