package xmlrpc

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestErrorsDoNotFloodTheLog: a client in a loop must not fill the disk of a production host.
func TestErrorsDoNotFloodTheLog(t *testing.T) {
	var q quotas
	now := time.Unix(1000, 0)
	heard := 0
	for range 1000 {
		hear, missed := q.take("m", now)
		if hear {
			heard++
		}
		require.Zero(t, missed)
		now = now.Add(time.Millisecond)
	}
	require.Equal(t, quotaErrors, heard)
	hear, _ := q.take("other", now)
	require.True(t, hear, "another method has its own quota")
	hear, missed := q.take("m", now.Add(quotaTime))
	require.True(t, hear)
	require.Equal(t, 1000-quotaErrors, missed, "what was left out is counted")
}
