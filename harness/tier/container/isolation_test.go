package container

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/faults/faultfs"
)

// A hang of one segment's writes must stay with the host that writes it. It did not at first: a COMMIT or SYNCHRONIZE CACHE of any
// host became an fsync on the fault file system, which waits in the server's kernel for the inode that the held write keeps, and
// every later request for the file queued up behind it.
func TestHangOfOneSegmentLeavesTheOthersAlone(t *testing.T) {
	for _, kind := range []Kind{NFS, ISCSI} {
		t.Run(string(kind), func(t *testing.T) {
			c := up(t, Options{Storage: kind, StopAfter: StageAttached})
			write := func(h *Host, flags string) error {
				ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
				defer cancel()
				_, err := h.Run(ctx, "dd", "if=/dev/zero", "of=/storage/whiteboard.img", "bs=4096", "count=1", fmt.Sprintf("seek=%d", h.ID), "conv=notrunc", "oflag="+flags)
				return err
			}
			for _, h := range c.Hosts {
				require.NoError(t, write(h, "direct,sync"), "before the fault")
			}
			fs := faultfs.Client{Socket: c.Storage.FaultSocket}
			_, err := fs.Add(t.Context(), faultfs.Rule{Kind: faultfs.Hang, Ops: []faultfs.Op{"write"}, File: "whiteboard.img", OffsetFrom: 2 * 4096, OffsetTo: 3 * 4096})
			require.NoError(t, err)
			var victim sync.WaitGroup
			victim.Go(func() { _ = write(c.Hosts[1], "direct,sync") }) // it hangs
			require.Eventually(t, func() bool {
				s, err := fs.Status(t.Context())
				return err == nil && s.Held > 0
			}, 5*time.Second, 20*time.Millisecond, "no write was held")

			for round := range 3 {
				for _, h := range []*Host{c.Hosts[0], c.Hosts[2]} {
					require.NoError(t, write(h, "direct,sync"), "%s writes its own segment, round %d", h.Name, round)
				}
				for _, h := range c.Hosts {
					ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
					_, err := h.Attendant.ReadBlock(ctx, "/storage/whiteboard.img", 0, 16<<10)
					cancel()
					require.NoError(t, err, "%s reads, round %d", h.Name, round)
				}
			}
			_, err = fs.ClearAll(t.Context())
			require.NoError(t, err)
			victim.Wait()
		})
	}
}
