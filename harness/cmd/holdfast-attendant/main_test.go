package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-ha/holdfast/harness/attendant"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestServesUntilTold(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "hfatt")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "a.sock")
	ctx, cancel := context.WithCancel(t.Context())
	code := make(chan int, 1)
	var stderr bytes.Buffer
	go func() { code <- run(ctx, []string{"--socket", socket}, &bytes.Buffer{}, &stderr) }()
	ready, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	require.NoError(t, attendant.NewClient(socket).WaitReady(ready))
	cancel()
	require.Equal(t, 0, <-code, stderr.String())
}

func TestUsageAndFailures(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"argument":         {[]string{"serve"}, 2, `unexpected argument "serve"`},
		"flag":             {[]string{"--nonsense"}, 2, "nonsense"},
		"socket directory": {[]string{"--socket", "/nonexistent/a.sock"}, 1, "/nonexistent/a.sock"},
		"no address":       {[]string{"check-export"}, 2, "--addr is needed"},
		"no sanlock":       {[]string{"format", "--sanlock-socket", "/nonexistent/s.sock", "--lockspace-path", "/x", "--lease-path", "/y"}, 1, "/nonexistent/s.sock"},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			require.Equal(t, c.code, run(t.Context(), c.args, &stdout, &stderr))
			require.Contains(t, stderr.String(), c.says)
		})
	}
}
