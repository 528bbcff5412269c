//go:build !mutant_rpcwaits

package shell

import "context"

// beforeStats is called before put_stats and get_stats are answered. It does nothing: no method waits for storage.
func (*shell) beforeStats(context.Context) {}
