//go:build mutant_rpcwaits

package shell

import (
	"context"
	"time"
)

// beforeStats puts upstream's defect S1 back: put_stats and get_stats wait until the writer lane is idle, so they
// hang as long as storage does.
func (s *shell) beforeStats(ctx context.Context) {
	for s.storage.writer.State().Busy && ctx.Err() == nil {
		time.Sleep(5 * time.Millisecond)
	}
}
