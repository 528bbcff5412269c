package container

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/faults/faultfs"
	"github.com/holdfast-ha/holdfast/faults/media"
)

// TestErrorsOfTheMediumReachTheHost follows each error from the fault file system through the server and the attachment to a writer on
// the host, and sees that all is well once it is over. Which error it was does not arrive: the attachment's NFS client makes EFAULT of
// every one, and a target can only say that its medium failed. So a broker must not need a certain error to notice.
func TestErrorsOfTheMediumReachTheHost(t *testing.T) {
	for _, kind := range []Kind{NFS, ISCSI} {
		t.Run(string(kind), func(t *testing.T) {
			c := up(t, Options{Storage: kind, Hosts: 2, StopAfter: StageAttached})
			write := func(h *Host, segment int) error {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				_, err := h.Run(ctx, "dd", "if=/dev/zero", "of=/storage/whiteboard.img", "bs=4096", "count=1", fmt.Sprintf("seek=%d", segment), "conv=notrunc", "oflag=direct,sync")
				return err
			}
			for _, name := range faultfs.Errors() {
				segment := 1
				f, err := media.New(media.Options{
					FileSystem: faultfs.Client{Socket: c.Storage.FaultSocket}, Error: name, Host: "host1", File: "whiteboard.img", Segment: &segment,
				})
				require.NoError(t, err)
				live(t, f, func() {
					require.ErrorContains(t, write(c.Hosts[0], 1), map[Kind]string{NFS: "Bad address", ISCSI: "Input/output error"}[kind], name)
					require.NoError(t, write(c.Hosts[0], 2), "%s: another segment", name)
					require.NoError(t, write(c.Hosts[1], 1), "%s: another host", name)
				})
				require.NoError(t, write(c.Hosts[0], 1), "after %s", name)
			}
		})
	}
}
